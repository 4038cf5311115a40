"""Hears the notifications of one channel, on a connection of its own, for as long as it is wanted."""

import asyncio
from collections.abc import Callable

import psycopg
import structlog
from psycopg import sql
from psycopg.rows import TupleRow

from modicum_server.postgres.addresses import libpq_address
from modicum_server.postgres.connections import CONNECT_TIMEOUT_SECONDS, KEEPALIVE, bounded_connection
from modicum_server.processes.work_until_stop import cancelled

RECONNECT_SECONDS = (0.1, 5.0)
#: How often the connection is asked whether it is there: a network that goes silent closes nothing.
ASK_SECONDS = 10.0
REPLY_SECONDS = 3.0

_log = structlog.get_logger(__name__)


class Listener:
    """Listens on a channel between `start` and `stop`. A lost connection is replaced.

    A connection that does not respond counts as lost. psycopg ends its query within ten more seconds.
    """

    def __init__(
        self,
        database_url: str,
        channel: str,
        *,
        began: Callable[[], None],
        heard: Callable[[str], None],
        ask_seconds: float = ASK_SECONDS,
        reply_seconds: float = REPLY_SECONDS,
    ) -> None:
        """Say what to listen to. Nothing connects yet.

        Args:
            database_url: a `postgresql://` address.
            channel: of the notifications.
            began: called whenever it begins to listen. What was notified before is not notified again.
            heard: called with the text of each notification.
            ask_seconds: between two questions whether the connection is there.
            reply_seconds: after which a question without a reply means that it is lost.
        """
        self._url = libpq_address(database_url, connect_timeout=CONNECT_TIMEOUT_SECONDS, **KEEPALIVE)
        self._channel, self._began, self._heard = channel, began, heard
        self._ask_seconds, self._reply_seconds = ask_seconds, reply_seconds
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen, unless it does."""
        if self._task is None:
            self._task = asyncio.create_task(self._listen_forever(), name=self._channel)

    async def stop(self) -> None:
        """Stop listening."""
        if self._task is not None:
            await cancelled(self._task)
            self._task = None

    async def _listen_forever(self) -> None:
        shortest, longest = RECONNECT_SECONDS
        pause = shortest
        while True:
            try:
                async with await bounded_connection().connect(self._url, autocommit=True) as connection:
                    await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
                    pause = shortest
                    self._began()
                    await self._hear(connection)
            except (psycopg.Error, TimeoutError) as error:
                _log.warning(
                    "listener_lost", channel=self._channel, error=str(error) or "no reply", retry_seconds=pause
                )
            await asyncio.sleep(pause)
            pause = min(pause * 2, longest)

    async def _hear(self, connection: "psycopg.AsyncConnection[TupleRow]") -> None:
        """Pass on what is notified, while the connection responds. What arrives meanwhile waits in the connection."""
        while True:
            async for notification in connection.notifies(timeout=self._ask_seconds):
                self._heard(notification.payload)
            async with asyncio.timeout(self._reply_seconds):
                await connection.execute("SELECT 1")
