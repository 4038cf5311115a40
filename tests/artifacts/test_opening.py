"""What is opened in a thread for a call that is gone, or for a loop that ends, is closed again."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

import pytest
from modicum_server.artifacts.opening import opened


def opening_late(opens: threading.Event, may_open: threading.Event) -> Callable[[], str]:
    """What tells when it begins, and opens a file once it may."""

    def open_late() -> str:
        opens.set()
        return "a file" if may_open.wait(60) else "too late"

    return open_late


async def test_what_a_thread_opens_for_a_call_that_is_gone_is_closed():
    opens, may_open, closed = threading.Event(), threading.Event(), threading.Event()

    asking = asyncio.create_task(opened(opening_late(opens, may_open), lambda _: closed.set()))
    await asyncio.to_thread(opens.wait, 60)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    may_open.set()

    assert await asyncio.to_thread(closed.wait, 60)


def test_what_a_thread_opens_after_its_loop_ended_is_closed():
    opens, may_open, closed = threading.Event(), threading.Event(), threading.Event()

    async def leave() -> None:
        asking = asyncio.create_task(opened(opening_late(opens, may_open), lambda _: closed.set()))
        await asyncio.to_thread(opens.wait, 60)
        asking.cancel()

    with suppress(asyncio.CancelledError):
        asyncio.run(leave())
    may_open.set()

    assert closed.wait(60)
