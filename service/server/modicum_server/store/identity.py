"""The id that the database shares with its artifact store: one row."""

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.store_identity import StoreIdentity
from modicum_server.store import tables
from modicum_server.store.projects import advisory_key


class PostgresIdentity:
    """`ports.Identity`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock(self) -> None:
        """Let no other process look or write until the transaction ends."""
        await self._connection.execute(select(func.pg_advisory_xact_lock(advisory_key("store", "identity"))))

    async def get(self) -> StoreIdentity | None:
        """Return the id; None before the first start."""
        columns = tables.store_identity.c
        row = (await self._connection.execute(select(columns.id, columns.confirmed))).one_or_none()
        return None if row is None else StoreIdentity(row.id, row.confirmed)

    async def begin(self, store_id: str) -> None:
        """Store a new id, which the artifact store does not have yet."""
        await self._connection.execute(insert(tables.store_identity).values(id=store_id))

    async def confirm(self) -> None:
        """Note that the artifact store has the id."""
        await self._connection.execute(update(tables.store_identity).values(confirmed=True))
