"""How many images each rule of a policy needs to become conclusive. Pure: no clock, no file, no network.

The gate's own engine judges the result again as if it had more images of the same kind (`scaling`): shares keep their
values, intervals narrow with the root of the number, and sources of the spot test repeat. The smallest such number at
which a rule passes or fails is what it needs. A result that lies exactly there is above or below by chance alone, so
half of the audits of that size are conclusive; by the normal distribution `SURER` times as many make it four in five.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from modicum.errors import PolicyError
from modicum.gate.baseline_file import Compared, baseline_side
from modicum.gate.judging import judge, refuse_other_documents
from modicum.gate.policy import Kind, Policy, Rule
from modicum.gate.scaling import scaled, scaled_baseline
from modicum.gate.spot_passes import most_spot_passes
from modicum.gate.verdict import Check, Outcome, RuleVerdict, Verdict

Document = Mapping[str, Any]
SURER = 2.28
"""((1.645 + 0.842) / 1.645) squared: the ends of 95% and 80% of the normal distribution, one-sided."""
STEP = 1.25
"""Numbers of images are tried in steps of this factor."""
MOST_IMAGES = 10_000
"""Above this nothing is tried."""
IN_WORDS = "it judges an outcome, so no number of images can be computed"
COMPARES = "it compares with a baseline; name a RESULT with its rows, and a baseline that can be read"
UNASSUMED = "without a result it cannot be estimated; name a RESULT that has it"
MORE_PASSES = "it compares with a baseline, and the policy asks for more passes than the result was measured with"


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What a rule needs.

    Attributes:
        images: at which half of such audits are conclusive; None where no number up to `MOST_IMAGES` is, or where that
            is not known.
        surer: at which about four in five are; the number that there is where it is conclusive already.
        outcome: what it then says; INCONCLUSIVE where `images` is None.
        enough: whether the images that there are suffice.
        reason: why it is inconclusive with them.
    """

    rule: Rule
    images: int | None
    surer: int | None
    outcome: Outcome
    enough: bool
    reason: str


@dataclass(frozen=True, slots=True)
class SpotPasses:
    """What the spot tests of an audit took: `taken` passes on so many images, with so many rows a version."""

    taken: float
    images: int
    rows: int

    def on(self, images: int) -> float:
        """Return what they take on so many images like these, as their most passes grow."""
        return self.taken * most_spot_passes(images, self.rows) / most_spot_passes(self.images, self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a policy needs. `audited` is how many images the result has, 0 where the spread was assumed.

    Attributes:
        passes_an_image: what the audit took with its controls, without `spot`; None where no result tells.
        spot: what the spot test took, which is fewer an image in large audits; None where no result tells.
        more_passes: how many times that the policy's budget makes it, at most.
        left_out: rules of the preset that the result has nothing for, and why.
    """

    needs: tuple[Need, ...]
    audited: int
    passes_an_image: float | None
    spot: SpotPasses | None
    more_passes: float
    left_out: Mapping[str, str]


def planned(
    document: Document, policy: Policy, *, today: date, assumed: bool = False, baseline: Document | None = None
) -> Plan:
    """Return what each rule needs, if further images are like those of the result document.

    Where it is `assumed`, the document's own number of images counts for nothing. Rules that compare need the
    `baseline`, and the rows of the document.

    Raises:
        PolicyError: as `judge`; or the result has no image.
    """
    refuse_other_documents(document)
    audited = int(document["dataset"]["audited"])
    if not audited:
        raise PolicyError("expected a result with images, got one without; name another")
    more_passes, comparable = _more_passes(document, policy), baseline is not None and "rows" in document
    side = baseline_side(baseline) if baseline is not None and comparable and more_passes == 1 else None
    verdicts = _judged(_with_passes(document, policy), policy, 1 if assumed else audited, today, side)
    smallest, first = next(verdicts)
    needs = {one.rule.id: _need(one, smallest, at_hand=not assumed) for one in first.rules}
    measured = {one.rule.id for one in first.rules if one.rule.needs_baseline or any(map(_grows, one.checks))}
    for images, verdict in verdicts:
        for one in verdict.rules:
            if needs[one.rule.id].images is None:
                needs[one.rule.id] = _need(one, images, at_hand=False)
        if all(needs[name].images is not None for name in measured):
            break
    if assumed:
        needs |= {one.rule.id: _unknown(one.rule, UNASSUMED) for one in first.rules if one.rule.id not in measured}
    if side is None:
        why = MORE_PASSES if comparable else COMPARES
        needs |= {rule.id: _unknown(rule, why) for rule in policy.rules if rule.needs_baseline}
    return Plan(
        needs=tuple(needs[rule.id] for rule in policy.rules if rule.id in needs),
        audited=0 if assumed else audited,
        passes_an_image=None if assumed else _passes_an_image(document),
        spot=None if assumed else _spot_passes(document),
        more_passes=1.0 if assumed else more_passes,
        left_out=dict.fromkeys(first.left_out, UNASSUMED) if assumed else first.left_out,
    )


def _judged(
    document: Document, policy: Policy, begin: int, today: date, side: Compared | None
) -> Iterator[tuple[int, Verdict]]:
    """Yield rising numbers of images, each with the verdict on as many images like those of the document.

    Without a side of a baseline, rules that compare are left out.
    """
    rules = tuple(rule for rule in policy.rules if side is not None or not rule.needs_baseline)
    plain, audited = replace(policy, rules=rules, waivers=()), document["dataset"]["audited"]
    digests = [] if side is None else list({row["image_digest"] for row in document["rows"]})
    given = document if side is not None else {name: one for name, one in document.items() if name != "rows"}
    for images in _sizes(begin):
        factor = images / audited
        baseline = None if side is None else scaled_baseline(side, digests, factor)
        yield images, judge(scaled(given, factor), plain, today=today, baseline=baseline)


def _grows(check: Check) -> bool:
    """Whether more images can settle a check: it has a value, or a reading that was derived anew."""
    return check.value is not None or (check.judgeable and bool(check.subject))


def _sizes(begin: int) -> Iterator[int]:
    images = begin
    while images <= max(begin, MOST_IMAGES):
        yield images
        images = max(images + 1, round(images * STEP))


def _need(verdict: RuleVerdict, images: int, *, at_hand: bool) -> Need:
    if verdict.outcome is Outcome.INCONCLUSIVE:
        worded = verdict.rule.known.kind is Kind.READING and verdict.worst.subject
        return _unknown(verdict.rule, f"{IN_WORDS}; now: {verdict.worst.reason}" if worded else verdict.worst.reason)
    surer = images if at_hand else math.ceil(images * SURER)
    return Need(rule=verdict.rule, images=images, surer=surer, outcome=verdict.outcome, enough=at_hand, reason="")


def _unknown(rule: Rule, reason: str) -> Need:
    return Need(rule=rule, images=None, surer=None, outcome=Outcome.INCONCLUSIVE, enough=False, reason=reason)


def _with_passes(document: Document, policy: Policy) -> Document:
    """The document as if its searches had had the passes that the policy asks for."""
    least = policy.least_passes
    models = [
        {**model, "searches": [_search_with(search, least) for search in model["searches"]]}
        for model in document["models"]
    ]
    asked = {"searches": [_with_least(one, least) for one in document["specification"]["searches"]]}
    return {**document, "models": models, "specification": {**document["specification"], **asked}}


def _search_with(search: Document, least: int) -> Document:
    return {**search, "search": _with_least(search["search"], least)}


def _with_least(asked: Document, passes: int) -> Document:
    return {**asked, "passes": max(passes, asked.get("passes", 0))}


def _budget(search: Document) -> int:
    budget: int = search["search"].get("passes", 0)
    return budget


def _passes_an_image(document: Document) -> float | None:
    """What an image takes in pass-equivalents, controls included, without the spot test where that is known."""
    passes = document.get("passes") or {}
    equivalents = passes.get("equivalents")
    return (equivalents - passes.get("spot", 0)) / document["dataset"]["audited"] if equivalents else None


def _spot_passes(document: Document) -> SpotPasses | None:
    """What the spot tests took; None where the result does not tell, as older ones do not, or had none."""
    taken = (document.get("passes") or {}).get("spot", 0)
    rows = max((len(test["rows"]) for test in document.get("spots", ())), default=0)
    return SpotPasses(taken, document["dataset"]["audited"], rows) if taken and rows else None


def _more_passes(document: Document, policy: Policy) -> float:
    """How many times the budget of the result's searches the policy asks for; 1 if they suffice."""
    budgets = [_budget(search) for model in document["models"] for search in model["searches"] if _budget(search)]
    return max((policy.least_passes / budget for budget in budgets if budget < policy.least_passes), default=1.0)
