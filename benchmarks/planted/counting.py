"""How rows of planted networks are grouped and counted. Measures nothing."""

from collections.abc import Callable, Sequence
from typing import Any

from modicum_server.measures.intervals import wilson
from modicum_server.measures.number_words import share_text

from benchmarks.planted.audits import LEARNT

Row = dict[str, Any]
CIFAR = "cifar10"
FOLLOWED = (("at least half", 0.5, 1.01), ("30% to 50%", LEARNT, 0.5), ("fewer than 30%", 0.0, LEARNT))


def followed(row: Row) -> float:
    """Return how many pictures follow the strongest cue of a network, as a share."""
    return max((float(share) for share in row["truth"]["followed"].values()), default=0.0)


def is_weak(row: Row) -> bool:
    """Whether the cue of a network was weakened until 30% to 50% follow it."""
    cue = row.get("cue", {})
    return cue.get("opacity") is not None or cue.get("stray", 0) > 0


def with_audit(rows: Sequence[Row], audit: tuple[int, int]) -> list[tuple[Row, Row]]:
    """Return the rows that have the audit of so many images and passes, with it."""
    return [(r, one) for r in rows for one in r["audits"] if (one["images"], one["search_passes"]) == audit]


def tally(rows: Sequence[Row], audit: tuple[int, int], holds: Callable[[Row, Row], bool]) -> str:
    """Return of how many rows with the audit something holds, with Wilson's interval of 95%."""
    return tally_of([holds(row, one) for row, one in with_audit(rows, audit)])


def tally_of(held: Sequence[bool]) -> str:
    """Return how often something holds, one value for each network, with Wilson's interval of 95%."""
    if not held:
        return "no network"
    interval = wilson(sum(held), len(held))
    ends = "" if interval is None else f" ({share_text(interval.low or 0.0)} to {share_text(interval.high or 0.0)})"
    return f"{sum(held)} of {len(held)}{ends}"
