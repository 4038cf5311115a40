"""A result as it would be at another level: intervals are made again from counts. Searches nothing.

Rules do not judge by these intervals where a document holds counts, pairs, the spread of a mean or the ends of a
quantile; they are what a verdict shows. What a document holds at its own level alone is not judged at another.
Intervals of shares are exact here (Clopper and Pearson, 1934); those of a spot test keep their level, because its rule
has one of its own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from modicum.gate.intervals import Ends
from modicum.gate.means import mean_ends
from modicum.gate.policy import Policy
from modicum.gate.report_parts import LEFT_AS_THEY_ARE
from modicum.gate.tails import FEWEST_PAIRS, Number, number_of, paired_ends, share_ends

Document = Mapping[str, Any]
MEASURE = frozenset({"value", "unit", "n", "interval"})
UNDECIDED = "undecided"
"""Key of what a document holds at its own level alone, with the reason."""


def at_asked_level(document: Document, policy: Policy) -> Document:
    """Return the document at the level that the policy asks for; as it is where that is the result's, or none."""
    asked, has = policy.audit.get("level"), document["specification"]["statistics"].get("level")
    if asked in {None, has}:
        return document
    only = f"the policy asks for level {asked}, but the result has this only at {has}"
    found: dict[str, Any] = _at_level(document, asked, only)
    statistics = {**document["specification"]["statistics"], "level": asked, UNDECIDED: only}
    return {**found, "specification": {**document["specification"], "statistics": statistics}}


def level_note(document: Document) -> str:
    """Return what is said of a document whose intervals were made again; empty of another."""
    statistics = document["specification"]["statistics"]
    if UNDECIDED not in statistics:
        return ""
    return f"the result was measured at another level; its intervals were made again at {statistics['level']}"


def _at_level(value: Any, level: float, only: str) -> Any:
    if isinstance(value, list):
        return [_at_level(one, level, only) for one in value]
    if not isinstance(value, Mapping):
        return value
    inner = {
        name: one if name in LEFT_AS_THEY_ARE else _at_level(one, level, only)
        for name, one in value.items()
        if name != "parameters" or not value.keys() >= MEASURE
    }
    return _measure(value, inner, level, only) if value.keys() >= MEASURE else inner


def _measure(was: Document, inner: dict[str, Any], level: float, only: str) -> dict[str, Any]:
    parameters = {name: one for name, one in was.get("parameters", {}).items() if name != "with_two_images_added"}
    measure = {**inner, "parameters": parameters}
    number = number_of(was)
    if was["interval"] is None or number.value is None:
        return measure
    ends = _ends(number, level)
    if ends is None:
        return {**measure, UNDECIDED: only}
    return {**measure, "interval": {"low": ends[0], "high": ends[1], "level": level, "method": "again", "n": number.n}}


def _ends(number: Number, level: float) -> Ends | None:
    """The interval of a number at a level; None where what it was made of is not known."""
    tail = (1 - level) / 2
    if number.successes is not None:
        return share_ends(number.successes, number.n, tail)
    if number.pairs is not None:
        return paired_ends(number.pairs, level)
    if number.mean is not None:
        return mean_ends(number.mean, level) if number.n >= FEWEST_PAIRS else None
    return _ends_of_quantile(number.ends, tail)


def _ends_of_quantile(ends: Sequence[Sequence[float | None]], tail: float) -> Ends | None:
    """The ends at the largest known tail that is not above the one asked for, so rather too wide."""
    known = [one for one in ends if one[0] is not None and one[0] <= tail * (1 + 1e-9)]
    if not known:
        return None
    _, low, high = max(known, key=lambda one: one[0] or 0.0)
    return low, high
