"""The spot rule, with a row of all classes and a row a class; each has one place and one own window."""

from collections.abc import Callable, Iterator
from typing import Any

from modicum.gate.spot_rule import PASTED_LIMIT

from benchmarks.gate.documents import document, outcome, policy
from benchmarks.gate.rows import CASES, Drawn, Row, Truths

TRUTHS = Truths(limit=PASTED_LIMIT, within=PASTED_LIMIT / 5, beyond=2 * PASTED_LIMIT)
CLASSES, SOURCES, OTHERS = 10, 30, 9
ALIKE = 20.0
"""Sum of the parameters of the beta distribution of a source's share."""
KIND = f"spot, {CLASSES} classes of {SOURCES} sources"


def rows() -> Iterator[Row]:
    """Yield every case."""
    for case in CASES:
        yield Row(KIND, 1, case, _drawing(case))


def _drawing(case: str) -> Callable[[Drawn], str]:
    by, (first, others) = policy("spot: error"), TRUTHS.of(case)
    shares = [others, first, *[others] * (CLASSES - 1)]
    return lambda drawn: outcome(document(spots=[_row(at, one, drawn) for at, one in enumerate(shares)]), by)


def _row(number: int, rate: float, drawn: Drawn) -> dict[str, Any]:
    return {
        "target_class": None if number == 0 else number - 1,
        "label": f"class {number}",
        "sources": CLASSES * SOURCES if number == 0 else SOURCES,
        "places": [_place(rate, drawn, own=own) for own in (False, True)],
    }


def _place(rate: float, drawn: Drawn, *, own: bool) -> dict[str, Any]:
    each = drawn.binomial(OTHERS, drawn.beta(rate * ALIKE, (1 - rate) * ALIKE, SOURCES)).tolist()
    counts = [{"source": at, "pairs": OTHERS, "here": here, "elsewhere": 0} for at, here in enumerate(each)]
    return {
        "own": own,
        "places": [{"kind": "WINDOW", "top": 0, "left": 0, "height": 4, "width": 4}],
        "measures": {"spot_pasted_difference": {"value": sum(each) / OTHERS / SOURCES, "n": SOURCES}},
        "pasted": counts,
        "covered": counts,
    }
