"""Opens and closes in threads, so that a slow disk does not block the loop. A cancellation leaves nothing open."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

from modicum_server.artifacts.threads import in_thread

Opened = TypeVar("Opened")


async def opened(open_it: Callable[[], Opened], close: Callable[[Opened], object]) -> Opened:
    """Return what `open_it` opens, in a thread. If the caller is cancelled meanwhile, it is closed once it is open."""
    opening = _Opening(open_it, close)
    try:
        return await in_thread(opening.run)
    except asyncio.CancelledError:
        opening.give_up()
        raise


async def closed(close: Callable[[], object]) -> None:
    """Close something in a thread. It is closed even if the caller is cancelled before a thread is free."""
    await asyncio.shield(in_thread(close))


@dataclass(slots=True)
class _Opening(Generic[Opened]):
    """Something that one thread opens and another may give up, in either order, even after the end of the loop."""

    open_it: Callable[[], Opened]
    close: Callable[[Opened], object]
    _lock: Lock = field(default_factory=Lock)
    _given_up: bool = False
    _open: list[Opened] = field(default_factory=list)

    def run(self) -> Opened:
        result = self.open_it()
        with self._lock:
            self._open.append(result)
            if self._given_up:
                self._close()
        return result

    def give_up(self) -> None:
        with self._lock:
            self._given_up = True
            self._close()

    def _close(self) -> None:
        while self._open:
            self.close(self._open.pop())
