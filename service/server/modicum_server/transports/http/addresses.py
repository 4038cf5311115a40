"""Where a request of HTTP comes from."""

import ipaddress

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from modicum_server.domain.trusted_proxies import FORWARDED_FOR, MARKS_OF_PROXIES, TrustedProxies


class CallersAddress:
    """ASGI middleware around all others: the client of a request becomes its caller, also behind a trusted proxy."""

    def __init__(self, app: ASGIApp, *, proxies: TrustedProxies) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. The port of a caller behind a proxy is not known, and is 0."""
        if client := scope.get("client"):
            peer, port = client
            caller = self._proxies.caller(peer, Headers(scope=scope).getlist(FORWARDED_FOR))
            scope = {**scope, "client": (caller, port if caller == peer else 0)}
        await self._app(scope, receive, send)


def address_of(request: Request) -> str:
    """Return the caller's address; empty if it is not known. A proxy that no setting trusts is a caller."""
    return request.client.host if request.client else ""


def is_direct_on_loopback(request: Request) -> bool:
    """Return whether a program on this machine asks by itself. A request that a proxy forwards is never direct.

    This holds without the setting, too: the proxy may be on this machine, and its callers are not.
    """
    if any(mark in request.headers for mark in MARKS_OF_PROXIES):
        return False
    try:
        return ipaddress.ip_address(address_of(request)).is_loopback
    except ValueError:
        return False
