"""Notifications of changed audits. A transaction sends them at commit; one listener a process receives them."""

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.postgres.listening import ASK_SECONDS, REPLY_SECONDS, Listener, Notice

CHANNEL = "modicum_audit"


async def notify_audit_changed(connection: AsyncConnection, audit: str) -> None:
    """Notify, when the transaction commits, that the audit changed."""
    await connection.execute(select(func.pg_notify(CHANNEL, audit)))


class AuditWatch(Notice):
    """`ports.Watch`."""

    async def changed(self, timeout_seconds: float) -> None:
        """Return when the audit may have changed since the last call, or after the time."""
        await self.wait(timeout_seconds)


class PostgresChanges:
    """`ports.Changes`. A listener that begins anew marks every watch."""

    def __init__(
        self,
        database_url: str,
        *,
        notified_at: str = "",
        ask_seconds: float = ASK_SECONDS,
        reply_seconds: float = REPLY_SECONDS,
    ) -> None:
        """Take the address of the database, and that at which transactions notify if it is another, such as a pooler's.

        Nothing connects before `listen` or the first watch.
        """
        self._watches: defaultdict[str, set[AuditWatch]] = defaultdict(set)
        self._listener = Listener(
            database_url,
            CHANNEL,
            notified_at=notified_at or database_url,
            began=self._mark_all,
            heard=self._mark,
            ask_seconds=ask_seconds,
            reply_seconds=reply_seconds,
        )

    def listen(self) -> None:
        """Begin to listen before the first watch, so that the log tells at once of an address that is wrong."""
        self._listener.start()

    @asynccontextmanager
    async def watch(self, audit: str) -> AsyncIterator[AuditWatch]:
        """Watch one audit."""
        self.listen()
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
        await self._listener.stop()

    def _mark(self, audit: str) -> None:
        for watch in self._watches.get(audit, ()):
            watch.mark()

    def _mark_all(self) -> None:
        for watches in self._watches.values():
            for watch in watches:
                watch.mark()
