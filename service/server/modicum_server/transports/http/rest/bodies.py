"""Bodies that are messages. Who may send one is asked before a byte is read."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl

from modicum_server.domain.projects import Principal
from modicum_server.errors import MediaTypeUnknown
from modicum_server.settings import MEBIBYTE
from modicum_server.transports.http.rest.routes import Found
from modicum_server.transports.http.rest.wire import HttpWire
from modicum_server.transports.http.whole_bodies import WholeBodies
from modicum_server.usecases.access import authorise_body
from modicum_server.usecases.resource_names import DEFAULT_PROJECT
from modicum_server.usecases.rules import PROJECT_ID

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
"""As RFC 8693 sends the exchange of a token."""
LARGEST_BODY_BYTES = 4 * MEBIBYTE
"""As large as a gRPC message."""
LARGEST_OPEN_BODY_BYTES = 64 * 1024
"""Of a call that needs no token."""
_PROJECT = re.compile(f"(projects/{PROJECT_ID})(/|$)", re.ASCII)


@asynccontextmanager
async def message_body(bodies: WholeBodies, found: Found, wire: HttpWire, principal: Principal) -> AsyncIterator[bytes]:
    """Yield the whole body. Its bytes count until the context ends.

    Raises:
        ProjectNotFound, RoleInsufficient: before anything is read.
        ShareExceeded, RequestTooLarge, MediaTypeUnknown, CallerLeft
    """
    project = _project_of(found)
    opened = found.route.method.open
    most = LARGEST_OPEN_BODY_BYTES if opened else LARGEST_BODY_BYTES
    if found.route.binding.body and project and not opened:
        authorise_body(principal, project, found.route.binding.method.containing_service.name)
    async with bodies.read(wire.request, principal, project, most) as body:
        media_type = wire.header("content-type").partition(";")[0].strip().lower()
        if opened and media_type == FORM:
            yield json.dumps(dict(parse_qsl(body.decode("latin-1")))).encode()
            return
        if body and media_type not in {"", JSON}:
            raise MediaTypeUnknown(f"expected a body of media type {JSON}, got {media_type[:80]!r}")
        yield body


def _project_of(found: Found) -> str:
    """Return the project in the path; the default one if the path names none, empty if the name is not valid."""
    if not found.captured:
        return DEFAULT_PROJECT
    matches = map(_PROJECT.match, found.fields().values())
    return next((match[1] for match in matches if match), "")
