"""A task of a superseded attempt that goes on in the process which holds the next attempt of the same shard.

The database notes who wrote, and which attempt was held then: both are the same for the two of them. What tells them
apart is that a place is written twice, and what the worker's log says of the attempt that ended a shard. Must not
judge writes of other processes; invariants.py does.
"""

from collections.abc import Collection, Sequence
from typing import Any

from tests.faults.signs import Before, lines_of
from tests.faults.stage import Stage

#: Outcomes with which an attempt ended its shard for good; after the others there is another attempt.
ENDED = frozenset({"done", "cancelled", "split", "rejected", "failed"})

Note = dict[str, Any]


def places_once(stage: Stage, before: Before, findings: Sequence[Note], audits: Collection[str]) -> None:
    """Fail where a place was written twice, but for batches that a worker writes again as it heard of no commit.

    A next attempt does not search what is stored, so a second writer of a place is a task that should be gone.
    """
    seen: set[tuple[int, str]] = set()
    repeating: set[str] = set()
    for note in findings:
        place = (note["shard"], note["detail"])
        if place in seen:
            repeating.add(note["transaction"])
        seen.add(place)
    unheard = [line for line in lines_of(stage, before, "worker", "findings_not_written") if line["audit"] in audits]
    assert len(repeating) <= len(unheard), (
        f"expected each place to be written once, {len(unheard)} batches again at most, got again: {sorted(repeating)}"
    )


def ended_by_their_holders(stage: Stage, before: Before, ends: Sequence[Note]) -> None:
    """Fail where a worker's log names another attempt as the one that ended a shard than the one that was held."""
    held = {note["shard"]: note["attempt"] for note in ends}
    for line in lines_of(stage, before, "worker", "shard_ended"):
        told = line["attempt"] if line["outcome"] in ENDED else None
        expected = held.get(line["shard"], told)
        assert told in {None, expected}, f"expected attempt {expected} to end the shard, got {line}"
