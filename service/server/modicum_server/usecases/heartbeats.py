"""Heartbeats between the messages of a stream, so that each end notices when the other is gone."""

import asyncio
from collections.abc import AsyncGenerator
from typing import TypeVar

Message = TypeVar("Message")


async def with_heartbeats(messages: AsyncGenerator[Message], seconds: float) -> AsyncGenerator[Message | None]:
    """Yield the messages, and None when none came for a while."""
    while True:
        coming = asyncio.ensure_future(anext(messages, None))
        try:
            while not (await asyncio.wait({coming}, timeout=seconds))[0]:
                yield None
            message = coming.result()
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
        if message is None:
            return
        yield message
