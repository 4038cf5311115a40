"""Numbers of a policy: limits within the range of their measure, and limits that nothing misses. Judges nothing."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from modicum.gate.policy import KnownRule, Rule

PERCENT = 100
#: The limits that are not to be exceeded. A value must not fall below the others.
UPPER = ("max", "max_regression")
#: By a limit, the range that it has whatever the measure is.
RANGES: Mapping[str, tuple[float | None, float | None]] = {"max_regression": (0, 1), "min_ratio_to_baseline": (0, None)}


def outside_range(known: KnownRule, limit: str, value: float) -> str:
    """Return what is wrong with a limit that the measure of a rule never reaches; empty if nothing."""
    low, high = RANGES.get(limit, known.range)
    if (low is None or low <= value) and (high is None or value <= high):
        return ""
    expected = f"{low:g} or more" if high is None else f"a number from {low:g} to {high:g}"
    return f"{known.id}.{limit}: expected {expected}, got {value}{_percent_hint(value, high)}"


def _percent_hint(value: float, high: float | None) -> str:
    """What was meant by a percentage, where the measure is a share or a difference of shares."""
    if high is None or not high < abs(value) <= PERCENT:
        return ""
    return f"; did you mean {value / PERCENT:g}?"


def allows_every_value(rule: Rule) -> str:
    """Return the limits of a rule that none of its values misses, with their ranges; empty if one may be missed."""
    limits = {
        name: value for name in (*UPPER, "min", "min_ratio_to_baseline") if (value := getattr(rule, name)) is not None
    }
    ranges = {name: RANGES.get(name, rule.known.range) for name in limits}
    if not limits or not all(value == ranges[name][name in UPPER] for name, value in limits.items()):
        return ""
    return " and ".join(f"{name}: {value:g} allows {_in_words(*ranges[name])}" for name, value in limits.items())


def _in_words(low: float | None, high: float | None) -> str:
    return f"every value from {low:g}" + ("" if high is None else f" to {high:g}")


def crossed(given: Mapping[str, Any]) -> Iterator[str]:
    """Yield that the limits of a rule leave nothing between them."""
    if given.get("min", -math.inf) > given.get("max", math.inf):
        yield f"min {given['min']} is above max {given['max']}, so nothing could pass"
