"""Deletes what nothing refers to: artifacts of projects, bytes that no project holds, and old request ids.

What projects no longer keep is let go before (`retaining`), so that its files go with the others.

An artifact counts as needed for a grace time after somebody brought it or asked whether to bring it: who uploads refers
to it only later. Watches are not stored, and ended sessions are deleted when others begin.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from modicum_server.domain.collections import Collection, Unreferred
from modicum_server.domain.retention import Kept, Past
from modicum_server.ports import ArtifactStore, Store
from modicum_server.usecases.artifacts import delete_unheld
from modicum_server.usecases.backup_errors import BackupUnderWay
from modicum_server.usecases.operator_trail import Collected, note_collection
from modicum_server.usecases.retaining import TellPast, let_go

PAGE = 1000

Tell = Callable[[Unreferred], None]
"""Takes each artifact that goes. An orphan has no project, and its size is not known: 0."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a collection is to do. `orphans`: also delete bytes that no project holds; how old they are is not known."""

    grace_seconds: float
    dry_run: bool = False
    orphans: bool = False


def _to_nobody(_past: Past) -> None:
    """Tell nobody."""


async def collect(
    store: Store,
    artifacts: ArtifactStore,
    wanted: Wanted,
    tell: Tell,
    *,
    tell_past: TellPast = _to_nobody,
    page: int = PAGE,
) -> Collection:
    """Delete what is past its time and what nothing refers to, or only tell what that is. The server may run meanwhile.

    Raises:
        BackupUnderWay, DependencyUnavailable
    """
    async with store.transaction() as transaction:
        if not await transaction.artifacts.may_delete_bytes():
            raise BackupUnderWay("a backup of this store is under way; collect when it has ended")
    past: Counter[Kept] = Counter()
    async with aclosing(let_go(store, dry_run=wanted.dry_run, page=page)) as gone:
        async for thing in gone:
            tell_past(thing)
            past[thing.kind] += 1
    count = size = orphans = 0
    projects = Collected()
    async with aclosing(_unreferred(store, artifacts, wanted, page)) as found:
        async for one in found:
            tell(one)
            projects.note(one)
            count, size = count + 1, size + one.size_bytes
    async with aclosing(_orphans(store, artifacts, wanted, page)) as found:
        async for one in found:
            tell(one)
            orphans += 1
    done = Collection(
        dry_run=wanted.dry_run,
        grace_seconds=wanted.grace_seconds,
        artifacts=count,
        artifact_bytes=size,
        orphans=orphans,
        request_ids=await _requests(store, wanted, page),
        past_findings=past[Kept.FINDINGS],
        past_reports=past[Kept.REPORTS],
        past_images=past[Kept.IMAGES],
    )
    async with store.transaction() as transaction:
        await transaction.collections.note(done)
        if not wanted.dry_run:
            await note_collection(transaction, done, projects)
    return done


async def _unreferred(store: Store, artifacts: ArtifactStore, wanted: Wanted, page: int) -> AsyncGenerator[Unreferred]:
    """Yield the artifacts that go."""
    after = ("", "")
    while True:
        async with store.transaction() as transaction:
            candidates = await transaction.collections.unreferred(
                unused_seconds=wanted.grace_seconds, after=after, limit=page
            )
        for one in candidates:
            if await _goes(store, artifacts, wanted, one):
                yield one
        if len(candidates) < page:
            return
        after = candidates[-1].project, candidates[-1].digest


async def _goes(store: Store, artifacts: ArtifactStore, wanted: Wanted, one: Unreferred) -> bool:
    """Delete an artifact to which nothing refers, now that nobody can begin to; whether it goes."""
    async with store.transaction() as transaction:
        await transaction.artifacts.lock(one.digest)  # who stores what refers to it holds this, too
        known = transaction.collections
        if not await known.is_unused(one.project, one.digest, unused_seconds=wanted.grace_seconds):
            return False
        if await transaction.artifacts.referrers(one.project, one.digest):
            return False
        unheld = not wanted.dry_run and await transaction.artifacts.delete(one.project, one.digest)
    if unheld:
        await delete_unheld(store, artifacts, one.digest)
    return True


async def _orphans(store: Store, artifacts: ArtifactStore, wanted: Wanted, page: int) -> AsyncGenerator[Unreferred]:
    """Yield the bytes without a record that go, if they are wanted. One in the middle of an upload has a lock."""
    if not wanted.orphans:
        return
    async with aclosing(_in_batches(artifacts.stored(""), page)) as batches:
        async for digests in batches:
            async with store.transaction() as transaction:
                unheld = await transaction.collections.unheld(digests)
            for digest in sorted(unheld):
                if wanted.dry_run or await delete_unheld(store, artifacts, digest):
                    yield Unreferred("", digest, 0)


async def _requests(store: Store, wanted: Wanted, page: int) -> int:
    """Forget old request ids, in transactions of a bounded size; how many they are."""
    if wanted.dry_run:
        async with store.transaction() as transaction:
            return await transaction.collections.old_requests(seconds=wanted.grace_seconds)
    gone = 0
    while True:
        async with store.transaction() as transaction:
            some = await transaction.collections.forget_requests(seconds=wanted.grace_seconds, limit=page)
        gone += some
        if some < page:
            return gone


async def _in_batches(digests: AsyncGenerator[str], size: int) -> AsyncGenerator[list[str]]:
    batch: list[str] = []
    async with aclosing(digests):
        async for digest in digests:
            batch.append(digest)
            if len(batch) == size:
                yield batch
                batch = []
    yield batch
