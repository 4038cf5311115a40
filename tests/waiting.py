"""Waiting until something is so, instead of for a time that may be too short on a loaded machine."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

PATIENCE_SECONDS = 180.0
POLL_SECONDS = 0.02

T = TypeVar("T")


def eventually(
    look: Callable[[], T], what: str = "", *, seconds: float = PATIENCE_SECONDS, pause_seconds: float = POLL_SECONDS
) -> T:
    """Look until there is something to see; return it. A look that costs much has longer pauses."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what or look}"
        time.sleep(pause_seconds)
    return seen


async def until(look: Callable[[], T | Awaitable[T]], what: str = "") -> T:
    """Look until there is something to see, while the event loop goes on; return it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (seen := await _seen(look())):
        assert time.monotonic() < deadline, f"waited {PATIENCE_SECONDS:g} s for {what or look}"
        await asyncio.sleep(POLL_SECONDS)
    return seen


async def _seen(look: T | Awaitable[T]) -> T:
    return await look if inspect.isawaitable(look) else look
