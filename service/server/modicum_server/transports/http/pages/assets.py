"""The files that pages load: style, scripts, icon. Their addresses change with their content, so they are kept long."""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from modicum_server.transports.http.pages import headers

MEDIA_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "txt": "text/plain"}
PATH = "/assets"
DIGITS = 16


@cache
def _files() -> Mapping[str, bytes]:
    folder = resources.files("modicum_server.transports.http.pages") / "static"
    return MappingProxyType({file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()})


@cache
def asset(name: str) -> str:
    """Return the address of a file."""
    return f"{PATH}/{hashlib.sha256(_files()[name]).hexdigest()[:DIGITS]}/{name}"


async def _serve(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _files() or asset(name) != request.url.path:
        return PlainTextResponse("there is no such file; load the page again\n", 404)
    return Response(_files()[name], headers=headers.ASSET, media_type=MEDIA_TYPES[name.rpartition(".")[2]])


def asset_route(limits: Middleware) -> Route:
    """Return the route of all files. They are the same for everybody, so they need no session."""
    return Route(f"{PATH}/{{digest}}/{{name}}", _serve, middleware=[limits])
