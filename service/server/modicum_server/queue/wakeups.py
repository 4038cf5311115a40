"""Wakes the worker: listens for deferred jobs, and deletes them.

Every worker hears of every job, so that a busy worker keeps none from the others. The rows decide who gets a shard. A
job only bridges a moment in which nobody listens.
"""

import asyncio
import contextlib
from types import TracebackType
from typing import Any, Self

import psycopg
import structlog
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ProcrastinateException
from psycopg_pool import PoolTimeout

from modicum_server.postgres.addresses import libpq_address
from modicum_server.postgres.connections import (
    CONNECT_TIMEOUT_SECONDS,
    KEEPALIVE,
    LONGEST_WAIT_SECONDS,
    SEARCH_PATH,
    bounded_connection,
)
from modicum_server.postgres.wake_jobs import QUEUE, wake_app
from modicum_server.processes.work_until_stop import cancelled

#: How often to look for delayed jobs, which become due without a notification.
POLL_SECONDS = 5.0
#: Jobs that one statement deletes, and the pause before it. Nobody waits for this, because notifications wake.
MOST_CLEARED = 1000
CLEAR_SECONDS = 1.0
RETRY_SECONDS = 1.0
POOL_TIMEOUT_SECONDS = 10.0

#: There is nothing to do for a job, so a thousand are deleted for the price of one. Jobs that a worker of an earlier
#: release had taken (`doing`) are deleted too.
_CLEAR = """
DELETE FROM procrastinate_jobs WHERE id IN (
    SELECT id FROM procrastinate_jobs
    WHERE queue_name = %(queue)s AND (scheduled_at IS NULL OR scheduled_at <= now())
    ORDER BY id LIMIT %(most)s FOR UPDATE SKIP LOCKED
) RETURNING id
"""

_log = structlog.get_logger(__name__)
_AWAY = (ProcrastinateException, psycopg.Error, PoolTimeout, OSError)


class QueueWakeups:
    """`ports.Wakeups` over procrastinate: an asynchronous context that listens while it is open."""

    def __init__(
        self,
        database_url: str,
        *,
        poll_seconds: float = POLL_SECONDS,
        longest_wait_seconds: float = LONGEST_WAIT_SECONDS,
    ) -> None:
        """Take the address of the database. While this is open, a database that is away is tried again and again."""
        kwargs: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_SECONDS, **KEEPALIVE}
        self._connector = PsycopgConnector(
            conninfo=libpq_address(database_url),
            kwargs=kwargs,
            connection_class=bounded_connection(longest_wait_seconds),
            configure=_set_search_path,
            min_size=0,
            max_size=2,
            timeout=POOL_TIMEOUT_SECONDS,
        )
        self._app: App = wake_app(self._connector)
        self._poll_seconds = poll_seconds
        self._woken = asyncio.Event()
        self._deferred = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self._app.open_async()
        self._tasks = [
            asyncio.create_task(self._forever(self._hear), name="wake-ups"),
            asyncio.create_task(self._forever(self._clear), name="wake-jobs"),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await cancelled(*self._tasks)
        await self._app.close_async()

    async def wait(self, timeout_seconds: float) -> None:
        """Return when there may be work, or after the time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._woken.wait()
        self._woken.clear()

    def _wake(self) -> None:
        self._woken.set()
        self._deferred.set()

    async def _forever(self, work: Any) -> None:
        """Repeat the work for ever, also when the database is away for a while."""
        while True:
            try:
                await work()
            except _AWAY as error:
                _log.warning("queue_unreachable", error=" ".join(str(error.__cause__ or error).split()))
            await asyncio.sleep(RETRY_SECONDS)

    async def _hear(self) -> None:
        async def on_notification(**_: object) -> None:
            self._wake()

        self._wake()  # for jobs that were deferred while nobody listened
        await self._app.job_manager.listen_for_jobs(on_notification=on_notification, queues=[QUEUE])

    async def _clear(self) -> None:
        while True:
            while await self._connector.execute_query_all_async(_CLEAR, queue=QUEUE, most=MOST_CLEARED):
                self._woken.set()  # delayed jobs, and those that were deferred while nobody listened
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._poll_seconds):
                    await self._deferred.wait()
            self._deferred.clear()
            await asyncio.sleep(CLEAR_SECONDS)  # so that jobs that come shortly after each other are deleted together


async def _set_search_path(connection: "psycopg.AsyncConnection[Any]") -> None:
    await connection.execute(SEARCH_PATH)
    await connection.commit()
