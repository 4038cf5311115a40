"""Pictures of a project: a file as it was uploaded or on the canvas of an audit, whole or as a thumbnail."""

from http import HTTPStatus

from starlette.responses import Response

from modicum_server.errors import ArtifactNotFound, ModicumError, PageNotFound
from modicum_server.transports.http.etags import matches
from modicum_server.transports.http.pages import headers
from modicum_server.transports.http.pages.page import Page
from modicum_server.transports.http.pages.pictures import GONE, LARGEST_BYTES, NOT_SHOWN, media_type_of
from modicum_server.transports.http.pages.streaming import Streamed
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.usecases.drawn_pictures import THUMBNAIL_SIDE, WHOLE_SIDE, Drawing


async def _picture(visit: Visit) -> Response:
    """Return a file that browsers show as it is, and any other picture or array drawn.

    What it is is known by its bytes, whatever its name says.
    """
    name = visit.named("artifacts", "digest")
    artifact = await visit.use_cases.artifacts.get(visit.principal, name)
    pieces = visit.use_cases.artifacts.download(visit.principal, name, 0)
    beginning = await anext(pieces, b"")
    kind = media_type_of(beginning)
    if kind and artifact.size_bytes <= LARGEST_BYTES:
        return Streamed(pieces, beginning=beginning, headers=headers.PICTURE, media_type=kind)
    await pieces.aclose()
    return await _sent(visit, await visit.use_cases.drawn_pictures.as_uploaded(visit.principal, name, side=WHOLE_SIDE))


async def _thumbnail(visit: Visit) -> Response:
    try:
        name = visit.named("artifacts", "digest")
        drawn = await visit.use_cases.drawn_pictures.as_uploaded(visit.principal, name, side=THUMBNAIL_SIDE)
        return await _sent(visit, drawn)
    except (PageNotFound, ArtifactNotFound) as error:
        return _in_its_place(visit, error)


async def _on_canvas(visit: Visit) -> Response:
    return await _seen(visit, side=0)


async def _thumbnail_on_canvas(visit: Visit) -> Response:
    return await _seen(visit, side=THUMBNAIL_SIDE)


async def _seen(visit: Visit, *, side: int) -> Response:
    """Return a picture of the project on the canvas of an audit."""
    audit, digest = visit.named("audits", "audit"), visit.request.path_params["digest"]
    try:
        drawn = await visit.use_cases.drawn_pictures.on_canvas(visit.principal, audit, digest, side=side)
        return await _sent(visit, drawn)
    except (PageNotFound, ArtifactNotFound) as error:
        return _in_its_place(visit, error)


async def _sent(visit: Visit, drawing: Drawing) -> Response:
    """Return a drawing; none where the browser has it already."""
    tagged = {**headers.PICTURE, "ETag": f'"{drawing.tag}"'}
    if matches(tagged["ETag"], visit.request.headers.get("if-none-match", "")):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=tagged)
    drawn = await drawing.bytes()
    return Response(drawn, headers=tagged, media_type=media_type_of(drawn))


def _in_its_place(visit: Visit, error: ModicumError) -> Response:
    """Return what stands in the place of a picture within a page; opened by itself, the page of the error."""
    if not visit.request.headers.get("accept", "").startswith("image/"):
        raise error
    drawn = GONE if isinstance(error, ArtifactNotFound) else NOT_SHOWN
    return Response(drawn, HTTPStatus.NOT_FOUND, headers.IN_ITS_PLACE, "image/svg+xml")


_SEEN = "/projects/{project}/audits/{audit}"
PAGES = (
    Page("picture", "/projects/{project}/pictures/{digest}", _picture, streams=True),
    Page("thumbnail", "/projects/{project}/thumbnails/{digest}", _thumbnail),
    Page("picture_on_canvas", f"{_SEEN}/pictures/{{digest}}", _on_canvas),
    Page("thumbnail_on_canvas", f"{_SEEN}/thumbnails/{{digest}}", _thumbnail_on_canvas),
)
