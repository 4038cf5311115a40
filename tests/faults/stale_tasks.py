"""Finds a task of a superseded attempt that still runs in the process that holds the next attempt of its shard.

The database records the writer and the attempt that was held at the time. Both are the same for the two tasks. They
differ in two ways: a place is written twice, and the worker's log names the attempt that ended a shard. This module
does not judge writes of other processes; invariants.py does.
"""

from collections.abc import Collection, Sequence
from typing import Any

from tests.faults.signs import Before, lines_of
from tests.faults.stage import Stage

#: Outcomes that end a shard for good. After the others there is another attempt.
ENDED = frozenset({"done", "cancelled", "split", "rejected", "failed"})

Note = dict[str, Any]


def places_written_once(stage: Stage, before: Before, findings: Sequence[Note], audits: Collection[str]) -> None:
    """Fail if a place was written twice. A worker may write a batch again if it got no confirmation of its commit.

    The next attempt does not search stored places, so a second writer of a place is a task that should have stopped.
    """
    seen: set[tuple[int, str]] = set()
    repeating: set[str] = set()
    for note in findings:
        place = (note["shard"], note["detail"])
        if place in seen:
            repeating.add(note["transaction"])
        seen.add(place)
    unconfirmed = [
        line for line in lines_of(stage, before, "worker", "findings_not_written") if line["audit"] in audits
    ]
    assert len(repeating) <= len(unconfirmed), (
        f"expected each place to be written once, except {len(unconfirmed)} batches, got again: {sorted(repeating)}"
    )


def shards_ended_by_holders(stage: Stage, before: Before, ends: Sequence[Note]) -> None:
    """Fail if a worker's log says that another attempt ended a shard than the one that was held."""
    held = {note["shard"]: note["attempt"] for note in ends}
    for line in lines_of(stage, before, "worker", "shard_ended"):
        logged = line["attempt"] if line["outcome"] in ENDED else None
        expected = held.get(line["shard"], logged)
        assert logged in {None, expected}, f"expected attempt {expected} to end the shard, got {line}"
