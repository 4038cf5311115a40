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
from modicum.gate.judging import judge, refuse_other_documents
from modicum.gate.policy import Kind, Policy, Rule
from modicum.gate.scaling import scaled
from modicum.gate.verdict import Outcome, RuleVerdict, Verdict

Document = Mapping[str, Any]
SURER = 2.28
"""((1.645 + 0.842) / 1.645) squared: the ends of 95% and 80% of the normal distribution, one-sided."""
STEP = 1.25
"""Numbers of images are tried in steps of this factor."""
MOST_IMAGES = 10_000
"""Above this nothing is tried."""
IN_WORDS = "it judges an outcome in words, of which no number of images is known"
COMPARES = "it compares with a baseline, and how the two differ on further images is not known"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a policy needs. `audited` is how many images the result has, 0 where the spread was assumed.

    Attributes:
        passes_an_image: what the whole audit took with its controls; None where no result tells.
        more_passes: how many times that the policy's budget makes it, at most.
        left_out: rules of the preset that the result has nothing for, and why.
    """

    needs: tuple[Need, ...]
    audited: int
    passes_an_image: float | None
    more_passes: float
    left_out: Mapping[str, str]


def planned(document: Document, policy: Policy, *, today: date, assumed: bool = False) -> Plan:
    """Return what each rule needs, if further images are like those of the result document.

    Where it is `assumed`, the document's own number of images counts for nothing.

    Raises:
        PolicyError: as `judge`; or the result has no image.
    """
    refuse_other_documents(document)
    audited = int(document["dataset"]["audited"])
    if not audited:
        raise PolicyError("expected a result with images, got one without; name another")
    verdicts = _judged(_with_passes(document, policy), policy, 1 if assumed else audited, today)
    smallest, first = next(verdicts)
    needs = {one.rule.id: _need(one, smallest, at_hand=not assumed) for one in first.rules}
    measured = {one.rule.id for one in first.rules if any(check.value is not None for check in one.checks)}
    for images, verdict in verdicts:
        for one in verdict.rules:
            if needs[one.rule.id].images is None:
                needs[one.rule.id] = _need(one, images, at_hand=False)
        if all(needs[name].images is not None for name in measured):
            break
    needs |= {rule.id: _unknown(rule, COMPARES) for rule in policy.rules if rule.needs_baseline}
    return Plan(
        needs=tuple(needs[rule.id] for rule in policy.rules if rule.id in needs),
        audited=0 if assumed else audited,
        passes_an_image=None if assumed else _passes_an_image(document),
        more_passes=1.0 if assumed else _more_passes(document, policy),
        left_out=first.left_out,
    )


def _judged(document: Document, policy: Policy, begin: int, today: date) -> Iterator[tuple[int, Verdict]]:
    """Yield rising numbers of images, each with the verdict on as many images like those of the document."""
    rules = tuple(rule for rule in policy.rules if not rule.needs_baseline)
    plain, audited = replace(policy, rules=rules, waivers=()), document["dataset"]["audited"]
    for images in _sizes(begin):
        yield images, judge(scaled(document, images / audited), plain, today=today)


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
    return {**document, "models": models}


def _search_with(search: Document, least: int) -> Document:
    return {**search, "search": {**search["search"], "passes": max(least, _budget(search))}}


def _budget(search: Document) -> int:
    budget: int = search["search"].get("passes", 0)
    return budget


def _passes_an_image(document: Document) -> float | None:
    """What an image takes in pass-equivalents, controls included."""
    equivalents = (document.get("passes") or {}).get("equivalents")
    return equivalents / document["dataset"]["audited"] if equivalents else None


def _more_passes(document: Document, policy: Policy) -> float:
    """How many times the budget of the result's searches the policy asks for; 1 if they suffice."""
    budgets = [_budget(search) for model in document["models"] for search in model["searches"] if _budget(search)]
    return max((policy.least_passes / budget for budget in budgets if budget < policy.least_passes), default=1.0)
