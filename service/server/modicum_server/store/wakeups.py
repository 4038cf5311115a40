"""Wakes workers: a transaction that queues shards notifies all of them at commit.

A notification names no shard. Every worker hears it, so that a busy one keeps no work from the others, and the rows
decide who gets a shard. What nobody hears is found by the look that every idle worker takes every few seconds.
"""

from types import TracebackType
from typing import Self

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.postgres.listening import ASK_SECONDS, REPLY_SECONDS, Listener, Notice

CHANNEL = "modicum_work"


async def notify_work(connection: AsyncConnection) -> None:
    """Wake all workers when the transaction commits, once however often it is called in it."""
    await connection.execute(select(func.pg_notify(CHANNEL, "")))


class PostgresWakeups:
    """`ports.Wakeups`: an asynchronous context that listens while it is open."""

    def __init__(
        self,
        database_url: str,
        *,
        notified_at: str = "",
        ask_seconds: float = ASK_SECONDS,
        reply_seconds: float = REPLY_SECONDS,
    ) -> None:
        """Take the address of the database, and that at which transactions notify if it is another, such as a pooler's.

        While this is open, a database that is away is tried again and again.
        """
        self._work = Notice()
        self._listener = Listener(
            database_url,
            CHANNEL,
            notified_at=notified_at or database_url,
            began=self._work.mark,  # for shards that were queued while nobody listened
            heard=lambda _: self._work.mark(),
            ask_seconds=ask_seconds,
            reply_seconds=reply_seconds,
        )

    async def __aenter__(self) -> Self:
        self._listener.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._listener.stop()

    async def wait(self, timeout_seconds: float) -> None:
        """Return when there may be work, or after the time."""
        await self._work.wait(timeout_seconds)
