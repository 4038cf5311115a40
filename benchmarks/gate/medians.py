"""A rule about a median, by order statistics, and one about a mean, of sizes whose logarithms are normal."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from modicum.gate.means import Mean
from modicum_server.measures.measure import quantile_measure

from benchmarks.gate.documents import IMAGES, document, outcome, policy
from benchmarks.gate.rows import AT_LIMIT, BEYOND, WITHIN, Drawn, Row, Truths

TRUTHS = Truths(limit=0.10, within=0.06, beyond=0.16)
SPREAD = 1.0
"""Standard deviation of the logarithms of subset fractions."""


def median(truth: float, drawn: Drawn) -> dict[str, Any]:
    """A median of `IMAGES` fractions."""
    fractions = drawn.lognormal(math.log(truth), SPREAD, IMAGES)
    return quantile_measure(fractions, 0.5, unit="pixels share", empty="").as_json()


def mean(truth: float, drawn: Drawn) -> dict[str, Any]:
    """A mean of `IMAGES` fractions, which are skewed; without the bootstrap interval, which no verdict reads."""
    told = Mean.of(drawn.lognormal(math.log(truth) - SPREAD**2 / 2, SPREAD, IMAGES))
    evidence = {"deviation": told.deviation, "skewness": told.skewness}
    return {"value": told.mean, "unit": "pixels share", "n": told.n, "evidence": evidence}


KINDS: Mapping[str, Callable[[float, Drawn], dict[str, Any]]] = {"median": median, "mean": mean}


def rows() -> Iterator[Row]:
    """Yield both kinds in every case of one rule."""
    for kind, make in KINDS.items():
        for case in (AT_LIMIT, WITHIN, BEYOND):
            yield Row(kind, 1, case, _drawing(make, TRUTHS.of(case)[0]))


def _drawing(make: Callable[[float, Drawn], dict[str, Any]], truth: float) -> Callable[[Drawn], str]:
    by = policy("spot: off", f"subset-fraction-median: {{max: {TRUTHS.limit}}}")

    def draw(drawn: Drawn) -> str:
        measures: Mapping[str, Any] = {"subset_fraction_median": make(truth, drawn)}
        return outcome(document(measures), by)

    return draw
