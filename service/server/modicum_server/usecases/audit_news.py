"""Tells the browsers that show an audit that there is news of it. The page then asks what is new.

A browser may have a few streams open at once. Each ends with its session, with its audit, and when the server stops.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager

from modicum_server.domain.audits import Audit
from modicum_server.domain.projects import Principal
from modicum_server.errors import TooManyWatchers
from modicum_server.usecases.access import token_digest
from modicum_server.usecases.heartbeats import with_heartbeats
from modicum_server.usecases.sessions import Sessions
from modicum_server.usecases.watching import Watching

MOST_OF_A_SESSION = 4
"""Streams of one session at a time. A browser opens six connections to a server that speaks HTTP/1.1."""
HEARTBEAT_SECONDS = 10.0
PAUSE_SECONDS = 1.0
"""Least time between two messages: a page is drawn anew after each."""


class AuditNews:
    """Streams of news. Each is also a watch, and counts as one of its process, its principal and its project."""

    def __init__(
        self,
        watching: Watching,
        sessions: Sessions,
        *,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        self._watching = watching
        self._sessions = sessions
        self._heartbeat_seconds = heartbeat_seconds
        self._pause_seconds = pause_seconds
        self._open: Counter[str] = Counter()

    async def of(self, principal: Principal, secret: str, name: str) -> AsyncGenerator[Audit | None]:
        """Yield the audit now and when there is news, until it has ended; None when there was none for a while.

        Args:
            principal: who looks.
            secret: that of the session, which is checked before each message but the first.
            name: of the audit.

        Raises:
            FieldInvalid, ProjectNotFound, AuditNotFound, DependencyUnavailable, ServerStopping
            TooManyWatchers: the session has as many streams as it may, or another limit on watches is reached.
            SessionMissing: the session has ended.
        """
        watch = self._watching.watch(principal, name, 0)
        with self._seat(token_digest(secret)):
            async with aclosing(watch), aclosing(with_heartbeats(watch, self._heartbeat_seconds)) as messages:
                async for watched in messages:
                    yield None if watched is None else watched.audit
                    await asyncio.sleep(self._pause_seconds)
                    await self._sessions.principal(secret)

    @contextmanager
    def _seat(self, session: str) -> Iterator[None]:
        if self._open[session] >= MOST_OF_A_SESSION:
            raise TooManyWatchers(
                f"this browser already has {MOST_OF_A_SESSION} pages open with live progress, the most that it may "
                "have; other pages ask every few seconds"
            )
        self._open[session] += 1
        try:
            yield
        finally:
            self._open[session] -= 1
            if not self._open[session]:
                del self._open[session]
