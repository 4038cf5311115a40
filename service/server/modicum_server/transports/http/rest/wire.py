"""What an HTTP call tells its layers, and how it is refused: whole, or in the midst of what it streams."""

import asyncio
import math
from collections.abc import Callable, Coroutine
from typing import ClassVar

import grpc
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Send

from modicum_server.errors import FieldInvalid
from modicum_server.transports.calls import CallerLeft
from modicum_server.transports.http.rest.problems import problem_response
from modicum_server.transports.refusals import Refusal
from modicum_server.usecases.rules import shown

REQUEST_ID_HEADER = "X-Request-ID"
TIMEOUT_HEADER = "request-timeout"


class HttpWire:
    """`calls.Wire` over a request; everything that it is answered with goes through `send`."""

    door: ClassVar[str] = "rest"

    def __init__(self, request: Request, send: Send) -> None:
        self.request = request
        self.farewell: Callable[[Refusal], bytes] | None = None
        """What a stream that has begun ends with when the call is refused; without one it breaks off."""
        self._send = send
        self._request_id = ""
        self._started = False

    def header(self, name: str) -> str:
        """Return a header of the request; empty when it has none."""
        return self.request.headers.get(name, "")

    def remaining_seconds(self) -> float | None:
        """Return the time that the caller gives, by a header of ours."""
        text = self.request.headers.get(TIMEOUT_HEADER)
        if text is None:
            return None
        try:
            seconds = float(text)
        except ValueError:
            seconds = math.nan
        if not seconds > 0:
            raise FieldInvalid("Request-Timeout", f"expected seconds, above 0, got {shown(text)}")
        return seconds

    def identify(self, request_id: str) -> None:
        """Answer with the request id."""
        self._request_id = request_id

    async def refuse(self, refusal: Refusal) -> None:
        """Answer with a problem; a stream that has begun ends with what it keeps for that."""
        if not self._started:
            await self.respond(problem_response(refusal))
        elif self.farewell is not None:
            await self.send({"type": "http.response.body", "body": self.farewell(refusal)})

    def code(self) -> grpc.StatusCode:
        """Nothing answers by itself at this door."""
        return grpc.StatusCode.UNKNOWN

    async def respond(self, response: Response) -> None:
        """Send a response that is whole."""
        await response(self.request.scope, self.request.receive, self.send)

    async def send(self, message: Message) -> None:
        """Send a part of the answer; its head gets the request id, and forbids to guess what the body is."""
        if message["type"] == "http.response.start":
            self._started = True
            headers = MutableHeaders(scope=message)
            headers[REQUEST_ID_HEADER] = self._request_id
            headers["X-Content-Type-Options"] = "nosniff"
        await self._send(message)


async def while_there(receive: Receive, work: Coroutine[object, object, None]) -> None:
    """Do the work as long as the caller is there.

    Raises:
        CallerLeft: they have gone; the work is cancelled.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise CallerLeft
        await working
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
