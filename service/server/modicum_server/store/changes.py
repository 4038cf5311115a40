"""Notifications of changed audits. A transaction sends them at commit; one listener a process receives them."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import structlog
from psycopg import sql
from psycopg.rows import TupleRow
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.postgres.addresses import libpq_address
from modicum_server.postgres.connections import CONNECT_TIMEOUT_SECONDS, KEEPALIVE, bounded_connection
from modicum_server.store.probing import REPLY_SECONDS

CHANNEL = "modicum_audit"
RECONNECT_SECONDS = (0.1, 5.0)
#: How often the connection that listens is asked whether it is there: a network that goes silent closes nothing.
ASK_SECONDS = 10.0

_log = structlog.get_logger(__name__)


async def notify_audit_changed(connection: AsyncConnection, audit: str) -> None:
    """Notify, when the transaction commits, that the audit changed."""
    await connection.execute(select(func.pg_notify(CHANNEL, audit)))


class AuditWatch:
    """`ports.Watch`. Remembers that the audit changed, not how often."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def mark(self) -> None:
        """Note a change."""
        self._changed.set()

    async def changed(self, timeout_seconds: float) -> None:
        """Return when the audit may have changed since the last call, or after the time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._changed.wait()
        self._changed.clear()


class PostgresChanges:
    """`ports.Changes`. Listens from the first watch on. When the listener loses its connection, it marks every watch.

    A connection that does not respond counts as lost. psycopg ends the query within ten more seconds, as in `probing`.
    """

    def __init__(
        self, database_url: str, *, ask_seconds: float = ASK_SECONDS, reply_seconds: float = REPLY_SECONDS
    ) -> None:
        """Take the address of the database; it is connected to when something is watched."""
        self._ask_seconds, self._reply_seconds = ask_seconds, reply_seconds
        self._url = libpq_address(database_url, connect_timeout=CONNECT_TIMEOUT_SECONDS, **KEEPALIVE)
        self._watches: defaultdict[str, set[AuditWatch]] = defaultdict(set)
        self._listener: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def watch(self, audit: str) -> AsyncIterator[AuditWatch]:
        """Watch one audit."""
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen_forever(), name="audit-changes")
        watch = AuditWatch()
        self._watches[audit].add(watch)
        try:
            yield watch
        finally:
            self._watches[audit].discard(watch)
            if not self._watches[audit]:
                del self._watches[audit]

    async def close(self) -> None:
        """Stop listening."""
        if self._listener is not None:
            self._listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listener
            self._listener = None

    async def _listen_forever(self) -> None:
        shortest, longest = RECONNECT_SECONDS
        pause = shortest
        while True:
            try:
                async with await bounded_connection().connect(self._url, autocommit=True) as connection:
                    await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
                    pause = shortest
                    self._mark_all()  # what was told while nobody listened is not told again
                    await self._hear(connection)
            except (psycopg.Error, TimeoutError) as error:
                _log.warning("audit_changes_unreachable", error=str(error) or "no reply", retry_seconds=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, longest)

    async def _hear(self, connection: "psycopg.AsyncConnection[TupleRow]") -> None:
        """Mark what is notified, as long as the connection responds. What arrives meanwhile waits in the connection."""
        while True:
            async for notification in connection.notifies(timeout=self._ask_seconds):
                self._mark(notification.payload)
            async with asyncio.timeout(self._reply_seconds):
                await connection.execute("SELECT 1")

    def _mark(self, audit: str) -> None:
        for watch in self._watches.get(audit, ()):
            watch.mark()

    def _mark_all(self) -> None:
        for watches in self._watches.values():
            for watch in watches:
                watch.mark()
