"""Finds what nothing refers to, and keeps what collections did."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import ARRAY, ColumnElement, Select, Text, any_, delete, func, insert, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.collections import Collection, Unreferred
from modicum_server.store import tables
from modicum_server.store.artifacts import ROWS_THAT_REFER

_ARTIFACTS = tables.artifacts.c
_REQUESTS = tables.requests.c


def _here(rows: Select[tuple[str, str]]) -> ColumnElement[bool]:
    """Whether there are such rows in the artifact's project."""
    return rows.where(rows.selected_columns.project == _ARTIFACTS.project).correlate(tables.artifacts).exists()


#: Nothing refers to the artifact of a row, but for swaps of a spot.
UNREFERRED = tuple(~_here(refer(_ARTIFACTS.digest)) for refer in ROWS_THAT_REFER)


class PostgresCollections:
    """`ports.Collections`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def unreferred(self, *, unused_seconds: float, after: tuple[str, str], limit: int) -> list[Unreferred]:
        """Return candidates by rising project and digest."""
        query = (
            select(_ARTIFACTS.project, _ARTIFACTS.digest, _ARTIFACTS.size_bytes)
            .where(tuple_(_ARTIFACTS.project, _ARTIFACTS.digest) > after, _unused(unused_seconds))
            .where(*UNREFERRED)
            .order_by(_ARTIFACTS.project, _ARTIFACTS.digest)
            .limit(limit)
        )
        return [Unreferred(*row) for row in await self._connection.execute(query)]

    async def is_unused(self, project: str, digest: str, *, unused_seconds: float) -> bool:
        """Lock the record, and return whether nobody brought or asked for it since."""
        record = select(_ARTIFACTS.digest).where(_ARTIFACTS.project == project, _ARTIFACTS.digest == digest)
        await self._connection.execute(record.with_for_update())
        return await self._connection.scalar(record.where(_unused(unused_seconds))) is not None

    async def unheld(self, digests: Sequence[str]) -> frozenset[str]:
        """Return those of these digests that no project holds."""
        query = select(_ARTIFACTS.digest).where(_ARTIFACTS.digest == any_(literal(digests, ARRAY(Text))))
        return frozenset(digests) - frozenset((await self._connection.scalars(query)).all())

    async def old_requests(self, *, seconds: float) -> int:
        """Count the request ids that are older."""
        query = select(func.count()).select_from(tables.requests).where(_older(_REQUESTS.create_time, seconds))
        return int(await self._connection.scalar(query) or 0)

    async def forget_requests(self, *, seconds: float, limit: int) -> int:
        """Delete at most so many of them, none that a request uses now; return how many."""
        old = select(_REQUESTS.project, _REQUESTS.request_id).where(_older(_REQUESTS.create_time, seconds))
        some = old.limit(limit).with_for_update(skip_locked=True)
        gone = delete(tables.requests).where(tuple_(_REQUESTS.project, _REQUESTS.request_id).in_(some))
        return int((await self._connection.execute(gone)).rowcount)

    async def note(self, collection: Collection) -> None:
        """Store what a collection did."""
        await self._connection.execute(insert(tables.collections).values(asdict(collection)))


def _older(column: ColumnElement[object], seconds: float) -> ColumnElement[bool]:
    return column < func.now() - func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def _unused(seconds: float) -> ColumnElement[bool]:
    return _older(_ARTIFACTS.used_time, seconds)
