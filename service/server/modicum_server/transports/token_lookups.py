"""Lookups of tokens: who calls is asked of the database for each call, but once for all calls of a token that wait.

A lookup costs more than most refusals. A thousand calls in one moment with one token would else take a thousand, and
those of other tokens would wait behind them.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from modicum_server.domain.projects import Principal
from modicum_server.errors import ShareExceeded
from modicum_server.usecases.access import token_digest
from modicum_server.usecases.joint_lookups import JointLookups
from modicum_server.usecases.turns import Turns

#: Calls of one token that wait for a lookup at the same time, at each transport of an API process.
MOST_WAITING = 200
#: Calls of one token that go on in one round of the event loop, once their caller is known. Others go on in between.
FOUND_AT_ONCE = 4


class TokenLookups:
    """Finds the principals of calls. Tokens without a call are forgotten."""

    def __init__(self, look: Callable[[str], Coroutine[Any, Any, Principal]]) -> None:
        self._look = look
        self._lookups: JointLookups[Principal] = JointLookups()
        self._waiting: Counter[str] = Counter()
        self._found = Turns(FOUND_AT_ONCE)

    async def principal(self, authorization: str, seconds: float) -> Principal:
        """Return the principal of the token in an authorization header, as it is now.

        Raises:
            ShareExceeded: too many calls of the token wait.
            TimeoutError: it took longer than `seconds`.
            What the lookup raises.
        """
        digest = token_digest(authorization)
        if self._waiting[digest] >= MOST_WAITING:
            raise ShareExceeded(
                f"more than {MOST_WAITING} calls with this token came at once; wait a moment, and make fewer at once",
                share="calls at once of a token",
            )
        self._waiting[digest] += 1
        try:
            async with asyncio.timeout(seconds):
                principal = await self._lookups.find(digest, lambda: self._look(authorization))
                await self._found.go_round(digest)
                return principal
        finally:
            self._waiting[digest] -= 1
            if not self._waiting[digest]:
                del self._waiting[digest]
