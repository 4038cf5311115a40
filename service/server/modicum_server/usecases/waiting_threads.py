"""Threads that may wait for the event loop. No other thread may.

What the loop does for a thread, such as reading a file, often needs a thread of the loop's own pool (`to_thread`). If
threads of that pool waited for the loop, none would be left once all of them waited, and the process would hang.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, nullcontext
from contextvars import copy_context
from functools import partial
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")
Awaited = TypeVar("Awaited")


class GivenUp(Exception):
    """Nobody wants the result of this thread any more."""


class WaitingThreads:
    """A few threads whose functions may wait for the loop. Further functions wait until a thread is free."""

    def __init__(self, name: str, threads: int) -> None:
        """Start no thread yet. Their names begin with `name`."""
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._doing: set[asyncio.Task[Any]] = set()

    async def run(
        self, function: Callable[[], Result], *, turn: AbstractAsyncContextManager[None] | None = None
    ) -> Result:
        """Return what the function returns, in a thread, within `turn`.

        If the caller is cancelled, a function that has not begun never begins. One that has begun ends when it waits
        next, and holds its thread and its turn until then.
        """
        work = Work(asyncio.get_running_loop(), partial(copy_context().run, function))
        doing = asyncio.create_task(self._done(work, turn or nullcontext()))
        self._doing.add(doing)
        doing.add_done_callback(self._forget)
        try:
            await asyncio.wait({doing})
        except asyncio.CancelledError:
            if not work.give_up():
                doing.cancel()
            raise
        return doing.result()

    def close(self) -> None:
        """Let the threads end once they are idle."""
        self._pool.shutdown(wait=False)

    async def _done(self, work: "Work[Result]", turn: AbstractAsyncContextManager[None]) -> Result:
        async with turn:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work.run)

    def _forget(self, done: asyncio.Task[Any]) -> None:
        self._doing.discard(done)
        if not done.cancelled():
            done.exception()  # the caller has it. Where the caller is gone, asyncio would log that nobody asked for it


class Work(Generic[Result]):
    """A function in a thread, and how it waits for the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, function: Callable[[], Result]) -> None:
        """Take the loop that it may wait for."""
        self._loop = loop
        self._function = function
        self._lock = threading.Lock()
        self._has_begun = False
        self._given_up = False
        self._awaited: Future[Any] | None = None

    def run(self) -> Result:
        """Run the function in this thread.

        Raises:
            GivenUp
        """
        with self._lock:
            self._require_wanted()
            self._has_begun = True
        _HERE.work = self
        try:
            return self._function()
        finally:
            _HERE.work = None

    def give_up(self) -> bool:
        """Let it end as soon as it waits, or now if it does; returns whether it has begun."""
        with self._lock:
            self._given_up = True
            if self._awaited is not None:
                self._awaited.cancel()
            return self._has_begun

    def waited(self, begin: Callable[[], Coroutine[Any, Any, Awaited]]) -> Awaited:
        """Wait in this thread until the loop has run a coroutine; returns its result.

        Raises:
            GivenUp
        """
        with self._lock:
            self._require_wanted()
            awaited = asyncio.run_coroutine_threadsafe(begin(), self._loop)
            self._awaited = awaited
        try:
            return awaited.result()
        except CancelledError:
            raise GivenUp from None

    def afterwards(self, begin: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Let the loop run a coroutine, if it still runs, without waiting. Any thread may call this."""
        if not self._loop.is_closed():
            asyncio.run_coroutine_threadsafe(begin(), self._loop)

    def _require_wanted(self) -> None:
        if self._given_up:
            raise GivenUp


def current_work() -> Work[Any]:
    """Return the work of this thread, which is one of `WaitingThreads`."""
    work: Work[Any] | None = getattr(_HERE, "work", None)
    assert work is not None, "only a thread of WaitingThreads may wait for the loop"
    return work


_HERE = threading.local()
