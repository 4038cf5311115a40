"""Rules about readings: one of one statement, and one of as many statements as there are other fills."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from modicum.gate.reading_rules import HALF, plain_rules
from modicum_server.domain.searches import Fill
from modicum_server.measures.fill_survival import PREFIX, fill_reading
from modicum_server.measures.intervals import TAILS
from modicum_server.measures.measure import Measure, Measured, Reading, share
from modicum_server.measures.random_subset import random_reading

from benchmarks.gate.documents import IMAGES, document, outcome, policy
from benchmarks.gate.rows import AT_LIMIT, BEYOND, WITHIN, Drawn, Row, Truths

FILLS = tuple(fill.value for fill in Fill if fill is not Fill.MEAN)
Read = Callable[[Measured], Reading | None]


def random(truth: float, drawn: Drawn) -> dict[str, Measure]:
    """The share of random subsets that suffice."""
    return {"random_sufficient_share": _share(truth, drawn)}


def fill(truth: float, drawn: Drawn) -> dict[str, Measure]:
    """The shares of subsets that suffice on each of the other fills, all alike."""
    return {f"{PREFIX}{name}": _share(truth, drawn, fill=name, searched_fill="mean") for name in FILLS}


#: By the control: the outcome that passes, the true shares, what draws the measures, and what reads them.
KINDS: Mapping[str, tuple[str, Truths, Callable[[float, Drawn], dict[str, Measure]], Read]] = {
    "random": ("THESE_PIXELS", Truths(HALF, HALF - 0.15, HALF + 0.15), random, random_reading),
    "fill": ("SURVIVES", Truths(HALF, HALF + 0.15, HALF - 0.15), fill, fill_reading),
}


def rows() -> Iterator[Row]:
    """Yield both readings in every case of one rule."""
    for control, (expected, truths, make, read) in KINDS.items():
        for case in (AT_LIMIT, WITHIN, BEYOND):
            draw = _drawing(control, expected, partial(make, truths.of(case)[0]), read)
            yield Row(f"reading {control}", 1, case, draw)


def _drawing(
    control: str, expected: str, make: Callable[[Drawn], dict[str, Measure]], read: Read
) -> Callable[[Drawn], str]:
    by = policy("spot: off", f"{control}: {{expect: [{expected}]}}")
    return lambda drawn: outcome(document(readings=[_reading(make(drawn), read)]), by)


def _reading(measured: Measured, read: Read) -> dict[str, Any]:
    """The reading as a document has it: with its outcome at each tail."""
    reading = read(measured)
    assert reading is not None, "the control ran"
    rule = plain_rules({name: one.as_json() for name, one in measured.items()})[reading.control]
    return {**asdict(reading), "outcomes": [(tail, rule.outcome(tail)) for tail in TAILS]}


def _share(truth: float, drawn: Drawn, **parameters: str) -> Measure:
    holds = np.arange(IMAGES) < drawn.binomial(IMAGES, truth)
    return share(holds, empty="", parameters=parameters)
