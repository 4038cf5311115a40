"""`calls.Wire` for pages: an error becomes a page, and a missing session leads to the sign-in."""

from http import HTTPStatus
from typing import ClassVar
from urllib.parse import quote

import grpc
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import Message, Send

from modicum_server.transports.http.addresses import address_of
from modicum_server.transports.http.pages import headers
from modicum_server.transports.http.pages.rendering import rendered
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.transports.http.server_sent_events import MEDIA_TYPE
from modicum_server.transports.layers import REQUEST_ID_HEADER
from modicum_server.transports.refusals import Refusal

SIGN_IN = "/sign-in"


class PageWire:
    """`calls.Wire` over the request of a browser."""

    transport: ClassVar[str] = "pages"

    def __init__(self, request: Request, send: Send) -> None:
        self.request = request
        self._send = send
        self._request_id = ""
        self._started = False
        self._visit: Visit | None = None

    def visited(self, visit: Visit) -> None:
        """Take the visit once it is known who asks, so that the page of an error has their navigation."""
        self._visit = visit

    @property
    def is_part(self) -> bool:
        """Whether htmx asks for a part of a page."""
        return self.header("hx-request") == "true"

    @property
    def is_asked_by_a_page(self) -> bool:
        """Whether a page asks by itself for what is new, which it also does while nobody looks."""
        return self.is_part or self.header("accept") == MEDIA_TYPE

    def header(self, name: str) -> str:
        """Return a header of the request; empty when it is missing."""
        return self.request.headers.get(name, "")

    def client_address(self) -> str:
        """Return the caller's address."""
        return address_of(self.request)

    def remaining_seconds(self) -> float | None:
        """Return None: a browser gives no deadline."""
        return None

    def identify(self, request_id: str) -> None:
        """Put the request id into the response."""
        self._request_id = request_id

    async def refuse(self, refusal: Refusal) -> None:
        """Send the page of an error, or lead to the sign-in. A response that has begun breaks off."""
        if not self._started:
            await self.respond(self._refused(refusal))

    def _refused(self, refusal: Refusal) -> Response:
        if refusal.http_status == HTTPStatus.UNAUTHORIZED and not self.request.url.path.startswith(SIGN_IN):
            back = self._here() if self.request.method in {"GET", "HEAD"} and not self.is_part else "/"
            there = f"{SIGN_IN}?next={quote(back)}"
            if self.is_part:
                return Response(status_code=HTTPStatus.UNAUTHORIZED, headers={"HX-Redirect": there})
            return RedirectResponse(there, HTTPStatus.SEE_OTHER)
        retry = {} if refusal.retry_seconds is None else {"Retry-After": f"{refusal.retry_seconds:.0f}"}
        if self.is_part:
            return PlainTextResponse(refusal.text, refusal.http_status, retry)
        page = self._page(refusal)
        page.headers.update(retry)
        return page

    def _page(self, refusal: Refusal) -> Response:
        if self._visit is not None:
            return self._visit.refused(refusal)
        page = rendered("error.html.j2", refusal=refusal, title=HTTPStatus(refusal.http_status).phrase)
        return HTMLResponse(page, refusal.http_status)

    def _here(self) -> str:
        url = self.request.url
        return f"{url.path}?{url.query}" if url.query else url.path

    def code(self) -> grpc.StatusCode:
        """Not used: over HTTP, no call ends by itself."""
        return grpc.StatusCode.UNKNOWN

    async def respond(self, response: Response) -> None:
        """Send a whole response."""
        await response(self.request.scope, self.request.receive, self.send)

    async def send(self, message: Message) -> None:
        """Send a part of the response. Its head gets the request id, and the headers of a page that it lacks."""
        if message["type"] == "http.response.start":
            self._started = True
            head = MutableHeaders(scope=message)
            head[REQUEST_ID_HEADER] = self._request_id
            for name, value in headers.PAGE.items():
                head.setdefault(name, value)
        await self._send(message)
