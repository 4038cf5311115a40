"""Simulates the spot test's intervals at their limits, where a wrong verdict is likeliest. Runs no model.

Each of many places makes a share of other images the class that is exactly the limit. Sources differ: a source's own
share is drawn from a beta distribution. The best place of one half is tested on the other half, and the halves swap, as
in the library.
"""

import functools
from dataclasses import dataclass

import numpy as np
from modicum.gate.spot_rule import ALPHA, NONE_LIMIT, PASTED_LIMIT, high_end, p_value_above
from numpy.typing import NDArray

PLACES = 60
CHOICE_PAIRS = 64
OTHERS_A_SOURCE = 9
"""Images of other classes for each source, as with ten classes."""
ALIKE, UNLIKE = 20.0, 1.0
"""How alike sources are: the sum of the beta distribution's parameters."""
RUNS = 1000
SOURCES = (16, 30, 60, 100)


@dataclass(frozen=True, slots=True)
class Simulated:
    """How often a class is wrongly called found, or wrongly called none, at the limit.

    Attributes:
        sources: of the class, both halves together.
        spread: sum of the parameters of the beta distribution of a source's share.
        found: share of the runs at `PASTED_LIMIT` whose one-sided p is at most `ALPHA`.
        none: share of the runs at `NONE_LIMIT` whose one-sided upper end lies below it.
    """

    sources: int
    spread: float
    found: float
    none: float


@functools.cache  # the seeds are fixed, and each page of a run shows the same table
def simulated(runs: int = RUNS) -> tuple[Simulated, ...]:
    """Simulate every number of sources, with sources that are alike and sources that are not."""
    return tuple(_simulated(sources, spread, runs) for spread in (ALIKE, UNLIKE) for sources in SOURCES)


def _simulated(sources: int, spread: float, runs: int) -> Simulated:
    drawn = np.random.default_rng(sources)
    found = [p_value_above(_differences(sources, PASTED_LIMIT, spread, drawn), PASTED_LIMIT) for _ in range(runs)]
    highs = [high_end(_differences(sources, NONE_LIMIT, spread, drawn), ALPHA) for _ in range(runs)]
    return Simulated(
        sources, spread, float(np.mean(np.array(found) <= ALPHA)), float(np.mean(np.array(highs) < NONE_LIMIT))
    )


def _differences(sources: int, limit: float, spread: float, drawn: np.random.Generator) -> NDArray[np.float64]:
    """The mean of each source at the place that was chosen on the other half (number of sources,)."""
    half = sources // 2
    shares = drawn.beta(limit * spread, (1 - limit) * spread, (2, PLACES, half))
    hits = drawn.binomial(max(1, min(CHOICE_PAIRS, OTHERS_A_SOURCE * half) // half), shares).sum(axis=2)
    chosen = hits.argmax(axis=1)
    tested = np.concatenate([shares[0, chosen[1]], shares[1, chosen[0]]])
    return drawn.binomial(OTHERS_A_SOURCE, tested) / OTHERS_A_SOURCE
