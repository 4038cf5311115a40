"""Bodies that are messages. Who may send one is asked before a byte is read, and all share a budget."""

import json
import re
from contextlib import ExitStack
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect

from modicum_server.domain.projects import Principal
from modicum_server.errors import MediaTypeUnknown, RequestTooLarge
from modicum_server.settings import MEBIBYTE
from modicum_server.transports.calls import CallerLeft
from modicum_server.transports.http.rest.routes import Found
from modicum_server.transports.http.rest.wire import HttpWire
from modicum_server.usecases.access import authorise_body
from modicum_server.usecases.resource_names import DEFAULT_PROJECT
from modicum_server.usecases.rules import PROJECT_ID
from modicum_server.usecases.shares import Share, Shares

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
"""As RFC 8693 sends the exchange of a token."""
LARGEST_BODY_BYTES = 4 * MEBIBYTE
"""As large as a gRPC message."""
LARGEST_OPEN_BODY_BYTES = 64 * 1024
"""Of a call that needs no token."""
BODIES = Share("bytes of unread requests", of_principal=16 * MEBIBYTE, of_project=64 * MEBIBYTE)
_PROJECT = re.compile(f"(projects/{PROJECT_ID})(/|$)", re.ASCII)


class Bodies:
    """Reads the bodies of one API process."""

    def __init__(self, share: Share = BODIES) -> None:
        self._shares = Shares(share)

    async def read(self, found: Found, wire: HttpWire, principal: Principal, held: ExitStack) -> bytes:
        """Return the whole body. Its bytes count until `held` is closed.

        Raises:
            ProjectNotFound, RoleInsufficient: before anything is read.
            ShareExceeded, RequestTooLarge, MediaTypeUnknown, CallerLeft
        """
        project = _project_of(found)
        opened = found.route.method.open
        most_bytes = LARGEST_OPEN_BODY_BYTES if opened else LARGEST_BODY_BYTES
        if found.route.binding.body and project and not opened:
            authorise_body(principal, project, found.route.binding.method.containing_service.name)
        body = bytearray()
        try:
            async for data in wire.request.stream():
                held.enter_context(self._shares.taken(principal, project, len(data)))
                body += data
                if len(body) > most_bytes:
                    raise RequestTooLarge(f"expected a body of at most {most_bytes:,} bytes, got more")
        except ClientDisconnect:
            raise CallerLeft from None
        media_type = wire.header("content-type").partition(";")[0].strip().lower()
        if opened and media_type == FORM:
            return json.dumps(dict(parse_qsl(body.decode("latin-1")))).encode()
        if body and media_type not in {"", JSON}:
            raise MediaTypeUnknown(f"expected a body of media type {JSON}, got {media_type[:80]!r}")
        return bytes(body)


def _project_of(found: Found) -> str:
    """Return the project in the path; the default one if the path names none, empty if the name is not valid."""
    if not found.captured:
        return DEFAULT_PROJECT
    matches = map(_PROJECT.match, found.captured.values())
    return next((match[1] for match in matches if match), "")
