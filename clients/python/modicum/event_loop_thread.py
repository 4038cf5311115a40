"""A private event loop in its own thread, with which synchronous code calls asynchronous code.

`blocking`, `blocking_into`, `streaming` and `streaming_into` turn an asynchronous method into a synchronous one with
the same parameters and documentation, and synchronous types. Each operation is written only once, asynchronously.
"""

import asyncio
import functools
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar

from modicum.errors import InvalidArgument
from modicum.renamed_arguments import with_new_names
from modicum.synchronous_signatures import check_arguments, give_signature

P = ParamSpec("P")
A_co = TypeVar("A_co", covariant=True)
A = TypeVar("A")
R = TypeVar("R")
S = TypeVar("S")


#: How long an interrupted call may take to end.
CANCEL_SECONDS = 2.0


class Portal:
    """Runs coroutines on its own event loop until it is closed. `keeps` exists at least as long as it."""

    def __init__(self, keeps: object = None) -> None:
        self._keeps = keeps
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(_without_poller_noise)
        self._thread = threading.Thread(target=self._loop.run_forever, name="modicum", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Run the coroutine and return its result. An interrupt cancels it and waits until it has ended.

        Raises:
            InvalidArgument: the portal is closed.
        """
        if self._loop.is_closed():
            coroutine.close()
            raise InvalidArgument("the client is closed; use it inside its `with` block")
        ended, future = threading.Event(), None
        try:
            future = asyncio.run_coroutine_threadsafe(_signalling(coroutine, ended), self._loop)
            return future.result()
        except BaseException:
            if future is not None and future.cancel():
                ended.wait(CANCEL_SECONDS)
            raise

    def iterate(self, rows: AsyncIterator[R]) -> Iterator[R]:
        """Yield the rows one by one. A row is fetched when it is needed."""
        asked = _Rows(rows)
        try:
            while True:
                try:
                    row = self.run(asked.next())
                except StopAsyncIteration:
                    return
                yield row
        finally:
            if not self._loop.is_closed():
                self.run(asked.close())

    def close(self) -> None:
        """Cancel what still runs and end the thread. Closing twice does nothing."""
        if self._loop.is_closed():
            return
        self.run(_cancel_others())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class SyncWrapper(Protocol[A_co]):
    """A synchronous object that wraps an asynchronous one."""

    @property
    def _portal(self) -> Portal: ...
    @property
    def _async(self) -> A_co: ...


def blocking(
    method: Callable[Concatenate[A, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[SyncWrapper[A], P], R]:
    """The synchronous form of a method."""

    @functools.wraps(method)
    def call(self: SyncWrapper[A], /, *args: P.args, **kwargs: P.kwargs) -> R:
        given = with_new_names(call, kwargs)
        check_arguments(call, self, args, given)
        return self._portal.run(method(self._async, *args, **given))

    give_signature(call, method)
    return call


def blocking_into(
    wrap: Callable[[Portal, R], S], method: Callable[Concatenate[A, P], Coroutine[Any, Any, R]]
) -> Callable[Concatenate[SyncWrapper[A], P], S]:
    """The synchronous form of a method that returns an asynchronous object; `wrap` makes that object synchronous."""

    @functools.wraps(method)
    def call(self: SyncWrapper[A], /, *args: P.args, **kwargs: P.kwargs) -> S:
        check_arguments(call, self, args, kwargs)
        return wrap(self._portal, self._portal.run(method(self._async, *args, **kwargs)))

    give_signature(call, method, wrap)
    return call


def streaming(
    method: Callable[Concatenate[A, P], AsyncIterator[R]],
) -> Callable[Concatenate[SyncWrapper[A], P], Iterator[R]]:
    """The synchronous form of a method that iterates."""

    @functools.wraps(method)
    def call(self: SyncWrapper[A], /, *args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
        check_arguments(call, self, args, kwargs)
        return self._portal.iterate(method(self._async, *args, **kwargs))

    give_signature(call, method)
    return call


def streaming_into(
    wrap: Callable[[Portal, R], S], method: Callable[Concatenate[A, P], AsyncIterator[R]]
) -> Callable[Concatenate[SyncWrapper[A], P], Iterator[S]]:
    """The synchronous form of a method that iterates over asynchronous objects; `wrap` makes each synchronous."""

    @functools.wraps(method)
    def call(self: SyncWrapper[A], /, *args: P.args, **kwargs: P.kwargs) -> Iterator[S]:
        check_arguments(call, self, args, kwargs)
        rows = self._portal.iterate(method(self._async, *args, **kwargs))
        return (wrap(self._portal, row) for row in rows)

    give_signature(call, method, wrap)
    return call


class _Rows(Generic[R]):
    """Rows that one caller asks for, one after the other, and then closes."""

    def __init__(self, rows: AsyncIterator[R]) -> None:
        self._rows = rows
        self._asking: asyncio.Task[Any] | None = None

    async def next(self) -> R:
        self._asking = asyncio.current_task()
        return await anext(self._rows)

    async def close(self) -> None:
        """Cancel the row that is still asked for, wait until it has ended, and close the rows if they are a generator.

        A generator cannot be closed while it runs. An interrupt may have cancelled the row already; it is not
        cancelled twice.
        """
        if self._asking is not None and not self._asking.done():
            if not self._asking.cancelling():
                self._asking.cancel()
            await asyncio.wait({self._asking})
        if isinstance(self._rows, AsyncGenerator):
            await self._rows.aclose()


async def _signalling(coroutine: Coroutine[Any, Any, R], ended: threading.Event) -> R:
    try:
        return await coroutine
    finally:
        ended.set()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _without_poller_noise(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Ignore a harmless error: event loops share the poller of grpc.aio, and one may wake for an event of another."""
    if not isinstance(context.get("exception"), BlockingIOError):
        loop.default_exception_handler(context)
