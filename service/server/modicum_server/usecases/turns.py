"""Turns of many: of what wants to go on at once, each of those who share gets so much, and the rest of it waits."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class _Turn:
    """What is free for one, and how many hold or await it."""

    free: asyncio.Semaphore
    count: int = 0


class Turns:
    """Gives each key so many turns at once, in the order of asking. Keys that nobody holds are forgotten."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._turns: dict[Hashable, _Turn] = {}

    @asynccontextmanager
    async def taken(self, key: Hashable) -> AsyncIterator[None]:
        """Wait for a turn of the key, and hold it for the length of the context."""
        turn = self._turns.setdefault(key, _Turn(asyncio.Semaphore(self._at_once)))
        turn.count += 1
        try:
            async with turn.free:
                yield
        finally:
            turn.count -= 1
            if not turn.count:
                del self._turns[key]

    async def go_round(self, key: Hashable) -> None:
        """Hold a turn of the key until the event loop has run what else was ready."""
        async with self.taken(key):
            await asyncio.sleep(0)

    def count(self, key: Hashable) -> int:
        """Return how many hold or await a turn of the key."""
        turn = self._turns.get(key)
        return turn.count if turn else 0
