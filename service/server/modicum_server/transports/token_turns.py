"""Turns of tokens: of many calls at once with one token, few are looked up, so that those of other tokens come between.

The database is asked for each call who makes it. A thousand calls in one moment would else be before every other one.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from modicum_server.errors import ShareExceeded
from modicum_server.usecases.access import token_digest

#: Calls of one token that are looked up at the same time, by each transport of an API process.
AT_ONCE = 8
#: Further calls of it that wait for their turn. More are refused without a look.
WAITING = 200


@dataclass(slots=True)
class _Turn:
    """The calls of one token: those that may be looked up, and how many hold or await a turn."""

    free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    calls: int = 0


class TokenTurns:
    """Gives each token its turns. Tokens without a call are forgotten."""

    def __init__(self) -> None:
        self._turns: dict[str, _Turn] = {}

    @asynccontextmanager
    async def taken(self, authorization: str, seconds: float) -> AsyncIterator[None]:
        """Wait for a turn of the token in an authorization header, and hold it for the length of the context.

        Raises:
            ShareExceeded: too many calls of the token wait, or none got a turn within `seconds`.
        """
        digest = token_digest(authorization)
        turn = self._turns.setdefault(digest, _Turn())
        if turn.calls >= AT_ONCE + WAITING:
            raise _refused(f"more than {AT_ONCE + WAITING} calls with this token came at once")
        turn.calls += 1
        try:
            await _take(turn.free, seconds)
            try:
                yield
            finally:
                turn.free.release()
        finally:
            turn.calls -= 1
            if not turn.calls:
                self._turns.pop(digest, None)


async def _take(free: asyncio.Semaphore, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await free.acquire()
    except TimeoutError as error:
        why = f"the call waited {seconds:g} s for its turn among other calls with this token"
        raise _refused(why) from error


def _refused(why: str) -> ShareExceeded:
    advice = "wait a moment, and make fewer at once"
    return ShareExceeded(f"{why}; {advice}", share="calls at once of a token")
