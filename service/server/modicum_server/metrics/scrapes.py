"""Reads the store and the dependencies for a scrape, in bounded time and without blocking the event loop.

Scrapes at the same moment share one reading, and those that see the same names one text. What does not come in time is
a gap, and its reading goes on: cancelling a query of a database that hangs takes psycopg ten seconds more, and no
scrape waits for that.
"""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, Generic, TypeVar
from urllib.parse import unquote, urlsplit

import structlog

from modicum_server.domain.gauges import Sight
from modicum_server.errors import Unavailable
from modicum_server.metrics.api import ApiMetrics
from modicum_server.metrics.store_metrics import Disk, Snapshot, Stored
from modicum_server.metrics.text_format import media_type_of
from modicum_server.metrics.versions import VersionReader
from modicum_server.ports import ArtifactStore, Store
from modicum_server.settings import Settings
from modicum_server.usecases.joint_lookups import JointLookups

#: Less than the ten seconds that Prometheus gives a scrape by default.
STORE_SECONDS = 3.0
#: With hundreds of versions a text takes 0.1 s of a core, for which others wait. So after each one, the next with the
#: same names waits so many times as long as it took, but no longer than so many seconds.
PAUSES, LONGEST_PAUSE_SECONDS = 4, 1.0
#: Most projects of which a scrape shows what they use, those that store most.
MOST_PROJECTS = 1_000

Readiness = Callable[[], Awaitable[Mapping[str, bool]]]
Value = TypeVar("Value")

log = structlog.get_logger(__name__)


@dataclass
class TimedReading(Generic[Value]):
    """A reading that runs beside the scrapes, one at a time."""

    read: Callable[[], Coroutine[Any, Any, Value | None]]
    name: str
    _task: "asyncio.Task[Value | None] | None" = None

    async def value(self) -> Value | None:
        """Return the value, or None when it does not come in time. A reading that hangs is not started again."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self.read(), name=self.name)
        await asyncio.wait({self._task}, timeout=STORE_SECONDS)
        return self._task.result() if self._task.done() else None

    async def close(self) -> None:
        """Cancel a reading that still runs, and wait a moment for its end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=STORE_SECONDS)


class Scrapes:
    """Reads a snapshot for each scrape, and makes the text for Prometheus."""

    def __init__(
        self,
        store: Store,
        artifacts: ArtifactStore,
        readiness: Readiness,
        *,
        settings: Settings,
        metrics: ApiMetrics,
        clock: Callable[[], float] = monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._readiness = readiness
        self._folder = _local_folder(settings.artifacts_url)
        self._versions = VersionReader(
            store, artifacts, limit=settings.metrics_models, interval_seconds=settings.metrics_seconds
        )
        self._stored = TimedReading(self._read_store, "metrics-store")
        self._disk = TimedReading(self._read_disk, "metrics-disk")
        self._reading: asyncio.Task[Snapshot] | None = None
        self._texts: JointLookups[tuple[bytes, str]] = JointLookups()
        self._pauses: dict[Hashable, float] = {}
        self._clock, self._pause = clock, pause

    async def read(self) -> Snapshot:
        """Return the snapshot of now."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read(), name="metrics-scrape")
        return await asyncio.shield(self._reading)

    async def expose(self, accept: str, sight: Sight, turn: AbstractAsyncContextManager[None]) -> tuple[bytes, str]:
        """Return the text for Prometheus with the names in sight, and its media type by the Accept header.

        Those who wait for the same text share the next one. It shows nothing older than their scrapes. It is made in
        the turn of one of them.
        """
        asked = sight, media_type_of(accept)
        return await self._texts.find(asked, lambda: self._expose(asked, accept, sight, turn))

    async def _expose(
        self, asked: Hashable, accept: str, sight: Sight, turn: AbstractAsyncContextManager[None]
    ) -> tuple[bytes, str]:
        """Make a text, after the pause that follows the one before."""
        await self._pause(self._pauses.get(asked, 0.0) - self._clock())
        async with turn:
            snapshot = (await self.read()).within(sight)
            began = self._clock()
            text = await asyncio.to_thread(self._metrics.expose, snapshot, accept)
            now = self._clock()
        self._pauses = {one: until for one, until in self._pauses.items() if until > now}
        self._pauses[asked] = now + min(PAUSES * (now - began), LONGEST_PAUSE_SECONDS)
        return text

    async def close(self) -> None:
        """Cancel what still reads."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        await asyncio.gather(self._stored.close(), self._disk.close(), self._versions.close())

    async def _read(self) -> Snapshot:
        dependencies, stored, versions, disk = await asyncio.gather(
            self._readiness(), self._stored.value(), self._versions.current(), self._disk.value()
        )
        return Snapshot(dependencies, stored, versions, disk)

    async def _read_store(self) -> Stored | None:
        try:
            # Nobody waits longer, and the reading has to end: a connection may be lost for good.
            async with asyncio.timeout(STORE_SECONDS), self._store.transaction() as transaction:
                facts = {**await transaction.shards.facts(), **await transaction.gauges.facts()}
                audits = await transaction.audits.count_by_state()
                failed = await transaction.gauges.failed_audits()
                return Stored(facts, audits, failed, await transaction.gauges.project_use(limit=MOST_PROJECTS))
        except Exception as error:  # a gap; the rest is shown all the same
            if not isinstance(error, Unavailable | TimeoutError):
                log.warning("metrics_not_read", error=str(error), exc_info=error)
            return None

    async def _read_disk(self) -> Disk | None:
        if self._folder is None:
            return None
        try:
            usage = await asyncio.to_thread(shutil.disk_usage, self._folder)
        except OSError:
            return None
        return Disk(usage.free, usage.total)


def _local_folder(artifacts_url: str) -> Path | None:
    """Return the folder of an artifact store that is a folder, otherwise None."""
    parts = urlsplit(artifacts_url)
    if not artifacts_url or parts.scheme not in {"", "file"}:
        return None
    return Path(unquote(parts.path) if parts.scheme else artifacts_url)
