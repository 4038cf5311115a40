"""Work is awaited until it is done or a stop is requested."""

import asyncio
import sys

import pytest
from modicum_server.model_server import ModelServerDown
from modicum_server.processes.work_until_stop import cancelled, done_before

PATIENCE_SECONDS = 60


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


async def test_a_cancellation_that_a_task_loses_is_repeated():
    begun, comes, came = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work():
        begun.set()
        await asyncio.wait_for(comes.wait(), PATIENCE_SECONDS)  # before Python 3.12, this loses it
        came.set()
        await asyncio.Event().wait()

    working = asyncio.create_task(work())
    await begun.wait()
    comes.set()
    await asyncio.sleep(0)

    async with asyncio.timeout(PATIENCE_SECONDS):
        await cancelled(working)

    assert working.cancelled()
    assert came.is_set() or sys.version_info >= (3, 12)


async def test_the_errors_of_cancelled_tasks_are_dropped():
    await cancelled(asyncio.create_task(failing()))
