"""What attacks in which minute of the long attack, and the figures of a minute: pure functions."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, cycle, groupby, islice, repeat
from typing import Any

import numpy as np

BEFORE, TOGETHER, AFTER = "before", "all parts", "after"
QUIET = (BEFORE, AFTER)
MINUTE_SECONDS = 60.0
#: The most minutes without an attack, before it and after it.
MOST_QUIET_MINUTES = 5


def quiet_minutes(minutes: int) -> int:
    """Return how many minutes without an attack come before so many minutes of it, and after them."""
    return min(MOST_QUIET_MINUTES, max(1, minutes // 4))


def rotation(parts: Sequence[str], minutes: int) -> list[str]:
    """Return what attacks in each minute: all parts for as many minutes as there are parts, then each part alone."""
    return list(islice(cycle((*repeat(TOGETHER, len(parts)), *parts)), minutes))


def turns(parts: Sequence[str], minutes: int) -> list[str]:
    """Return what happens in each minute, with the quiet ones at both ends."""
    quiet = quiet_minutes(minutes)
    return [*repeat(BEFORE, quiet), *rotation(parts, minutes), *repeat(AFTER, quiet)]


def stretches(planned: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Yield each turn with how many minutes it goes on without a break."""
    for turn, minutes in groupby(planned):
        yield turn, len(list(minutes))


def row(turn: str, timings: Mapping[str, Sequence[float]], failed: int, sampled: Mapping[str, float]) -> dict[str, Any]:
    """Return the figures of a minute: of the calls that began in it, and the largest samples that were taken in it."""
    seconds = list(chain.from_iterable(timings.values()))
    quantiles = np.quantile(seconds, (0.5, 0.99)).tolist() if seconds else (None, None)
    p50, p99 = (None if value is None else round(1000 * value, 1) for value in quantiles)
    return {"turn": turn, "calls": len(seconds), "failed": failed, "p50_ms": p50, "p99_ms": p99, **sampled}
