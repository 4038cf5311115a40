"""Swaps of a spot, one row each. All times are the database's."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Select, delete, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB, array
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.audits import AuditFailure
from modicum_server.domain.documents import SWAP_PLAN, SWAP_SCORE, document_of, value_of
from modicum_server.domain.spot_swaps import SpotSwap, SwapScore, SwapState
from modicum_server.ports import Keyed
from modicum_server.store.projects import project_of
from modicum_server.store.spot_swap_tables import spot_swaps

_SWAPS = spot_swaps.c


class PostgresSpotSwaps:
    """`ports.SpotSwaps`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, name: str) -> SpotSwap | None:
        """Get a swap."""
        return await self._one(select(spot_swaps).filter_by(name=name))

    async def lock(self, name: str) -> SpotSwap | None:
        """Get a swap and lock it."""
        return await self._one(select(spot_swaps).filter_by(name=name).with_for_update())

    async def create(self, swap: SpotSwap) -> SpotSwap:
        """Store it."""
        values = {
            "name": swap.name,
            "project": project_of(swap.name),
            "plan": document_of(SWAP_PLAN, swap.plan),
            "principal": swap.principal,
            "state": swap.state.value,
        }
        return _swap((await self._connection.execute(insert(spot_swaps).values(values).returning(spot_swaps))).one())

    async def page(self, project: str, *, after: str, limit: int) -> list[Keyed[SpotSwap]]:
        """List those of a project, newest first."""
        query = select(spot_swaps).where(_SWAPS.project == project).order_by(_SWAPS.name.desc()).limit(limit)
        if after:
            query = query.where(_SWAPS.name < after)
        return [(row.name, _swap(row)) for row in await self._connection.execute(query)]

    async def delete(self, name: str) -> None:
        """Delete it."""
        await self._connection.execute(delete(spot_swaps).where(_SWAPS.name == name))

    async def open_count(self, project: str) -> int:
        """Return how many of the project wait or are at work."""
        query = select(func.count()).select_from(spot_swaps)
        query = query.where(_SWAPS.project == project, _SWAPS.state == SwapState.QUEUED.value)
        return await self._connection.scalar(query) or 0

    async def add_scores(self, name: str, model_version: str, scores: Sequence[SwapScore]) -> None:
        """Store what a version says."""
        added = {model_version: [document_of(SWAP_SCORE, score) for score in scores]}
        await self._set(name, scores=_SWAPS.scores.op("||")(literal(added, JSONB)))

    async def succeed(self, name: str) -> None:
        """End it with the scores of all its versions."""
        await self._set(name, state=SwapState.SUCCEEDED.value)

    async def fail(self, name: str, failure: AuditFailure) -> None:
        """End it without a result."""
        await self._set(
            name, state=SwapState.FAILED.value, failure_reason=failure.reason, failure_detail=failure.detail
        )

    async def cancel(self, name: str) -> None:
        """End it because nobody wants it any more."""
        await self._set(name, state=SwapState.CANCELLED.value)

    async def _set(self, name: str, **values: Any) -> None:
        await self._connection.execute(update(spot_swaps).where(_SWAPS.name == name).values(**values))

    async def _one(self, query: Select[Any]) -> SpotSwap | None:
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else _swap(row)


def open_swaps_of(versions: Sequence[str]) -> Select[tuple[str]]:
    """Return the names of the swaps that have not ended and that let one of these versions look."""
    names = _SWAPS.plan["model_versions"].has_any(array(versions))
    return select(_SWAPS.name).where(_SWAPS.state == SwapState.QUEUED.value, names)


def _swap(row: Row[Any]) -> SpotSwap:
    scores = {version: tuple(value_of(SWAP_SCORE, one) for one in found) for version, found in row.scores.items()}
    return SpotSwap(
        name=row.name,
        plan=value_of(SWAP_PLAN, row.plan),
        principal=row.principal,
        state=SwapState(row.state),
        create_time=row.create_time,
        scores=scores,
        failure=AuditFailure(row.failure_reason, row.failure_detail) if row.failure_reason else None,
    )
