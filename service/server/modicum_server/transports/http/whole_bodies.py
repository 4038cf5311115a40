"""Bodies that are read whole, messages of REST and forms of pages alike: all that are being read share a budget."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

from starlette.requests import ClientDisconnect, Request

from modicum_server.domain.projects import Principal
from modicum_server.errors import RequestTooLarge
from modicum_server.settings import MEBIBYTE
from modicum_server.transports.calls import CallerLeft
from modicum_server.usecases.shares import Share, Shares

BODIES = Share("bytes of unread requests", of_principal=16 * MEBIBYTE, of_project=64 * MEBIBYTE)


class WholeBodies:
    """Reads the bodies of one API process."""

    def __init__(self, share: Share = BODIES) -> None:
        self._shares = Shares(share)

    @asynccontextmanager
    async def read(
        self, request: Request, principal: Principal | None, project: str, most: int
    ) -> AsyncIterator[bytes]:
        """Yield the whole body, of at most so many bytes. They count for both until the context ends.

        Without a project, they count for the principal alone. Without a principal they do not count, or strangers
        could use up what others need to sign in: `most` has to be small.

        Raises:
            ShareExceeded, RequestTooLarge, CallerLeft
        """
        body = bytearray()
        counted = nullcontext(_uncounted) if principal is None else self._shares.growing(principal, project)
        with counted as take:
            try:
                async for data in request.stream():
                    take(len(data))
                    body += data
                    if len(body) > most:
                        raise RequestTooLarge(f"expected a body of at most {most:,} bytes, got more")
            except ClientDisconnect:
                raise CallerLeft from None
            yield bytes(body)


def _uncounted(_count: int) -> None:
    """Take bytes for nobody."""
