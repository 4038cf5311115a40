"""When an audit may end early: limits of shares, and whether the images so far settle them. Reads no clock."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modicum.gate.asked_audit import usual_search
from modicum.gate.early_stop import Looks
from modicum.gate.policy import Kind, Level, Policy, Rule
from modicum.gate.tails import ONE_SIDED, Number, number_of, p_beyond, p_within

LOOK_IMAGES = 32
"""Images between two looks, at least."""
MOST_LOOKS = 64
SHARES = (0, 1)
"""The range of a share."""
ALL_WITHIN = "every share lies within its limits"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareLimit:
    """A limit of a share, for every version of the audit.

    Attributes:
        measure: name of the measure in the result document.
        search_index: the search that it is of.
        at_most: upper limit; None if there is none.
        at_least: lower limit; None if there is none.
        error: the chance that a share within its limits is found beyond one, over all versions.
        class_label: the class that the share is of; empty for all classes together.
    """

    measure: str
    search_index: int = 0
    at_most: float | None = None
    at_least: float | None = None
    error: float = ONE_SIDED
    class_label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """How an audit may end before all its images are done. Without limits, it ends early only when a caller stops it.

    Attributes:
        limits: the audit ends once a share lies beyond one.
        within_ends: it also ends once every share lies within its limits, one-sided at 95%.
        least_eligible_images: it does not end by itself before each version has so many under each search.
    """

    limits: tuple[ShareLimit, ...] = ()
    within_ends: bool = False
    least_eligible_images: int = 0


def stopping_of(policy: Policy) -> Stopping:
    """Return how an audit for a policy may end early: once its verdict is settled, whatever the other images say.

    A rule of level error that fails settles it. So do shares that all lie within their limits, provided that the policy
    requires nothing else of that level. Rules against a baseline, with a waiver and of all classes are judged at the
    end: which classes there are is not known before. Named classes share their rule's part of the error budget.
    """
    errors = [rule for rule in policy.rules if rule.level is Level.ERROR]
    waived = {waiver.rule for waiver in policy.waivers}
    search = usual_search(policy.audit) or 0
    limited = [rule for rule in errors if _is_limit(rule, search) and rule.id not in waived]
    limits = tuple(limit for rule in limited for limit in _limits_of(rule, search, policy.error_budget / len(errors)))
    return Stopping(
        limits=limits,
        within_ends=bool(limits) and len(limited) == len(errors),
        least_eligible_images=max(policy.require.get(name, 0) for name in ("images", "eligible_images")),
    )


def _limits_of(rule: Rule, search: int, error: float) -> Iterator[ShareLimit]:
    classes = rule.classes if isinstance(rule.classes, tuple) else ("",)
    for label in classes:
        yield ShareLimit(
            measure=rule.known.name,
            search_index=search,
            at_most=rule.max,
            at_least=rule.min,
            error=error / len(classes),
            class_label=label,
        )


def _is_limit(rule: Rule, search: int) -> bool:
    """Whether a rule is about a share of the usual search, as a whole or of classes that it names.

    A limit of 0 or 1 settles nothing early, and nothing but shares is looked at before the end.
    """
    of_search = rule.known.kind is Kind.MEASURE and not rule.known.part and rule.search in {None, search}
    limits = [limit for limit in (rule.max, rule.min) if limit is not None]
    of_share = rule.known.range == SHARES and bool(limits) and all(0 < limit < 1 for limit in limits)
    known = rule.classes != "all"
    return of_search and of_share and known and rule.dataset is None and not rule.needs_baseline


def look_images(planned: int) -> int:
    """Return after how many images each look follows: 32, or more so that there are at most 64 looks."""
    return LOOK_IMAGES * max(1, -(-planned // (LOOK_IMAGES * MOST_LOOKS)))


def settled(
    stopping: Stopping, measured: Sequence[Sequence[Mapping[str, Any] | None]], *, many_failed: bool = False
) -> tuple[str, ...]:
    """Return why an audit may end now, in words; nothing while it may not.

    Args:
        stopping: the limits.
        measured: for each limit the measures of all versions, as in the result document, or those of the classes of
            its name; None where there is none.
        many_failed: whether so many images failed that nothing passes (`missing_images`). Further ones may not fail.
    """
    each = [
        (limit, [Number(None, "", 0) if one is None else number_of(one, Looks.EARLY) for one in measures])
        for limit, measures in zip(stopping.limits, measured, strict=True)
    ]
    beyond = tuple(text for limit, numbers in each for text in _beyond(limit, numbers))
    if beyond or not stopping.within_ends:
        return beyond
    kept = (
        bool(each)
        and not many_failed
        and all(_is_within(limit, number) for limit, numbers in each for number in numbers)
    )
    return (ALL_WITHIN,) if kept else ()


def _beyond(limit: ShareLimit, numbers: Sequence[Number]) -> Iterator[str]:
    for number in numbers:
        p = p_beyond(number, at_most=limit.at_most, at_least=limit.at_least)
        if number.successes is not None and p * len(numbers) <= limit.error:
            subject = f"{limit.measure} of {limit.class_label}" if limit.class_label else limit.measure
            yield f"{subject} lies beyond its limit ({number.successes} of {number.n})"


def _is_within(limit: ShareLimit, number: Number) -> bool:
    p = p_within(number, at_most=limit.at_most, at_least=limit.at_least)
    return number.successes is not None and p <= ONE_SIDED
