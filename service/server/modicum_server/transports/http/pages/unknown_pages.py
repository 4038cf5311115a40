"""The page for a path that no route has, for browsers; programs get a problem."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from modicum_server.errors import PageNotFound
from modicum_server.transports.http.pages import headers
from modicum_server.transports.http.pages.rendering import rendered
from modicum_server.transports.refusals import refusal_of


def wants_page(request: Request) -> bool:
    """Return whether a browser asks for a page: it names HTML first, which no program of ours does."""
    return request.method in {"GET", "HEAD"} and request.headers.get("accept", "").startswith("text/html")


def page_unknown(path: str, request_id: str) -> Response:
    """Return the page."""
    refusal = refusal_of(PageNotFound(f"there is no page {path[:200]}; begin at the overview"), request_id)
    page = rendered("error.html.j2", refusal=refusal, title=HTTPStatus.NOT_FOUND.phrase)
    return HTMLResponse(page, HTTPStatus.NOT_FOUND, headers.PAGE)
