"""What stands in a row of a shard: the columns of a new one, its halves, and the domain's record of it."""

from typing import Any

from sqlalchemy import Row

from modicum_server.domain.audits import NewShard, Shard, Stage
from modicum_server.domain.traces import Cause


def columns_of(project: str, audit: str, shard: NewShard, cause: Cause) -> dict[str, Any]:
    """Return the columns of a new shard."""
    return {
        "project": project,
        "audit": audit,
        "stage": shard.stage.value,
        "model_version": shard.model_version,
        "search_index": shard.search_index,
        "positions": list(shard.positions),
        "passes_planned": shard.passes_planned,
        "request_id": cause.request_id,
        "traceparent": cause.traceparent,
    }


def halves_of(row: Row[Any]) -> list[NewShard]:
    """Return both halves of the positions of a shard, as new shards."""
    middle = len(row.positions) // 2
    parts = (row.positions[:middle], row.positions[middle:])
    return [
        NewShard(
            stage=Stage(row.stage),
            model_version=row.model_version,
            search_index=row.search_index,
            positions=tuple(part),
            passes_planned=row.passes_planned * len(part) // len(row.positions),
        )
        for part in parts
    ]


def shard_of(row: Row[Any]) -> Shard:
    """Return a claimed shard. The row also says how long it waited for a worker, and for what is away."""
    return Shard(
        id=row.id,
        project=row.project,
        audit=row.audit,
        stage=Stage(row.stage),
        model_version=row.model_version,
        search_index=row.search_index,
        positions=tuple(row.positions),
        attempt=row.attempt,
        failed_tries=row.deaths,
        passes_planned=row.passes_planned,
        waited_seconds=max(float(row.waited), 0.0),
        away_seconds=max(float(row.away), 0.0),
        cause=cause_of(row),
    )


def cause_of(row: Row[Any]) -> Cause:
    """Return the call that a shard was queued for."""
    return Cause(row.request_id, row.traceparent)
