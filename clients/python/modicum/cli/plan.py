"""`modicum plan`: how many images each rule of a policy needs, and what that costs. Judges nothing for good."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from modicum.cli import options
from modicum.cli.consoles import print_json, print_text, stdout
from modicum.cli.documents import refusing_parts
from modicum.cli.judge import is_file, result_named
from modicum.cli.options import RUN, option
from modicum.cli.policy import policy_from
from modicum.cli.stored_baselines import baseline_path, baseline_stored
from modicum.cli.verdict_outputs import DEFAULT_POLICY, POLICY
from modicum.client import Client
from modicum.errors import InvalidArgument
from modicum.gate.assumed import assumed_document, assumed_passes, assumed_spot, assumptions_of
from modicum.gate.assumed_pairs import PAIR_ASSUMPTIONS, with_assumed_rows
from modicum.gate.planning import MOST_IMAGES, SURER, Need, Plan, SpotPasses, planned
from modicum.gate.policy import Level, Policy

Document = Mapping[str, Any]
TIMED_PASSES = 3
"""What is timed when a version is registered: a forward pass, and a backward pass that counts as two."""
SECONDS = 60
UNTIMED = "the time is unknown; name an audit of the server as RESULT, or give --model or --passes-a-second"


@dataclass(frozen=True, slots=True)
class Rate:
    """Passes a second on one worker, and where the number is from."""

    passes: float
    known_by: str


@dataclass(frozen=True, slots=True)
class Costed:
    """A plan with its costs.

    `passes_an_image` is in pass-equivalents, without the `spot` test where its passes are known. `rate` is None where
    it is unknown.
    """

    plan: Plan
    passes_an_image: float
    spot: SpotPasses | None
    rate: Rate | None
    assumptions: tuple[str, ...]

    def passes(self, images: int) -> int:
        """Return the pass-equivalents of an audit of so many images."""
        return round(images * self.passes_an_image + (self.spot.on(images) if self.spot else 0))

    def minutes(self, images: int) -> float | None:
        """Return the minutes of such an audit on one worker; None where they are unknown."""
        return None if self.rate is None else self.passes(images) / self.rate.passes / SECONDS


def plan(
    result: Annotated[
        str | None,
        typer.Argument(
            metavar="RESULT",
            help="A result document in a FILE.json, or the name of an audit on the server. Without one, the "
            "plan works with assumed figures.",
        ),
    ] = None,
    *,
    policy: Annotated[Path, option(POLICY, "--policy", "FILE", "The policy.")] = DEFAULT_POLICY,
    class_count: Annotated[
        int, option(RUN, "--class-count", "N", "How many classes the model has. Used only without RESULT.", min=1)
    ] = 10,
    model: Annotated[
        str,
        option(
            RUN,
            "--model",
            "VERSION",
            "Estimate the time from the speed of this version, measured when it was registered: MODEL or "
            "MODEL/VERSION.",
        ),
    ] = "",
    passes_a_second: Annotated[
        float,
        option(
            RUN,
            "--passes-a-second",
            "N",
            "Estimate the time from this speed of one worker, in passes per second. With 0, the plan uses the speed of "
            "--model, or of the audit RESULT on the server. Without these, it gives no time.",
            min=0,
        ),
    ] = 0.0,
    as_json: options.Json = False,
) -> None:
    """Say how many images each rule of a policy needs before it can pass or fail, and what these images cost.

    With a RESULT, the plan assumes that further images are like its images. It prints every assumption.

    Exit codes: 0 planned, 2 wrong usage or policy, 3 not completed, 130 interrupted.
    """
    read = policy_from(policy)
    with refusing_parts(result or ""):
        document, baseline = _assumed(read, class_count) if result is None else _measured(read, result)
        made = planned(document, read, today=datetime.now(UTC).date(), assumed=result is None, baseline=baseline)
    rate = _rate(result, document, model=model, given=passes_a_second)
    costed = _costed(made, read, rate)
    if as_json:
        print_json(_as_json(costed))
        return
    for line in _lines(costed, f"by {result}" if result else "without a result", read):
        print_text(stdout(), line)


def _assumed(policy: Policy, classes: int) -> tuple[Document, Document | None]:
    """The result that is assumed, and the baseline where a rule compares with one."""
    document = assumed_document(policy, classes)
    return with_assumed_rows(document, policy, classes) if _compares(policy) else (document, None)


def _measured(policy: Policy, result: str) -> tuple[Document, Document | None]:
    document = result_named(result)
    return document, _baseline(policy, document)


def _compares(policy: Policy) -> bool:
    return any(rule.needs_baseline for rule in policy.rules)


def _baseline(policy: Policy, document: Document) -> Document | None:
    """The baseline that rules compare with; None where there is nothing to compare, or nothing to compare with."""
    if "rows" not in document or not _compares(policy):
        return None
    path = baseline_path(policy)
    if path is not None and not path.exists():
        return None
    return baseline_stored(policy, document)


def _costed(made: Plan, policy: Policy, rate: Rate | None) -> Costed:
    passes, spot, assumptions = made.passes_an_image, made.spot, ["further images are like those of the result"]
    if not made.audited:
        beside = PAIR_ASSUMPTIONS if _compares(policy) else ()
        assumptions, assumed = [*assumptions_of(policy), *beside], assumed_spot(policy)
        spot = None if assumed is None else SpotPasses(*assumed)
    if passes is None:
        passes, how = assumed_passes(policy)
        assumptions.append(how)
    else:
        raised = "" if made.more_passes == 1 else f", times {made.more_passes:.2g} for the larger budget of the policy"
        apart = "" if spot is None else " beside the spot test"
        assumptions.append(f"an image takes {passes:,.0f} passes, controls included{apart}, as in the result{raised}")
        passes *= made.more_passes
    if spot is not None:
        assumptions.append(
            f"the spot test takes {spot.taken:,.0f} passes on {spot.images:,} images; in larger audits it takes fewer "
            "for each image"
        )
    if rate is not None:
        assumptions.append(f"one worker makes {rate.passes:,.0f} passes a second ({rate.known_by})")
    assumptions.append(
        f"with the first number of images, about half of such audits settle a rule; with {SURER} times as many, about "
        "80% do"
    )
    return Costed(made, passes, spot, rate, tuple(assumptions))


def _rate(result: str | None, document: Mapping[str, Any], *, model: str, given: float) -> Rate | None:
    """The rate that was given; else that of the named version; else that of the audit's run, if it is on the server."""
    if given:
        return Rate(given, "as given")
    if model:
        return _rate_of_version(model)
    if result is None or is_file(result):
        return None
    with Client() as client:
        run = client.audits.get(document["audit"]).snapshot
    if run.start_time is None or run.end_time is None:
        return None
    seconds = (run.end_time - run.start_time).total_seconds()
    passes = document["passes"]["equivalents"]
    return Rate(passes / seconds, "measured in the run of that audit") if seconds > 0 and passes else None


def _rate_of_version(name: str) -> Rate:
    with Client() as client:
        version = client.models.version(name)
    if not version.pass_milliseconds:
        raise InvalidArgument(f"--model {name}: expected a version whose pass was timed when it was registered")
    return Rate(TIMED_PASSES / version.pass_milliseconds * 1000, "measured when the version was registered")


def _lines(costed: Costed, source: str, policy: Policy) -> Iterator[str]:
    deciding = [one for one in costed.plan.needs if one.rule.level is Level.ERROR]
    yield f"{policy.file}, {source}: {_overall(costed, deciding)}"
    for need in costed.plan.needs:
        yield f"{_state(need):<12} {need.rule.id} ({need.rule.level}): {_need_words(costed, need)}"
    for name, why in costed.plan.left_out.items():
        yield f"{'left out':<12} {name}: {why}"
    for assumption in costed.assumptions:
        yield f"assumes: {assumption}"
    if costed.rate is None:
        yield UNTIMED


def _state(need: Need) -> str:
    return need.outcome.value if need.enough else "more" if need.images is not None else "unknown"


def _overall(costed: Costed, deciding: Sequence[Need]) -> str:
    unknown = [one.rule.id for one in deciding if one.images is None]
    if not deciding:
        return "the policy has no rule of level error, so nothing is required"
    if unknown:
        return f"it is not known how many images {', '.join(unknown)} {'needs' if len(unknown) == 1 else 'need'}"
    if all(one.enough for one in deciding):
        return f"the {costed.plan.audited:,} images of the result settle every rule of level error"
    most = max(one.surer or 0 for one in deciding)
    return f"{most:,} images settle every rule of level error in about 80% of such audits; {_cost(costed, most)}"


def _need_words(costed: Costed, need: Need) -> str:
    if need.images is None or need.surer is None:
        return need.reason or f"not settled by {MOST_IMAGES:,} images either"
    if need.enough:
        return f"settled by the {need.images:,} images of the result"
    return (
        f"{need.images:,} images for a {need.outcome} in half of such audits, {need.surer:,} in 80% of them; "
        f"{_cost(costed, need.surer)}"
    )


def _cost(costed: Costed, images: int) -> str:
    minutes = costed.minutes(images)
    time = "" if minutes is None else f", {minutes:,.1f} minutes"
    return f"{costed.passes(images):,} passes{time}"


def _as_json(costed: Costed) -> dict[str, Any]:
    return {
        "audited": costed.plan.audited,
        "passes_an_image": costed.passes_an_image,
        "spot_passes": None if costed.spot is None else costed.spot.taken,
        "passes_a_second": None if costed.rate is None else costed.rate.passes,
        "rules": [_need_json(costed, need) for need in costed.plan.needs],
        "left_out": dict(costed.plan.left_out),
        "assumptions": list(costed.assumptions),
    }


def _need_json(costed: Costed, need: Need) -> dict[str, Any]:
    return {
        "id": need.rule.id,
        "level": need.rule.level.value,
        "outcome": need.outcome.value,
        "enough": need.enough,
        "images_for_half": need.images,
        "images_for_four_in_five": need.surer,
        "passes": None if need.surer is None else costed.passes(need.surer),
        "minutes": None if need.surer is None else costed.minutes(need.surer),
        "reason": need.reason,
    }
