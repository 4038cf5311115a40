"""Uploads that are not finished, a row for each."""

from datetime import timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.ports import FORGOTTEN_SECONDS, Unfinished
from modicum_server.store import tables
from modicum_server.store.projects import advisory_key

FORGOTTEN = timedelta(seconds=FORGOTTEN_SECONDS)
_UPLOADS = tables.unfinished_uploads.c


class PostgresUnfinishedUploads:
    """`ports.UnfinishedUploads`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def others(self, project: str, principal: str, *, but: str = "") -> Unfinished:
        """Count those of the last week, but for one of the digest `but`."""
        own, size = _UPLOADS.principal == principal, func.coalesce(func.sum(_UPLOADS.size_bytes), 0)
        of_principal = func.coalesce(func.sum(_UPLOADS.size_bytes).filter(own), 0)
        query = select(func.count(), size, func.count().filter(own), of_principal).where(
            _UPLOADS.project == project, _UPLOADS.digest != but, _UPLOADS.used_time > func.now() - FORGOTTEN
        )
        return Unfinished(*map(int, (await self._connection.execute(query)).one()))

    async def begin(self, project: str, digest: str, *, principal: str, size_bytes: int) -> None:
        """Note one that begins or goes on, and for whom it counts from now on. Rows that are too old are deleted."""
        old = _UPLOADS.project == project, _UPLOADS.used_time <= func.now() - FORGOTTEN
        await self._connection.execute(delete(tables.unfinished_uploads).where(*old))
        row = insert(tables.unfinished_uploads)
        row = row.values(project=project, digest=digest, principal=principal, size_bytes=size_bytes)
        now = {"principal": principal, "size_bytes": size_bytes, "used_time": func.now()}
        await self._connection.execute(row.on_conflict_do_update(index_elements=["project", "digest"], set_=now))

    async def begin_in_turn(self, project: str) -> None:
        """Wait for the transactions of this project that did so before; those that come wait for this one."""
        await self._connection.execute(select(func.pg_advisory_xact_lock(advisory_key("uploads", project))))

    async def leave(self, project: str, digest: str, received_bytes: int) -> None:
        """Note how many bytes a broken one left; one that left none is forgotten."""
        if not received_bytes:
            await self.end(project, digest)
            return
        left = update(tables.unfinished_uploads).filter_by(project=project, digest=digest)
        await self._connection.execute(left.values(size_bytes=received_bytes, used_time=func.now()))

    async def end(self, project: str, digest: str) -> None:
        """Forget one that is finished."""
        await self._connection.execute(delete(tables.unfinished_uploads).filter_by(project=project, digest=digest))
