"""Bodies that are messages. Who may send one is asked before a byte is read, and all share a budget."""

import re
from contextlib import ExitStack

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
LARGEST_BODY_BYTES = 4 * MEBIBYTE
"""As large as a gRPC message."""
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
        if found.route.binding.body and project:
            authorise_body(principal, project, found.route.binding.method.containing_service.name)
        body = bytearray()
        try:
            async for data in wire.request.stream():
                held.enter_context(self._shares.taken(principal, project, len(data)))
                body += data
                if len(body) > LARGEST_BODY_BYTES:
                    raise RequestTooLarge(f"expected a body of at most {LARGEST_BODY_BYTES:,} bytes, got more")
        except ClientDisconnect:
            raise CallerLeft from None
        media_type = wire.header("content-type").partition(";")[0].strip().lower()
        if body and media_type not in {"", JSON}:
            raise MediaTypeUnknown(f"expected a body of media type {JSON}, got {media_type[:80]!r}")
        return bytes(body)


def _project_of(found: Found) -> str:
    """Return the project in the path; the default one if the path names none, empty if the name is not valid."""
    if not found.captured:
        return DEFAULT_PROJECT
    matches = map(_PROJECT.match, found.captured.values())
    return next((match[1] for match in matches if match), "")
