"""Limits of what everybody may read, by the address of the caller: the description of the API, and files of pages."""

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from modicum_server.errors import ShareExceeded
from modicum_server.transports.http.addresses import address_of
from modicum_server.transports.http.plain_refusals import plain_refusal
from modicum_server.usecases.shares import CallRates, stranger
from modicum_server.usecases.turns import Turns

#: Responses to callers of an address that begin in one round of the event loop. Calls of others go on after each round.
BEGUN_AT_ONCE = 2


class LimitedByAddress:
    """ASGI middleware of a route: so many requests a second of an address, a few in each round of the event loop."""

    def __init__(self, app: ASGIApp, *, call_rates: CallRates, rounds: Turns) -> None:
        self._app = app
        self._call_rates = call_rates
        self._rounds = rounds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        address = address_of(Request(scope))
        try:
            self._call_rates.admit(stranger(address))
        except ShareExceeded as error:
            await plain_refusal(error)(scope, receive, send)
            return
        await self._rounds.go_round(address)
        await self._app(scope, receive, send)


def address_limits(call_rates: CallRates) -> Middleware:
    """Return the middleware. Routes that get it share the limits."""
    return Middleware(LimitedByAddress, call_rates=call_rates, rounds=Turns(BEGUN_AT_ONCE))
