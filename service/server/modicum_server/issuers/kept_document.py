"""A document of an issuer that is read when it is needed and kept for a while.

As with its keys, one reading at a time serves everybody who waits, and an issuer that fails is asked again only after a
pause.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from typing import Any

import structlog

from modicum_server.issuers.fetching import FetchRefused
from modicum_server.issuers.issuer_keys import FRESH_SECONDS, LONGEST_SECONDS

PAUSE_SECONDS = 2.0

log = structlog.get_logger(__name__)


class KeptDocument:
    """Reads one document."""

    def __init__(
        self, read: Callable[[], Awaitable[Mapping[str, Any]]], *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._read = read
        self._clock = clock
        self._reading: asyncio.Task[None] | None = None
        self._read_at = self._tried_at = float("-inf")
        self._kept: Mapping[str, Any] = {}

    async def get(self) -> Mapping[str, Any]:
        """Return the document. After ten minutes it is read anew; while that fails, the old one is valid for an hour.

        Raises:
            FetchRefused
        """
        now = self._clock()
        if self._reading is None and now - self._read_at > FRESH_SECONDS and now - self._tried_at >= PAUSE_SECONDS:
            self._tried_at = now
            self._reading = asyncio.create_task(self._look())
        if self._reading is not None and self._is_old():
            await asyncio.shield(self._reading)
        if self._is_old():
            raise FetchRefused("the document cannot be read now")
        return self._kept

    def _is_old(self) -> bool:
        return self._clock() - self._read_at > LONGEST_SECONDS

    async def _look(self) -> None:
        try:
            self._kept = await self._read()
            self._read_at = self._clock()
        except FetchRefused as error:
            log.warning("provider_unavailable", cause=str(error))
        finally:
            self._reading = None
