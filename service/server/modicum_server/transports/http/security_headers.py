"""Headers that keep a browser from making more of a response than it is. What a route sets itself stays."""

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALWAYS: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
}
#: Over TLS, browsers come back by TLS alone, for a year.
OVER_TLS: Mapping[str, str] = {"Strict-Transport-Security": "max-age=31536000"}

REPORT_POLICY = (
    "sandbox allow-scripts; img-src data:; connect-src 'none'; font-src 'none'; media-src 'none'; object-src 'none'; "
    "frame-src 'none'; worker-src 'none'; base-uri 'none'; form-action 'none'"
)
"""The policy of a report. It reaches nothing of this server.

Scripts and styles are left to the policy that the report itself has: that one allows its script and its style sheet by
their digests, and both policies hold.
"""


class SecurityHeaders:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, *, tls: bool) -> None:
        self._app = app
        self._headers = {**ALWAYS, **(OVER_TLS if tls else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                head = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    head.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)
