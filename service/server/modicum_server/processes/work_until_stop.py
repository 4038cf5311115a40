"""Awaits work, or time, until a stop is requested, and ends it. Knows nothing of the work."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

CANCEL_AGAIN_SECONDS = 0.5


async def done_before(stop: asyncio.Event, *works: Coroutine[object, object, object]) -> bool:
    """Run all works together; cancel them and return False when `stop` is set first. Raises the error of a work."""
    working = asyncio.create_task(_all_of(works))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            await working
            return True
        return False
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)


async def _all_of(works: tuple[Coroutine[object, object, object], ...]) -> bool:
    """Run all works. The first error cancels the others, and is raised alone."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    return True


async def until_stop(stop: asyncio.Event, seconds: float) -> None:
    """Sleep, but not longer than until the stop."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


async def cancelled(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel tasks until each has ended, however it ends.

    A task may lose a cancellation: before Python 3.12, `asyncio.wait_for` drops one that comes together with what it
    waits for (python/cpython#86296), and libraries wait so. A task that works for ever would go on.
    """
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=CANCEL_AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)
