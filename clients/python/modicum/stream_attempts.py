"""When a stream that broke is tried again: one rule for watches, reports, uploads and downloads."""

import asyncio
from collections.abc import Callable

import grpc
import grpc.aio

from modicum.errors import DataLoss
from modicum.grpc_errors import error_of, told_seconds
from modicum.retrying import BROKEN_STREAM, Backoff


class StreamAttempts:
    """Attempts at one stream that failed one after the other. A stream that brought something begins anew."""

    def __init__(self, address: str, backoff: Backoff, *, token: Callable[[], str]) -> None:
        self._address = address
        self._backoff = backoff
        self._token = token
        self._used = token()
        self._failed = 0

    def begin_anew(self) -> None:
        """Forget what failed: the stream brought something."""
        self._failed = 0

    async def after(self, failure: grpc.aio.AioRpcError, *, resumable: bool = False) -> None:
        """Wait for the next attempt. With `resumable` there is one, whatever the code of the failure.

        Raises:
            ModicumError: the failure's, if it does not pass, or if the last attempt has failed.
        """
        told, error = told_seconds(failure), error_of(failure, address=self._address)
        broke = failure.code() in BROKEN_STREAM and not isinstance(error, DataLoss)  # damaged bytes stay damaged
        passes = resumable or broke or told is not None or self._token_was_renewed(failure)
        if not passes or not await self.another(told or 0.0):
            raise error from failure

    def _token_was_renewed(self, failure: grpc.aio.AioRpcError) -> bool:
        """Whether the stream was refused because its token ended, and there is a newer one."""
        before, self._used = self._used, self._token()
        return failure.code() is grpc.StatusCode.UNAUTHENTICATED and before != self._used

    async def another(self, least_seconds: float = 0.0) -> bool:
        """Count a failed attempt, and wait for the next one. False if it was the last one."""
        self._failed += 1
        if self._failed >= self._backoff.attempts:
            return False
        await asyncio.sleep(max(least_seconds, self._backoff.seconds(self._failed)))
        return True
