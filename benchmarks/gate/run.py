"""Simulates every row, and gives the part's figures."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from benchmarks.gate import early, ensembles, measures, medians, ratios, readings, spot
from benchmarks.gate.rows import Row, Simulated

VERDICTS, QUICK_VERDICTS = 10_000, 500
#: Every kind of rule that is simulated; a module with `rows()` and a line here.
KINDS: Sequence[Callable[[], Iterator[Row]]] = (
    measures.rows,
    early.rows,
    medians.rows,
    readings.rows,
    ratios.rows,
    ensembles.rows,
    spot.rows,
)


def measure(*, quick: bool) -> dict[str, Any]:
    """Simulate all rows: a quarter of an hour on a free core."""
    verdicts = QUICK_VERDICTS if quick else VERDICTS
    return {"verdicts": verdicts, "rows": [asdict(one) for one in simulated(verdicts)]}


def simulated(verdicts: int) -> Iterator[Simulated]:
    """Draw so many verdicts for each row. Each row has its own seed, so a new row changes no other."""
    for row in (row for kind in KINDS for row in kind()):
        drawn = np.random.default_rng([row.rules, *f"{row.kind}, {row.case}".encode()])
        outcomes = Counter(row.draw(drawn) for _ in range(verdicts))
        print(f"{row.kind}, {row.rules}, {row.case}: {dict(outcomes)}", flush=True)
        yield Simulated(row.kind, row.rules, row.case, dict(outcomes))
