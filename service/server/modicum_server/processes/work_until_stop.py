"""Awaits work, or time, until a stop is requested. Knows nothing of the work."""

import asyncio
import contextlib
from collections.abc import Coroutine


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
