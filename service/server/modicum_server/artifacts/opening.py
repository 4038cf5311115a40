"""Opening in a thread, so that a slow disk does not hold the loop: what is opened for nobody is closed again."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

Opened = TypeVar("Opened")


async def opened(open_it: Callable[[], Opened], close: Callable[[Opened], object]) -> Opened:
    """Return what `open_it` opens, in a thread. Who is cancelled meanwhile has it closed as soon as it is open."""
    opening = _Opening(open_it, close)
    try:
        return await asyncio.to_thread(opening.run)
    except asyncio.CancelledError:
        opening.give_up()
        raise


@dataclass(slots=True)
class _Opening(Generic[Opened]):
    """What is opened by one thread and may be given up by another, whichever comes first, and after its loop's end."""

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
