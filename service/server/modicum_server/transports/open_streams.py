"""Ends open streams, such as watches and uploads, when their token is revoked or loses a role.

One task for each door (gRPC, REST, pages) asks the store every few seconds for all its open streams together, and ends
with the last of them.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import structlog

from modicum_server.domain.projects import Principal
from modicum_server.errors import ModicumError, TokenInvalid
from modicum_server.transports.calls import Call
from modicum_server.usecases.access import covers

PrincipalsOf = Callable[[Sequence[str]], Awaitable[Sequence[Principal]]]
"""Finds the principals of those of these tokens that are valid, with their roles of now."""

log = structlog.get_logger("modicum.rpc")


class OpenStreams:
    """A layer around calls with a stream. It comes after authentication."""

    def __init__(self, principals_of: PrincipalsOf, *, recheck_seconds: float) -> None:
        self._principals_of = principals_of
        self._recheck_seconds = recheck_seconds
        self._open: dict[asyncio.Timeout, Principal] = {}
        self._none_open = asyncio.Event()
        self._checking: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def layer(self, call: Call) -> AsyncIterator[None]:
        """End the call with TokenInvalid once its token is no longer valid for what it was."""
        if not call.streaming or call.principal is None:
            yield
            return
        limit = asyncio.timeout(None)
        try:
            async with limit:
                self._add(limit, call.principal)
                try:
                    yield
                finally:
                    self._remove(limit)
        except TimeoutError:
            if limit.expired():
                raise TokenInvalid("the bearer token was revoked, has expired, or lost a role; log in again") from None
            raise

    def _add(self, limit: asyncio.Timeout, principal: Principal) -> None:
        self._open[limit] = principal
        self._none_open.clear()
        if self._checking is None or self._checking.done():
            self._checking = asyncio.create_task(self._check_while_open())

    def _remove(self, limit: asyncio.Timeout) -> None:
        self._open.pop(limit, None)
        if not self._open:
            self._none_open.set()

    async def _check_while_open(self) -> None:
        """Check every few seconds. Ends with the last open stream, so nothing of it outlives a process that stops."""
        while self._open:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._none_open.wait(), self._recheck_seconds)
            if self._open:
                await self._logged_check()

    async def _logged_check(self) -> None:
        try:
            await self._check()
        except ModicumError as error:
            log.warning("open_streams_not_checked", error=str(error))

    async def _check(self) -> None:
        asked = dict(self._open)  # a stream that opens during the query is looked at the next time
        ids = sorted({principal.token_id for principal in asked.values()})
        valid = {one.token_id: one for one in await self._principals_of(ids)}
        for limit, before in asked.items():
            if limit in self._open and not covers(valid.get(before.token_id), before):
                self._remove(limit)  # a limit that has passed cannot be set again, and the call may take long to end
                limit.reschedule(asyncio.get_running_loop().time())
