"""Workers that are there, and what they can build."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.buildable import Families
from modicum_server.domain.documents import FAMILIES, document_of, value_of
from modicum_server.store import tables

#: A worker that was not seen for so long is gone: it says every few seconds that it is there.
GONE_SECONDS = 60.0
_WORKERS = tables.workers.c


class PostgresWorkers:
    """`ports.Workers`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def seen(self, name: str) -> None:
        """Note that it is there, and forget those that are gone."""
        row = insert(tables.workers).values(name=name, seen_time=func.clock_timestamp())
        await self._connection.execute(
            row.on_conflict_do_update(index_elements=["name"], set_={"seen_time": row.excluded.seen_time})
        )
        gone = select(_WORKERS.name).where(~_there()).with_for_update(skip_locked=True)
        await self._connection.execute(delete(tables.workers).where(_WORKERS.name.in_(gone)))

    async def publish(self, name: str, families: Families) -> None:
        """Store what it can build, and that it is there."""
        row = insert(tables.workers).values(
            name=name, seen_time=func.clock_timestamp(), families=document_of(FAMILIES, dict(families))
        )
        await self._connection.execute(
            row.on_conflict_do_update(
                index_elements=["name"], set_={"seen_time": row.excluded.seen_time, "families": row.excluded.families}
            )
        )

    async def leave(self, name: str) -> None:
        """Forget it."""
        await self._connection.execute(delete(tables.workers).where(_WORKERS.name == name))

    async def buildable(self) -> Sequence[Families | None]:
        """What the workers that are there can build, equal ones once. None stands for those that have not looked."""
        rows = await self._connection.scalars(select(_WORKERS.families).where(_there()).distinct())
        return [None if document is None else value_of(FAMILIES, document) for document in rows]


def _there() -> ColumnElement[bool]:
    return _WORKERS.seen_time > func.clock_timestamp() - timedelta(seconds=GONE_SECONDS)
