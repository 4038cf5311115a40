"""Short queries to the database, over the shared pool, each with a time limit.

A network that goes silent closes no connection: a pooled connection looks alive, and whoever takes it waits. So the
first query without a response marks every connection that is open by then as unusable. Later queries open new ones.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakSet

from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry

from modicum_server.errors import DependencyUnavailable
from modicum_server.store.database_errors import translated

REPLY_SECONDS = 3.0


class Probing:
    """Queries over an engine's pool.

    Make it before the engine connects: it records which connections were opened since.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._entries: WeakSet[ConnectionPoolEntry] = WeakSet()
        event.listen(engine.sync_engine, "connect", self._opened)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection for a short query. A query without a response in time is ended, and its connection closed.

        psycopg asks the database to cancel the query, which takes up to ten more seconds if nothing responds.

        Raises:
            DependencyUnavailable: there is no connection, or no reply in time.
        """
        condemning = asyncio.get_running_loop().call_later(REPLY_SECONDS, self._condemn)
        try:
            with translated():
                async with asyncio.timeout(REPLY_SECONDS), self._engine.connect() as connection:
                    yield connection
        except TimeoutError as error:
            raise DependencyUnavailable(f"the database did not respond within {REPLY_SECONDS:g} s") from error
        finally:
            condemning.cancel()

    def _opened(self, _: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        self._entries.add(entry)

    def _condemn(self) -> None:
        """Let no connection that is open now be used again. Queries that run on one are not disturbed."""
        for entry in self._entries:
            entry.invalidate(soft=True)
