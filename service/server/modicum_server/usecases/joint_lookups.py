"""Joint lookups: of many who ask for the same thing at once, one asks the database for all.

Whoever asks shares only a lookup that begins after that. So an answer is never older than its question: a token that
was revoked before a call came is not found for it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

Found = TypeVar("Found")


class JointLookups(Generic[Found]):
    """For each key one lookup runs at a time, and at most one waits for it to end. Keys without one are forgotten."""

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[Found]] = {}
        self._waiting: dict[Hashable, asyncio.Task[Found]] = {}

    async def find(self, key: Hashable, look: Callable[[], Coroutine[Any, Any, Found]]) -> Found:
        """Return what a lookup of `key` finds that begins from here on, or raise what it raises.

        A lookup goes on when one who asked for it leaves. It must end by itself.
        """
        lookup = self._waiting.get(key)
        if lookup is None:
            lookup = self._waiting[key] = asyncio.create_task(self._look_after(self._running.get(key), key, look))
            lookup.add_done_callback(lambda task: task.cancelled() or task.exception())  # retrieved, if all have left
        return await asyncio.shield(lookup)

    async def _look_after(
        self, before: "asyncio.Task[Found] | None", key: Hashable, look: Callable[[], Coroutine[Any, Any, Found]]
    ) -> Found:
        if before is not None:
            await asyncio.wait({before})
        self._running[key] = self._waiting.pop(key)
        try:
            return await look()
        finally:
            del self._running[key]
