"""How many gRPC calls may be open at once: of all callers, of a principal, of a project, and without a token.

A call holds its places until its reply has been sent, so a caller that reads no replies soon has none left.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from modicum_server.errors import TooManyCalls
from modicum_server.settings import Settings
from modicum_server.transports.call_limits import Bounds
from modicum_server.transports.calls import Call
from modicum_server.usecases.shares import Share, Shares, stranger


class CallPlaces:
    """The places of the calls of one gRPC port."""

    def __init__(self, settings: Settings, bounds: Bounds) -> None:
        self.most = settings.max_watchers + bounds.spare_calls
        """Most calls of all callers, probes aside."""
        self._taken = 0
        self._of_principals = Shares(
            Share(
                "open gRPC calls",
                settings.max_watchers_per_principal + bounds.spare_calls_of_principal,
                settings.max_watchers_per_project + bounds.spare_calls_of_project,
            )
        )
        self._without_token = Shares(Share("open gRPC calls", bounds.tokenless_calls_of_address, bounds.spare_calls))
        self._health_watches = Shares(
            Share("watches of health", bounds.health_watches_of_address, bounds.health_watches)
        )

    @asynccontextmanager
    async def of_all(self, call: Call) -> AsyncIterator[None]:
        """Refuse calls beyond the number at once. Probes pass without being counted: a full server is alive."""
        if not call.probe:
            call.places.enter_context(self._one_of_all())
        yield

    @contextmanager
    def _one_of_all(self) -> Iterator[None]:
        if self._taken >= self.most:
            raise TooManyCalls(
                f"this server is handling {self.most:,} calls, the most it can handle at once; try again in a moment"
            )
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    @asynccontextmanager
    async def of_strangers(self, call: Call) -> AsyncIterator[None]:
        """Refuse calls that need no token beyond so many of an address. Watches of health are bounded in all, too."""
        if call.probe or call.open:
            shares = self._health_watches if call.streaming else self._without_token
            call.places.enter_context(shares.taken(stranger(call.wire.client_address()), "this server"))
        yield

    @asynccontextmanager
    async def of_principals(self, call: Call) -> AsyncIterator[None]:
        """Refuse calls beyond so many of a principal and of a project.

        The project of a silent call is not known, so it counts in the one that has most room of its principal's.
        """
        if call.principal is not None and not call.open:
            shares = self._of_principals
            call.places.enter_context(shares.taken(call.principal, shares.roomiest(call.principal.roles)))
        yield
