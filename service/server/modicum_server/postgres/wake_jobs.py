"""Defers wake jobs inside the transaction that queues shards. A job names no shard; it only wakes workers."""

from typing import Any

import psycopg
from procrastinate import App, PsycopgConnector

QUEUE = "modicum"
TASK = "modicum.wake"


def wake_app(connector: PsycopgConnector) -> App:
    """Return procrastinate's application, without tasks, because a wake job does nothing."""
    return App(connector=connector)


class WakeJobs:
    """Defers jobs on the caller's connection, whose search path must include procrastinate's tables."""

    def __init__(self) -> None:
        self._app = wake_app(PsycopgConnector())  # never opened, because every job uses the caller's connection

    async def defer(
        self, connection: "psycopg.AsyncConnection[Any]", count: int, *, delay_seconds: float = 0.0
    ) -> None:
        """Defer `count` jobs, due after the delay. They exist when the transaction commits."""
        # The delay is added to this process's clock, which may be wrong. A wake-up at a wrong time does little harm.
        schedule = {"seconds": max(1, round(delay_seconds))} if delay_seconds > 0 else None
        deferrer = self._app.configure_task(TASK, queue=QUEUE, connection=connection, schedule_in=schedule)
        await deferrer.batch_defer_async(*({} for _ in range(count)))
