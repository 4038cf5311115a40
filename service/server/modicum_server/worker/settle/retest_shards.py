"""Cuts the shards that test the spots of one version on another, once the spots of all versions are tested.

The spots of a version are tested on every later version of the specification that has the same classes in the same
order. So each pair of versions is compared once, on the same images, places and pairs.
"""

import itertools
from collections.abc import Sequence

from modicum_server.domain.audits import RETESTS, Audit, NewShard, Stage
from modicum_server.domain.classes import have_same_classes
from modicum_server.domain.models import ModelVersion
from modicum_server.domain.spots import SpotRow
from modicum_server.ports import Transaction


async def retest_shards(transaction: Transaction, audit: Audit, versions: Sequence[ModelVersion]) -> list[NewShard]:
    """Return a shard for each pair of versions with rows that are not tested yet; none of rows that failed."""
    shards = []
    for (index, first), (_, second) in itertools.combinations(enumerate(versions), 2):
        if have_same_classes(first, second):
            rows = [row for row in await transaction.spots.of(audit.name, first.name) if row.reason is None]
            done = await transaction.spots.numbers(audit.name, second.name, chosen_by=first.name)
            left = [row for row in rows if row.number not in done]
            if left:
                numbers, passes = tuple(row.number for row in left), sum(map(_passes, left))
                shards.append(NewShard(Stage.SCORE, second.name, RETESTS - index, numbers, passes_planned=passes))
    return shards


def _passes(row: SpotRow) -> int:
    """Each pair is tested here and elsewhere."""
    return 2 * sum(len(trial.pasted.sources) + len(trial.covered.sources) for trial in row.trials)
