"""Shares of audits that may end early: by themselves at a look, or cut by a budget of time. Runs no model.

An image without a subset takes three times as long as one with a subset. So errors would show if a cut kept the images
that happened to end first. A cut lets the shards that have begun end, as the service does.
"""

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
from modicum.gate.policy import DEFAULT_ERROR_BUDGET
from modicum.gate.stopping import ALL_WITHIN, ShareLimit, Stopping, look_images, settled
from numpy.typing import NDArray

from benchmarks.gate.documents import document, outcome, policy
from benchmarks.gate.measures import RULES, plain_rules
from benchmarks.gate.rows import CASES, Drawn, Row, Truths

PLANNED = 640
TRUTHS = Truths(limit=0.10, within=0.02, beyond=0.25)
SHARD_IMAGES, SLOTS = 8, 2
SLOWER = 3.0
"""Times that an image without a subset takes longer."""
EARLY = f"share, early stop, at most {PLANNED} images"
CUT = f"share, cut at any time, at most {PLANNED} images"
Found = NDArray[np.bool_]


def rows() -> Iterator[Row]:
    """Yield early stop and cuts, each for every number of rules and case."""
    for kind, ends in ((EARLY, _ends_early), (CUT, _ends_cut)):
        for count in RULES:
            for case in CASES:
                yield Row(kind, count, case, _drawing(ends, count, case))


def _drawing(ends: Callable[[Found, Drawn], int], count: int, case: str) -> Callable[[Drawn], str]:
    names = plain_rules(count)
    by = policy("spot: off", *(f"{name.replace('_', '-')}: {{max: {TRUTHS.limit}}}" for name in names))
    rates = np.array([TRUTHS.of(case)[at > 0] for at in range(count)])

    def draw(drawn: Drawn) -> str:
        found = drawn.random((PLANNED, count)) < rates
        images = ends(found, drawn)
        measures = {name: _share(int(found[:images, at].sum()), images) for at, name in enumerate(names)}
        stopping = {"planned": PLANNED, "images": images, "why": ["simulated"]}
        return outcome({**document(measures), "stopping": stopping}, by)

    return draw


def _ends_early(found: Found, _: Drawn) -> int:
    """The first look at which a rule is broken or all are kept, else all images."""
    step = look_images(PLANNED)
    counts = found.cumsum(axis=0)[step - 1 : PLANNED - 1 : step]
    broken, kept = _tables(found.shape[1])
    rows = np.arange(len(counts))[:, None]
    ends = broken[rows, counts].any(axis=1) | kept[rows, counts].all(axis=1)
    return int((ends.argmax() + 1) * step) if ends.any() else PLANNED


@cache
def _tables(count: int) -> tuple[Found, Found]:
    """What `settled` says of one rule of so many: (looks, successes), where it is broken and where it is kept."""
    limit = ShareLimit(measure="", at_most=TRUTHS.limit, error=DEFAULT_ERROR_BUDGET / count)
    stopping, step = Stopping(limits=(limit,), within_ends=True), look_images(PLANNED)
    looks = range(step, PLANNED, step)
    why = [[settled(stopping, [[_share(k, n)]]) if k <= n else () for k in range(PLANNED + 1)] for n in looks]
    kept = np.array([[one == (ALL_WITHIN,) for one in row] for row in why])
    return np.array([[bool(one) for one in row] for row in why]) & ~kept, kept


def _ends_cut(found: Found, drawn: Drawn) -> int:
    """All shards that two slots have begun at a time drawn at random."""
    seconds = drawn.exponential(size=PLANNED) * np.where(found[:, 0], 1.0, SLOWER)
    shards = seconds.reshape(-1, SHARD_IMAGES).sum(axis=1)
    cut, free = drawn.uniform(0, shards.sum() / SLOTS), [0.0] * SLOTS
    for begun, taken in enumerate(shards):
        if min(free) >= cut:
            return begun * SHARD_IMAGES
        free[free.index(min(free))] += float(taken)
    return PLANNED


def _share(successes: int, n: int) -> dict[str, object]:
    value = successes / n if n else None
    return {"value": value, "unit": "share", "n": n, "parameters": {"successes": successes}}
