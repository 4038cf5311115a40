"""Tails: how surely a number lies beyond a limit, and how surely within. Must not know which number.

Shares have exact binomial tails (Clopper and Pearson, 1934). Of any other number the document holds an interval at one
level, so only a bound is known: where the interval lies beyond the limit, p is at most its tail. 10,000 resamples have
no tail below 1/200, so a bootstrap's bound is never smaller than that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

BOOTSTRAP_TAIL = 1 / 200


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a document: its interval and, of a share, its counts. An end that is None is open."""

    value: float | None
    unit: str
    n: int
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    method: str = ""
    successes: int | None = None
    unavailable: str = ""

    @property
    def smallest_tail(self) -> float:
        """The smallest p that it can show."""
        if self.successes is not None:
            return 0.0
        tail = (1 - self.level) / 2
        return max(tail, BOOTSTRAP_TAIL) if "bootstrap" in self.method else tail


def number_of(measure: Mapping[str, Any]) -> Number:
    """Return the number of a measure of the document.

    Where few images differ, the wider of the measure's two intervals counts (`with_two_images_added`).
    """
    parameters, interval = measure.get("parameters") or {}, measure.get("interval") or {}
    wider = parameters.get("with_two_images_added") or {}
    return Number(
        value=measure.get("value"),
        unit=measure.get("unit", ""),
        n=measure.get("n", 0),
        low=wider.get("low", interval.get("low")),
        high=wider.get("high", interval.get("high")),
        level=interval.get("level", 0.95),
        method=interval.get("method", ""),
        successes=parameters.get("successes") if measure.get("unit") == "share" else None,
        unavailable=measure.get("unavailable", ""),
    )


def p_above(number: Number, limit: float) -> float:
    """Return p of the hypothesis that the number is at most `limit`; at most that where only a bound is known."""
    if number.value is None:
        return 1.0
    if number.successes is not None:
        return _binomial_above(number.successes, number.n, limit)
    return number.smallest_tail if number.low is not None and number.low > limit else 1.0


def p_below(number: Number, limit: float) -> float:
    """Return p of the hypothesis that the number is at least `limit`; at most that where only a bound is known."""
    if number.value is None:
        return 1.0
    if number.successes is not None:
        return _binomial_above(number.n - number.successes, number.n, 1 - limit)
    return number.smallest_tail if number.high is not None and number.high < limit else 1.0


def bonferroni(p_values: Sequence[float]) -> float:
    """Return p of the hypothesis that all of them hold; 1 of none."""
    return min(1.0, len(p_values) * min(p_values)) if p_values else 1.0


def _binomial_above(successes: int, n: int, share: float) -> float:
    """The chance of so many successes or more, of n with this share."""
    from scipy.special import bdtrc  # type: ignore[import-untyped]  # noqa: PLC0415  # of the extra `gate`

    if successes <= 0 or share >= 1:
        return 1.0
    return 0.0 if share <= 0 else float(bdtrc(successes - 1, n, share))
