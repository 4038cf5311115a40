"""Work is awaited until it is done or a stop is requested."""

import asyncio

import pytest
from modicum_server.model_server import ModelServerDown
from modicum_server.processes.work_until_stop import done_before


async def nothing() -> None:
    await asyncio.sleep(0)


async def for_ever(ended: list[str], begun: asyncio.Event) -> None:
    begun.set()
    try:
        await asyncio.Event().wait()
    finally:
        ended.append("cancelled")


async def failing() -> None:
    await asyncio.sleep(0)
    raise ModelServerDown("no Java")


async def test_works_that_come_to_their_end_are_done():
    assert await done_before(asyncio.Event(), nothing(), nothing())


async def test_a_stop_cancels_what_still_runs():
    stop, ended, begun = asyncio.Event(), [], asyncio.Event()
    working = asyncio.create_task(done_before(stop, nothing(), for_ever(ended, begun)))
    await begun.wait()

    stop.set()

    assert not await working
    assert ended == ["cancelled"]


async def test_the_error_of_one_ends_the_others_and_comes_as_it_is():
    ended = []

    with pytest.raises(ModelServerDown, match="no Java"):
        await done_before(asyncio.Event(), for_ever(ended, asyncio.Event()), failing())

    assert ended == ["cancelled"]


async def test_being_cancelled_cancels_the_works():
    ended, begun = [], asyncio.Event()
    waiting = asyncio.create_task(done_before(asyncio.Event(), for_ever(ended, begun)))
    await begun.wait()

    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended == ["cancelled"]
