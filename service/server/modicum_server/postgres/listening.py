"""Hears the notifications of one channel, on a connection of its own, for as long as it is wanted.

A connection through a pooler, or to another database, listens without an error and hears nothing. So each listener
notifies itself once, over the address at which transactions notify.
"""

import asyncio
import contextlib
import secrets
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
#: Begins the text of a notification by which a listener finds out whether it hears.
TRIAL = "trial "

WHY_DEAF = "no notifications arrive at the listening address: it belongs to a pooler, or to another database"
WHAT_TO_DO = (
    "set MODICUM_DATABASE_LISTEN_URL to the address of the database itself; until then work begins up to 5 s late, and "
    "watches hear of changes up to a minute late"
)

_log = structlog.get_logger(__name__)


class Notice:
    """Remembers that something was notified, not how often."""

    def __init__(self) -> None:
        self._came = asyncio.Event()

    def mark(self) -> None:
        """Note that something was notified."""
        self._came.set()

    async def wait(self, timeout_seconds: float) -> None:
        """Return when something may have been notified since the last call, or after the time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                await self._came.wait()
        self._came.clear()


class Listener:
    """Listens on a channel between `start` and `stop`. A lost connection is replaced.

    A connection that does not respond counts as lost. psycopg ends its query within ten more seconds.
    """

    def __init__(
        self,
        database_url: str,
        channel: str,
        *,
        notified_at: str,
        began: Callable[[], None],
        heard: Callable[[str], None],
        ask_seconds: float = ASK_SECONDS,
        reply_seconds: float = REPLY_SECONDS,
    ) -> None:
        """Say what to listen to. Nothing connects yet.

        Args:
            database_url: a `postgresql://` address.
            channel: of the notifications.
            notified_at: the address at which transactions notify, which may be that of a pooler.
            began: called whenever it begins to listen. What was notified before is not notified again.
            heard: called with the text of each notification.
            ask_seconds: between two questions whether the connection is there.
            reply_seconds: after which a question without a reply means that it is lost.
        """
        self._url = libpq_address(database_url, connect_timeout=CONNECT_TIMEOUT_SECONDS, **KEEPALIVE)
        self._notified_at = libpq_address(notified_at, connect_timeout=CONNECT_TIMEOUT_SECONDS, **KEEPALIVE)
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
            except Exception as error:  # noqa: BLE001 - whatever it is, nobody else would notice that this ended
                _log.warning(
                    "listener_lost", channel=self._channel, error=str(error) or "no reply", retry_seconds=pause
                )
            await asyncio.sleep(pause)
            pause = min(pause * 2, longest)

    async def _hear(self, connection: "psycopg.AsyncConnection[TupleRow]") -> None:
        """Pass on what is notified, while the connection responds. What arrives meanwhile waits in the connection."""
        own, waits = TRIAL + secrets.token_hex(8), True
        trying = asyncio.create_task(self._notify(own))
        try:
            while True:
                tried = trying.done()
                async for notification in connection.notifies(timeout=self._ask_seconds):
                    if notification.payload == own:
                        waits = False
                    elif not notification.payload.startswith(TRIAL):
                        self._heard(notification.payload)
                if waits and tried and trying.result():
                    _log.warning("listener_deaf", channel=self._channel, why=WHY_DEAF, do=WHAT_TO_DO)
                    waits = False
                async with asyncio.timeout(self._reply_seconds):
                    await connection.execute("SELECT 1")
        finally:
            await cancelled(trying)

    async def _notify(self, text: str) -> bool:
        """Notify as transactions do; False where that address does not respond, which others will tell."""
        try:
            async with await bounded_connection().connect(self._notified_at, autocommit=True) as connection:
                await connection.execute("SELECT pg_notify(%s, %s)", (self._channel, text))
        except psycopg.Error:
            return False
        return True
