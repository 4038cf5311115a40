"""`calls.Wire` for HTTP: reads the headers of a call, and refuses it before or during its response."""

import math
from collections.abc import Callable
from typing import ClassVar

import grpc
from google.protobuf.descriptor import Descriptor
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Send

from modicum_server.errors import FieldInvalid
from modicum_server.transports.http.addresses import address_of
from modicum_server.transports.http.rest.json_names import in_json_names
from modicum_server.transports.http.rest.problems import problem_response
from modicum_server.transports.refusals import Refusal
from modicum_server.usecases.rules import shown

REQUEST_ID_HEADER = "X-Request-ID"
TIMEOUT_HEADER = "request-timeout"


class HttpWire:
    """`calls.Wire` over a request of the kind `asked`, or of no known kind. Its whole response goes through `send`."""

    transport: ClassVar[str] = "rest"

    def __init__(self, request: Request, send: Send, asked: Descriptor | None = None) -> None:
        self.request = request
        self._asked = asked
        self.farewell: Callable[[Refusal], bytes] | None = None
        """Makes the end of a stream whose call is refused after it has begun. Without it, the stream breaks off."""
        self._send = send
        self._request_id = ""
        self._started = False

    def header(self, name: str) -> str:
        """Return a header of the request; empty when it is missing."""
        return self.request.headers.get(name, "")

    def client_address(self) -> str:
        """Return the caller's address."""
        return address_of(self.request)

    def remaining_seconds(self) -> float | None:
        """Return the time that the caller gives in our own header."""
        text = self.request.headers.get(TIMEOUT_HEADER)
        if text is None:
            return None
        try:
            seconds = float(text)
        except ValueError:
            seconds = math.nan
        if not seconds > 0:
            raise FieldInvalid("Request-Timeout", f"expected a number of seconds above 0, got {shown(text)}")
        return seconds

    def identify(self, request_id: str) -> None:
        """Put the request id into the response."""
        self._request_id = request_id

    async def refuse(self, refusal: Refusal) -> None:
        """Send a problem in JSON's names; a stream that has begun ends with `farewell`, or breaks off."""
        told = in_json_names(refusal, self._asked) if self._asked else refusal
        if not self._started:
            await self.respond(problem_response(told))
        elif self.farewell is not None:
            await self.send({"type": "http.response.body", "body": self.farewell(told)})

    def code(self) -> grpc.StatusCode:
        """Not used: over HTTP, no call ends by itself."""
        return grpc.StatusCode.UNKNOWN

    async def respond(self, response: Response) -> None:
        """Send a whole response."""
        await response(self.request.scope, self.request.receive, self.send)

    async def send(self, message: Message) -> None:
        """Send a part of the response. Its head gets the request id, and forbids browsers to guess the media type."""
        if message["type"] == "http.response.start":
            self._started = True
            headers = MutableHeaders(scope=message)
            headers[REQUEST_ID_HEADER] = self._request_id
            headers["X-Content-Type-Options"] = "nosniff"
        await self._send(message)
