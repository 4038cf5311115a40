"""Tails: how surely a number lies beyond a limit, and how surely within. Must not know which number.

Shares have exact binomial tails (Clopper and Pearson, 1934); those of an audit that may end early are in `early_stop`.
Paired differences of -1, 0 and 1 have the tail of Student's t over pairs, with one pair added that speaks against the
claim, as the spot rule adds a source; where no pair differs the other way, the exact binomial tail counts if it is
larger. Those of means are in `means`. Of a quantile the document holds the ends that order statistics give at several
tails (exact, binomial), and of a difference from the mean of several versions those of its interval; p is the smallest
tail whose end lies beyond the limit. Of any other number it holds an interval at one level, so only a bound is known:
where the interval lies beyond the limit, p is at most its tail. 10,000 resamples have no tail below 1/200, so a
bootstrap's bound is never smaller than that.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modicum.gate.early_stop import Looks, p_when_looked_at
from modicum.gate.means import Mean, mean_above, mean_below

BOOTSTRAP_TAIL = 1 / 200
FEWEST_PAIRS = 10
"""Below this many pairs nothing is judged."""
WHOLE = 1e-6
"""How far a number of pairs may be from a whole number."""
ONE_SIDED = 0.05
"""A rule passes where its p of lying beyond the limit is at most this."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a document, with its interval. A share also has its counts. None is an open end.

    `looks` matters to shares alone: other numbers are judged at the end of an audit with what there is.
    """

    value: float | None
    unit: str
    n: int
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    method: str = ""
    successes: int | None = None
    pairs: "Pairs | None" = None
    mean: Mean | None = None
    ends: Sequence[Sequence[float | None]] = ()
    unavailable: str = ""
    looks: Looks = Looks.ONCE

    @property
    def smallest_tail(self) -> float:
        """The smallest p that its interval can show."""
        tail = (1 - self.level) / 2
        return max(tail, BOOTSTRAP_TAIL) if "bootstrap" in self.method else tail


@dataclass(frozen=True, slots=True)
class Pairs:
    """Paired differences of 1 (gained), -1 (lost) and 0 (equal)."""

    gained: int
    lost: int
    equal: int

    @property
    def reversed(self) -> "Pairs":
        """The same with the other side's sign."""
        return Pairs(self.lost, self.gained, self.equal)


def number_of(measure: Mapping[str, Any], looks: Looks = Looks.ONCE) -> Number:
    """Return the number of a measure of the document, whose images were looked at so often.

    It has one kind of evidence at most, by which it is judged at every tail and level: the counts of a share, the
    spread of a mean, the ends of a quantile, or the pairs of a difference. `measure_kinds` says which each measure has.
    In version 1 of the form the wider of two intervals of a difference counts (`with_two_images_added`).
    """
    parameters, interval = measure.get("parameters") or {}, measure.get("interval") or {}
    evidence, unit = measure.get("evidence") or {}, measure.get("unit", "")
    wider = (parameters.get("with_two_images_added") or {}) if unit == "difference" else {}
    successes = parameters.get("successes") if unit == "share" else None
    mean = _mean(measure) if successes is None else None
    ends = evidence.get("ends", ()) if successes is None and mean is None else ()
    return Number(
        value=measure.get("value"),
        unit=unit,
        n=measure.get("n", 0),
        low=wider.get("low", interval.get("low")),
        high=wider.get("high", interval.get("high")),
        level=interval.get("level", 0.95),
        method=interval.get("method", ""),
        successes=successes,
        pairs=None if mean is not None or "ends" in evidence else _pairs(measure),
        mean=mean,
        ends=ends,
        unavailable=measure.get("unavailable", ""),
        looks=looks,
    )


def _pairs(measure: Mapping[str, Any]) -> Pairs | None:
    """The counts of a paired difference, from its mean and the pairs that differ; None if these are no whole pairs.

    A difference from the mean of several versions has values in between. It has ends at several tails.
    """
    differing = (measure.get("parameters") or {}).get("differing")
    if measure.get("unit") != "difference" or differing is None or measure.get("value") is None:
        return None
    n, net = measure["n"], measure["value"] * measure["n"]
    gained = (differing + round(net)) / 2
    if abs(net - round(net)) > WHOLE or gained != int(gained) or abs(net) > differing + WHOLE:
        return None
    return Pairs(int(gained), differing - int(gained), n - differing)


def _mean(measure: Mapping[str, Any]) -> Mean | None:
    """The mean that a measure tells of with its deviation and skewness; None where it is no mean."""
    evidence, value = measure.get("evidence") or {}, measure.get("value")
    if "deviation" not in evidence or value is None:
        return None
    logarithms = evidence.get("logarithms", False)
    mean = math.log(value) if logarithms else value
    return Mean(measure["n"], mean, evidence["deviation"], evidence["skewness"], logarithms)


def p_above(number: Number, limit: float) -> float:
    """Return p of the hypothesis that the number is at most `limit`; at most that where only a bound is known."""
    if number.value is None:
        return 1.0
    if number.successes is not None:
        return _share_above(number, number.successes, limit)
    if number.pairs is not None:
        return _paired_above(number.pairs, limit)
    if number.mean is not None:
        return mean_above(number.mean, limit) if number.n >= FEWEST_PAIRS else 1.0
    if number.ends:
        return min((tail for tail, low, _ in number.ends if tail and low is not None and low > limit), default=1.0)
    return number.smallest_tail if number.low is not None and number.low > limit else 1.0


def p_below(number: Number, limit: float) -> float:
    """Return p of the hypothesis that the number is at least `limit`; at most that where only a bound is known."""
    if number.value is None:
        return 1.0
    if number.successes is not None:
        return _share_above(number, number.n - number.successes, 1 - limit)
    if number.pairs is not None:
        return _paired_above(number.pairs.reversed, -limit)
    if number.mean is not None:
        return mean_below(number.mean, limit) if number.n >= FEWEST_PAIRS else 1.0
    if number.ends:
        return min((tail for tail, _, high in number.ends if tail and high is not None and high < limit), default=1.0)
    return number.smallest_tail if number.high is not None and number.high < limit else 1.0


def p_beyond(number: Number, *, at_most: float | None, at_least: float | None) -> float:
    """Return p of the hypothesis that the number keeps its limits."""
    each = [p_above(number, at_most)] if at_most is not None else []
    each += [p_below(number, at_least)] if at_least is not None else []
    return bonferroni(each)


def p_within(number: Number, *, at_most: float | None, at_least: float | None) -> float:
    """Return p of the hypothesis that the number lies beyond a limit; 1 without limits."""
    each = [p_below(number, at_most)] if at_most is not None else []
    each += [p_above(number, at_least)] if at_least is not None else []
    return max(each, default=1.0)


def _share_above(number: Number, successes: int, share: float) -> float:
    exact = _binomial_above(successes, number.n, share)
    return p_when_looked_at(exact, successes, number.n, share, number.looks)


def _paired_above(pairs: Pairs, limit: float) -> float:
    """Return p of the hypothesis that the mean difference is at most `limit`, with one lost pair added."""
    n, mean, error = _with_one_lost(pairs)
    if n <= FEWEST_PAIRS or error == 0:
        return 1.0
    from scipy.special import stdtr  # type: ignore[import-untyped]  # noqa: PLC0415  # of the extra `gate`

    p = float(stdtr(n - 1, (limit - mean) / error))
    if pairs.lost == 0 and limit > 0:
        return max(p, _binomial_above(pairs.gained, n - 1, limit))
    if pairs.gained == 0 and limit < 0:
        return max(p, _binomial_above(n - 1 - pairs.lost, n - 1, 1 + limit))
    return p


def share_ends(successes: int, n: int, tail: float) -> tuple[float, float]:
    """Return the ends of a share, each one-sided at `tail`: Clopper and Pearson (1934)."""
    from scipy.special import betaincinv  # noqa: PLC0415  # of the extra `gate`

    low = 0.0 if successes == 0 else float(betaincinv(successes, n - successes + 1, tail))
    high = 1.0 if successes == n else float(betaincinv(successes + 1, n - successes, 1 - tail))
    return low, high


def paired_ends(pairs: Pairs, level: float) -> tuple[float, float] | None:
    """Return the interval of the mean difference that these tails give; None below `FEWEST_PAIRS`."""
    low, high = _paired_end(pairs, level), _paired_end(pairs.reversed, level)
    return None if low is None or high is None else (max(-1.0, low), min(1.0, -high))


def _paired_end(pairs: Pairs, level: float) -> float | None:
    n, mean, error = _with_one_lost(pairs)
    if n <= FEWEST_PAIRS:
        return None
    from scipy.special import stdtrit  # noqa: PLC0415  # of the extra `gate`

    return float(mean - stdtrit(n - 1, (1 + level) / 2) * error)


def _with_one_lost(pairs: Pairs) -> tuple[int, float, float]:
    """The number of pairs, their mean and its standard error, with one lost pair added."""
    n, lost = pairs.gained + pairs.lost + pairs.equal + 1, pairs.lost + 1
    mean = (pairs.gained - lost) / n
    spread = (pairs.gained + lost - n * mean**2) / max(1, n - 1)
    return n, mean, math.sqrt(max(0.0, spread) / n)


def bonferroni(p_values: Sequence[float]) -> float:
    """Return p of the hypothesis that all of them hold; 1 of none."""
    return min(1.0, len(p_values) * min(p_values)) if p_values else 1.0


def _binomial_above(successes: int, n: int, share: float) -> float:
    """The chance of so many successes or more, of n with this share."""
    from scipy.special import bdtrc  # noqa: PLC0415  # of the extra `gate`

    if successes <= 0 or share >= 1:
        return 1.0
    return 0.0 if share <= 0 else float(bdtrc(successes - 1, n, share))
