"""Responses that are streamed to a browser."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send


class Streamed(StreamingResponse):
    """A response whose pieces are closed at its end, also when the browser leaves before."""

    def __init__(
        self,
        pieces: AsyncGenerator[bytes],
        *,
        headers: Mapping[str, str],
        media_type: str,
        beginning: bytes = b"",
    ) -> None:
        super().__init__(_joined(beginning, pieces), headers=headers, media_type=media_type)
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces."""
        async with aclosing(self._pieces):
            await super().__call__(scope, receive, send)


async def _joined(beginning: bytes, rest: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    if beginning:
        yield beginning
    async for piece in rest:
        yield piece
