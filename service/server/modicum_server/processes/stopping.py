"""What is awaited only as long as nobody says stop. Knows nothing of what it awaits."""

import asyncio
from collections.abc import Coroutine


async def done_before(stop: asyncio.Event, *works: Coroutine[object, object, object]) -> bool:
    """Do the works at once; False, and they are cancelled, when `stop` is set first. An error of one is raised."""
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
    """Do them all; the first error ends the others, and comes alone."""
    try:
        async with asyncio.TaskGroup() as group:
            for work in works:
                group.create_task(work)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    return True
