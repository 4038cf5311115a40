"""Open downloads: so many of a principal and of a project, which send their pieces by turns."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from modicum_server.domain.projects import Principal
from modicum_server.usecases.shares import Share, Shares
from modicum_server.usecases.turns import Turns

#: Pieces that the downloads of a project send in one round of the event loop. Calls of others go on after each round.
PIECES_AT_ONCE = 2


class OpenDownloads:
    """The downloads of one kind, such as reports, that are open in this process."""

    def __init__(self, share: Share) -> None:
        self._shares = Shares(share)
        self._pieces = Turns(PIECES_AT_ONCE)

    async def served(self, principal: Principal, project: str, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
        """Yield the pieces; meanwhile they are an open download of the principal and the project.

        Raises:
            ShareExceeded
        """
        with self._shares.taken(principal, project):
            async with aclosing(pieces):
                async for data in pieces:
                    await self._pieces.go_round(project)
                    yield data
