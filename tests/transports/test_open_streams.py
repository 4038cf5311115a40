"""The task that checks the tokens of open streams lives as long as one of them."""

import asyncio
from types import SimpleNamespace

from modicum_server.transports.open_streams import OpenStreams

from tests.waiting import until

CALL = SimpleNamespace(streaming=True, principal=SimpleNamespace(token_id="one"))
A_DAY = 86_400.0


async def nobody(ids):
    return []


def checks() -> int:
    """How many tasks check streams."""
    return sum(task.get_coro().__qualname__.startswith("OpenStreams.") for task in asyncio.all_tasks())


async def test_the_check_ends_with_the_last_stream_and_begins_with_the_next():
    streams = OpenStreams(nobody, recheck_seconds=A_DAY)

    async with streams.layer(CALL):
        async with streams.layer(CALL):
            pass
        assert checks() == 1
    await until(lambda: checks() == 0)

    async with streams.layer(CALL):
        assert checks() == 1
    await until(lambda: checks() == 0)
