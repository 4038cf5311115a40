"""Watching an audit: snapshots as it changes, until it ends or the server stops. A slow watcher gets the latest."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from zlib import crc32

from modicum_server.domain.audits import Audit, AuditState
from modicum_server.domain.projects import Principal, Role
from modicum_server.errors import DependencyUnavailable, ServerStopping, TooManyWatchers
from modicum_server.ports import Changes, Store, Transaction, Watch
from modicum_server.settings import Settings
from modicum_server.usecases.access import authorise
from modicum_server.usecases.audits import require_audit
from modicum_server.usecases.joint_lookups import JointLookups
from modicum_server.usecases.resource_names import project_of
from modicum_server.usecases.rules import check
from modicum_server.usecases.shares import Share, Shares
from modicum_server.usecases.turns import Turns

LOOK_ANYWAY_SECONDS = 60.0
"""A change whose notification was lost is seen after this time. When the connection that brings notifications breaks,
every watch reads at once. With 15 s, a thousand watches took a good part of a core for nothing."""
SHORTEST_INTERVAL_SECONDS = 0.1
"""Least time between two snapshots, so that a watcher of a busy audit does not get one for every image."""

LOOK_AT_QUEUE_SECONDS = 20.0
"""Nothing tells a queued audit that one ahead of it has ended, so its place is looked at after this time."""

LEAST_SHARE_DONE = 0.03
"""Share of the planned passes before which no time is estimated: until then the start took most of it."""

LOOKS_AT_ONCE = 4
"""Audits that are read at once for watches: a thousand that were read together would take every database connection of
the process."""
LOOKS_OF_PROJECT = 2
"""As many of them may be audits of one project, so that those of others need not wait behind its thousand."""
LOOK_SECONDS = 15.0
"""A read that takes longer ends its watch. Otherwise reads that hang would block all other watches."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What an audit waits for.

    Attributes:
        audits_ahead: while it is queued, the audits of its project that are older and have not ended; else None.
        for_worker: it runs, and no worker works on it.
        reason: what its work waits for because it is away or full, in words for people; else empty.
    """

    audits_ahead: int | None = None
    for_worker: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Watched:
    """An audit at one moment, and what it waits for."""

    audit: Audit
    waiting: Waiting


class Watching:
    """Watches of this process: at most `max_watchers` at a time, of which one principal and one project get a share.

    All are ended by `stop`.
    """

    def __init__(
        self,
        store: Store,
        changes: Changes,
        settings: Settings,
        *,
        look_seconds: float = LOOK_SECONDS,
        look_at_queue_seconds: float = LOOK_AT_QUEUE_SECONDS,
    ) -> None:
        self._store = store
        self._changes = changes
        self._most = settings.max_watchers
        self._look_seconds = look_seconds
        self._look_at_queue_seconds = look_at_queue_seconds
        self._shares = Shares(
            Share(
                "open watches",
                settings.max_watchers_per_principal,
                settings.max_watchers_per_project,
                TooManyWatchers,
            )
        )
        self._stopping = asyncio.Event()
        self._lookups: JointLookups[Watched | None] = JointLookups()
        self._looks = asyncio.Semaphore(LOOKS_AT_ONCE)
        self._looks_of_projects = Turns(LOOKS_OF_PROJECT)
        self._count = 0

    @property
    def count(self) -> int:
        """Watches that are open."""
        return self._count

    def stop(self) -> None:
        """End every watch with ServerStopping, and refuse new ones."""
        self._stopping.set()

    async def now(self, principal: Principal, name: str) -> Watched:
        """Return an audit as it is, without a seat.

        Raises:
            FieldInvalid, ProjectNotFound, AuditNotFound
        """
        authorise(principal, project_of("audit", name), Role.VIEWER)
        async with self._store.transaction() as transaction:
            return await _watched(transaction, name)

    async def watch(self, principal: Principal, name: str, after_sequence: int) -> AsyncGenerator[Watched, None]:
        """Yield a snapshot when its sequence has risen, or when what the audit waits for has changed.

        The last one is always the terminal one.

        Raises:
            FieldInvalid, ProjectNotFound, AuditNotFound, TooManyWatchers, DependencyUnavailable
            ServerStopping: watch again after the last sequence seen.
        """
        project = project_of("audit", name)
        authorise(principal, project, Role.VIEWER)
        check("after_sequence", after_sequence, "sequence")
        seen, waited = after_sequence, Waiting()
        with self._seat(), self._shares.taken(principal, project):
            async with self._changes.watch(name) as watch:
                while (found := await self._look(name)) is not None:
                    audit = found.audit
                    if audit.sequence > seen or audit.state.terminal or found.waiting != waited:
                        seen, waited = max(seen, audit.sequence), found.waiting
                        yield found
                    if audit.state.terminal:
                        return
                    queued = audit.state is AuditState.QUEUED
                    seconds = self._look_at_queue_seconds if queued else LOOK_ANYWAY_SECONDS
                    now = asyncio.get_running_loop().time()
                    await self._changed_or_stopped(watch, until_common_look(name, seconds, now))
        raise ServerStopping(
            f"the server is stopping; connect again and watch after sequence {seen}", sequence=str(seen)
        )

    @contextmanager
    def _seat(self) -> Iterator[None]:
        if self._count >= self._most:
            raise TooManyWatchers
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1

    async def _look(self, name: str) -> Watched | None:
        """Return the audit as it is now, or None when the server stops. Its watches that look together share a read."""
        return await self._lookups.find(name, partial(self._read, name))

    async def _read(self, name: str) -> Watched | None:
        async with self._looks_of_projects.taken(project_of("audit", name)), self._looks:
            if self._stopping.is_set():
                return None
            try:
                async with asyncio.timeout(self._look_seconds), self._store.transaction() as transaction:
                    return await _watched(transaction, name)
            except TimeoutError as error:
                raise DependencyUnavailable(
                    f"the database did not respond within {self._look_seconds:g} s; watch again"
                ) from error

    async def _changed_or_stopped(self, watch: Watch, look_anyway_seconds: float) -> None:
        stopped = asyncio.ensure_future(self._stopping.wait())
        changed = asyncio.ensure_future(_next_change(watch, look_anyway_seconds))
        try:
            await asyncio.wait({stopped, changed}, return_when=asyncio.FIRST_COMPLETED)
            if changed.done():
                changed.result()
        finally:
            for waiting in (stopped, changed):
                waiting.cancel()
            await asyncio.gather(stopped, changed, return_exceptions=True)


async def _next_change(watch: Watch, look_anyway_seconds: float) -> None:
    await asyncio.sleep(SHORTEST_INTERVAL_SECONDS)
    await watch.changed(look_anyway_seconds)


def until_common_look(name: str, every_seconds: float, now: float) -> float:
    """Return the time until all watches of an audit look together, more than 0. Each audit has its own moment."""
    own = crc32(name.encode()) / 2**32 * every_seconds
    return every_seconds - (now - own) % every_seconds


async def _watched(transaction: Transaction, name: str) -> Watched:
    audit = await require_audit(transaction, name)
    if audit.state.terminal:
        return Watched(audit, Waiting())
    reason = await transaction.overviews.waits_for(name)
    if audit.state is AuditState.QUEUED:
        return Watched(audit, Waiting(await transaction.overviews.ahead_of(name), reason=reason))
    unheld = not reason and not await transaction.overviews.is_held(name)
    return Watched(audit, Waiting(for_worker=unheld, reason=reason))


def remaining_seconds(audit: Audit, now: datetime) -> float | None:
    """Estimate the time until the end from the passes since the start; None when it cannot be estimated.

    The passes that are left are an upper bound, so the time is one too. It sinks as shards end: what a shard did not
    spend is planned no more.
    """
    progress = audit.progress
    if audit.state is not AuditState.RUNNING or audit.start_time is None:
        return None
    elapsed = max(0.0, (now - audit.start_time).total_seconds())
    if progress.passes_done < LEAST_SHARE_DONE * progress.passes_planned or not progress.passes_done:
        return None
    return elapsed * max(0, progress.passes_planned - progress.passes_done) / progress.passes_done
