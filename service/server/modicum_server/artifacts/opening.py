"""Opening in a thread, so that a slow disk does not hold the loop: what is opened for nobody is closed again."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

Opened = TypeVar("Opened")


async def opened(open_it: Callable[[], Opened], close: Callable[[Opened], object]) -> Opened:
    """Return what `open_it` opens, in a thread. Who is cancelled meanwhile has it closed as soon as it is open."""
    opening = asyncio.ensure_future(asyncio.to_thread(open_it))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(lambda done: _close_unwanted(done, close))
        raise


def _close_unwanted(done: "asyncio.Future[Opened]", close: Callable[[Opened], object]) -> None:
    if not done.cancelled() and done.exception() is None:
        close(done.result())
