"""Defers wake jobs inside the transaction that queues shards. A job names no shard: it only wakes."""

from typing import Any

import psycopg
from procrastinate import App, PsycopgConnector

QUEUE = "modicum"
TASK = "modicum.wake"


def wake_app(connector: PsycopgConnector) -> App:
    """Return procrastinate's application; nothing is registered with it, because a wake job does nothing."""
    return App(connector=connector)


class WakeJobs:
    """Defers on the caller's connection, whose search path must find procrastinate's tables."""

    def __init__(self) -> None:
        self._app = wake_app(PsycopgConnector())  # never opened: every job goes through the caller's connection

    async def defer(
        self, connection: "psycopg.AsyncConnection[Any]", count: int, *, delay_seconds: float = 0.0
    ) -> None:
        """Defer `count` jobs, not before the delay has passed; there when the transaction commits."""
        # The delay is added to this process's clock, which may be off: a wake-up too early or late costs a look.
        schedule = {"seconds": max(1, round(delay_seconds))} if delay_seconds > 0 else None
        deferrer = self._app.configure_task(TASK, queue=QUEUE, connection=connection, schedule_in=schedule)
        await deferrer.batch_defer_async(*({} for _ in range(count)))
