"""Compresses responses with gzip for callers that accept it, whatever the path.

Starlette's responders do the work. `gzip;q=0` means no gzip. The ETag of a compressed response is weak, because it
identifies the content, not the bytes that were sent.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipResponder, IdentityResponder
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UNCOMPRESSED = (*DEFAULT_EXCLUDED_CONTENT_TYPES, "application/octet-stream")
"""Sent uncompressed: events, which must not be held back, and artifacts, whose length is announced."""
LEVEL = 6
LEAST_BYTES = 500
ENCODING = "gzip"


class Compression:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if takes_gzip(Headers(scope=scope).get("accept-encoding", "")):
            packed = GZipResponder(self._app, LEAST_BYTES, LEVEL, exclude_content_types=UNCOMPRESSED)
            await packed(scope, receive, _weakening(send))
        else:
            await IdentityResponder(self._app, LEAST_BYTES, exclude_content_types=UNCOMPRESSED)(scope, receive, send)


def takes_gzip(accept_encoding: str) -> bool:
    """Return whether a caller names gzip with a weight above 0, or with none."""
    for choice in accept_encoding.lower().split(","):
        name, *parameters = (part.strip() for part in choice.split(";"))
        if name == ENCODING:
            return all(_weight(parameter) > 0 for parameter in parameters)
    return False


def _weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0


def _weakening(send: Send) -> Send:
    async def weakened(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            etag = headers.get("etag", "")
            if etag.startswith('"') and headers.get("content-encoding") == ENCODING:
                headers["etag"] = f"W/{etag}"
        await send(message)

    return weakened
