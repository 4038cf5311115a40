"""Threads of an API process for the long work of callers, who take turns."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from modicum_server.domain.projects import Principal
from modicum_server.usecases.shares import TurnsOfPrincipals
from modicum_server.usecases.waiting_threads import WaitingThreads, current_work

Result = TypeVar("Result")


class ThreadsInTurn:
    """A few threads that may wait for the loop. One at a time is for a principal, and for all of the same projects.

    So whoever asks for much has one piece of work before the threads, and others come next.
    """

    def __init__(self, name: str, threads: int) -> None:
        """Start no thread yet. Their names begin with `name`."""
        self._threads = WaitingThreads(name, threads)
        self._turns = TurnsOfPrincipals(1, 1)

    async def run(self, principal: Principal, function: Callable[[], Result]) -> Result:
        """Return what the function returns, in a thread, once it is the principal's turn.

        A caller that is cancelled gives up its place.

        Raises:
            ShareExceeded: too much work of the principal waits.
        """
        return await self._threads.run(function, turn=self._turns.taken(principal))

    async def run_on(
        self, principal: Principal, read: Callable[[], Coroutine[Any, Any, bytes]], function: Callable[[bytes], Result]
    ) -> Result:
        """Return what the function returns of bytes that its thread reads: what waits for its turn takes no memory.

        Raises:
            ShareExceeded: too much work of the principal waits.
        """
        return await self.run(principal, lambda: function(current_work().waited(read)))
