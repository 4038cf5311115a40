"""Work for a caller that ends, or never begins, when the caller disconnects."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from starlette.requests import Request
from starlette.types import Receive

from modicum_server.transports.calls import CallerLeft

Result = TypeVar("Result")


async def require_there(request: Request) -> None:
    """Check that the caller of a request that was read whole is still connected.

    Raises:
        CallerLeft
    """
    if await request.is_disconnected():
        raise CallerLeft


async def while_there(receive: Receive, work: Coroutine[object, object, Result]) -> Result:
    """Do the work while the caller stays connected, and return its result.

    Raises:
        CallerLeft: the caller disconnected; the work was cancelled.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise CallerLeft
        return await working
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
