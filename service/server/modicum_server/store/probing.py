"""Short questions to the database, over the same pool as all else, each of which ends.

A network that goes silent closes nothing: a connection that is in the pool looks alive for good, and whoever takes it
waits. So the first question without an answer condemns every connection that is open by then; the next ones open new
ones.
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
from modicum_server.store.failures import translated

ANSWER_SECONDS = 3.0


class Probing:
    """Asks over an engine's pool. Must be there before the engine connects: it knows what was opened since."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._entries: WeakSet[ConnectionPoolEntry] = WeakSet()
        event.listen(engine.sync_engine, "connect", self._opened)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection for a short question; one that is not answered in time is ended, its connection closed.

        psycopg asks the database to cancel what it ends, which takes up to ten seconds more where nothing answers.

        Raises:
            DependencyUnavailable: there is no connection, or no answer in time.
        """
        condemning = asyncio.get_running_loop().call_later(ANSWER_SECONDS, self._condemn)
        try:
            with translated():
                async with asyncio.timeout(ANSWER_SECONDS), self._engine.connect() as connection:
                    yield connection
        except TimeoutError as error:
            raise DependencyUnavailable(f"the database did not respond within {ANSWER_SECONDS:g} s") from error
        finally:
            condemning.cancel()

    def _opened(self, _: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        self._entries.add(entry)

    def _condemn(self) -> None:
        """See that no connection that is open now is used again; what is asked over one meanwhile is not disturbed."""
        for entry in self._entries:
            entry.invalidate(soft=True)
