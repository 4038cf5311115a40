"""Wakes the worker: hears that jobs were deferred, and clears them away.

Every worker hears every job, so that one that is busy keeps none from the others; who then gets a shard is decided by
the rows. A job is only what outlives a moment in which nobody listens.
"""

import asyncio
import contextlib
from types import TracebackType
from typing import Any, Self

import psycopg
import structlog
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ProcrastinateException
from procrastinate.jobs import Status
from psycopg_pool import PoolTimeout

from modicum_server.queue.jobs import QUEUE, wake_app
from modicum_server.store.connections import CONNECT_TIMEOUT_SECONDS, KEEPALIVE, SEARCH_PATH, libpq_url

#: How often jobs are looked for that came due without a notification (delayed ones), and a sign of life is given.
POLL_SECONDS = 5.0
#: Without a sign of life for this long a worker is dead, and a job that it took is cleared away.
STALLED_SECONDS = 60.0
RETRY_SECONDS = 1.0
POOL_TIMEOUT_SECONDS = 10.0

_log = structlog.get_logger(__name__)
_AWAY = (ProcrastinateException, psycopg.Error, PoolTimeout, OSError)


class QueueWakeups:
    """`ports.Wakeups` over procrastinate; an asynchronous context that hears while it is open."""

    def __init__(self, database_url: str) -> None:
        """Take the address of the database; a database that is away is tried again for as long as this is open."""
        kwargs: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_SECONDS, **KEEPALIVE}
        self._connector = PsycopgConnector(
            conninfo=libpq_url(database_url),
            kwargs=kwargs,
            configure=_set_search_path,
            min_size=0,
            max_size=2,
            timeout=POOL_TIMEOUT_SECONDS,
        )
        self._app: App = wake_app(self._connector)
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
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
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
        """Do it again and again while the database comes and goes."""
        while True:
            try:
                await work()
            except _AWAY as error:
                _log.warning("queue_away", error=str(error))
            await asyncio.sleep(RETRY_SECONDS)

    async def _hear(self) -> None:
        async def on_notification(**_: object) -> None:
            self._wake()

        self._wake()  # what was deferred while nobody listened
        await self._app.job_manager.listen_for_jobs(on_notification=on_notification, queues=[QUEUE])

    async def _clear(self) -> None:
        manager = self._app.job_manager
        worker_id = await manager.register_worker()
        try:
            while True:
                await self._take_all(worker_id)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await self._deferred.wait()
                self._deferred.clear()
        finally:
            with contextlib.suppress(*_AWAY):
                await manager.unregister_worker(worker_id)

    async def _take_all(self, worker_id: int) -> None:
        """Take every job that is due, and those of dead workers; each of them wakes."""
        manager = self._app.job_manager
        await manager.update_heartbeat(worker_id)
        await manager.prune_stalled_workers(STALLED_SECONDS)
        for stalled in await manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=STALLED_SECONDS):
            await manager.finish_job(stalled, Status.ABORTED, delete_job=True)
        while due := await manager.fetch_job(queues=[QUEUE], worker_id=worker_id):
            self._wake()
            await manager.finish_job(due, Status.SUCCEEDED, delete_job=True)


async def _set_search_path(connection: "psycopg.AsyncConnection[Any]") -> None:
    await connection.execute(SEARCH_PATH)
    await connection.commit()
