"""Watches of audits over the real store: snapshots with growing sequence numbers, their end, and the time left."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from modicum_server.domain.audits import AuditFailure, AuditProgress, AuditState, Shard, Stage
from modicum_server.errors import DependencyUnavailable, ServerStopping, TooManyWatchers
from modicum_server.usecases.watching import LOOKS_AT_ONCE, LOOKS_OF_PROJECT, Waiting, Watching, remaining_seconds

from tests.usecases.usecases_stage import AUDITOR, VIEWER, now
from tests.waiting import PATIENCE_SECONDS


async def test_a_watch_shows_growing_sequences_and_ends_with_the_end(place, audit_draft):
    audit = await place.audit(audit_draft)
    seen = []

    async def watch():
        async for snapshot in place.watching.watch(VIEWER, audit.name, 0):
            seen.append(snapshot.audit)
            first.set()

    first = asyncio.Event()
    watching = asyncio.create_task(watch())
    await first.wait()
    async with place.store.transaction() as transaction:
        await transaction.audits.start(audit.name, Stage.SEARCH)
        await transaction.audits.fail(audit.name, AuditFailure("MODEL_DIED", "it died"))
    await asyncio.wait_for(watching, PATIENCE_SECONDS)

    assert seen[0] == audit
    assert seen[-1].failure == AuditFailure("MODEL_DIED", "it died")
    assert [snapshot.sequence for snapshot in seen] == sorted({snapshot.sequence for snapshot in seen})
    assert place.watching.count == 0


async def test_a_resumed_watch_yields_only_what_is_new_but_always_the_end(place, audit_draft):
    audit = await place.audit(audit_draft)
    watch = place.watching.watch(VIEWER, audit.name, audit.sequence)
    assert (await anext(watch)).waiting == Waiting(audits_ahead=0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await anext(watch)

    ended = await place.audits.cancel(AUDITOR, audit.name)

    for after in (ended.sequence, ended.sequence + 9):
        assert [snapshot.audit async for snapshot in place.watching.watch(VIEWER, audit.name, after)] == [ended]


async def test_a_queued_audit_tells_how_many_are_ahead_of_it_until_it_starts(place, audit_draft):
    watching = Watching(place.store, place.changes, place.settings, look_at_queue_seconds=0.05)
    first, second = await place.audit(audit_draft), await place.audit(audit_draft)
    watch = watching.watch(VIEWER, second.name, 0)

    ahead = [(await anext(watch)).waiting.audits_ahead]
    await place.audits.cancel(AUDITOR, first.name)
    moved = await asyncio.wait_for(anext(watch), PATIENCE_SECONDS)
    async with place.store.transaction() as transaction:
        await transaction.audits.start(second.name, Stage.SEARCH)
    running = await asyncio.wait_for(anext(watch), PATIENCE_SECONDS)
    await watch.aclose()

    assert [*ahead, moved.waiting.audits_ahead, running.waiting.audits_ahead] == [1, 0, None]
    assert moved.audit.sequence == second.sequence


async def test_a_running_audit_tells_whether_a_worker_works_on_it(place, audit_draft):
    audit = await place.audit(audit_draft)
    async with place.store.transaction() as transaction:
        await transaction.audits.start(audit.name, Stage.SEARCH)
    before = (await place.watching.now(VIEWER, audit.name)).waiting

    async with place.store.transaction() as transaction:
        await claimed(transaction, audit.name)
    held = (await place.watching.now(VIEWER, audit.name)).waiting
    ended = await place.audits.cancel(AUDITOR, audit.name)

    assert (before, held) == (Waiting(for_worker=True), Waiting(for_worker=False))
    assert (await place.watching.now(VIEWER, audit.name)).waiting == Waiting()
    assert ended.state is AuditState.CANCELLED


@pytest.mark.long
async def test_an_audit_tells_what_its_work_waits_for_until_that_gets_on(place, audit_draft):
    audit = await place.audit(audit_draft)
    watch = place.watching.watch(VIEWER, audit.name, 0)
    await anext(watch)

    async with place.store.transaction() as transaction:
        await transaction.audits.start(audit.name, Stage.SEARCH)
        shard = await claimed(transaction, audit.name)
        for seconds in (2.0, 4.0):  # each try tells the same
            await transaction.shards.hand_back(
                shard, failed_tries=0, delay_seconds=0, away_seconds=seconds, away_reason="the store is away"
            )
            shard = await claimed(transaction, audit.name)
    told = [(await asyncio.wait_for(anext(watch), PATIENCE_SECONDS)).waiting]
    async with place.store.transaction() as transaction:
        await transaction.shards.renew(shard, lease_seconds=60, passes_done=7)
        await transaction.audits.add_progress(audit.name, passes_done=7)
    told.append((await asyncio.wait_for(anext(watch), PATIENCE_SECONDS)).waiting)
    await watch.aclose()

    assert told == [Waiting(reason="the store is away"), Waiting()]


async def test_a_watch_hears_at_once_that_an_audit_waits(place, audit_draft):
    audit = await place.audit(audit_draft)
    async with place.store.transaction() as transaction:
        await transaction.audits.start(audit.name, Stage.SEARCH)
        shard = await claimed(transaction, audit.name)
    watch = place.watching.watch(VIEWER, audit.name, 0)
    before = await anext(watch)

    async with place.store.transaction() as transaction:
        await transaction.shards.hand_back(
            shard, failed_tries=0, delay_seconds=60, away_seconds=0.0, away_reason="the store is full"
        )
    told = await asyncio.wait_for(anext(watch), PATIENCE_SECONDS)
    await watch.aclose()

    assert (before.waiting, told.waiting) == (Waiting(), Waiting(reason="the store is full"))
    assert told.audit.sequence == before.audit.sequence


async def claimed(transaction, audit: str) -> Shard:
    """The first shard of the audit, held by a worker."""
    while (shard := await transaction.shards.claim("worker", lease_seconds=60)).audit != audit:
        pass
    return shard


async def test_a_stopping_server_tells_its_watches_where_to_resume(place, audit_draft):
    audit = await place.audit(audit_draft)
    watch = place.watching.watch(VIEWER, audit.name, 0)
    await anext(watch)

    place.watching.stop()

    with pytest.raises(ServerStopping, match=f"sequence {audit.sequence}$"):
        await asyncio.wait_for(anext(watch), 5)


async def test_the_number_of_watches_is_limited(place, audit_draft):
    audit = await place.audit(audit_draft)
    watches = [place.watching.watch(VIEWER, audit.name, 0) for _ in range(place.settings.max_watchers + 1)]
    for watch in watches[:-1]:
        await anext(watch)

    with pytest.raises(TooManyWatchers):
        await anext(watches[-1])
    await watches[0].aclose()
    assert (await anext(place.watching.watch(VIEWER, audit.name, 0))).audit.name == audit.name
    for watch in watches:
        await watch.aclose()


@pytest.mark.long
async def test_a_look_without_a_reply_ends_its_watch_and_frees_its_turn(place, audit_draft, database_url):
    audit = await place.audit(audit_draft)
    settings = place.settings.model_copy(update={"max_watchers": LOOKS_AT_ONCE})
    hurried = Watching(place.store, place.changes, settings, look_seconds=0.3)
    watches = [hurried.watch(VIEWER, audit.name, 0) for _ in range(LOOKS_AT_ONCE)]

    async with await psycopg.AsyncConnection.connect(database_url) as hanging, asyncio.timeout(30):
        await hanging.execute("LOCK TABLE audits")
        outcomes = await asyncio.gather(*(anext(watch) for watch in watches), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [DependencyUnavailable] * LOOKS_AT_ONCE
    watch = Watching(place.store, place.changes, settings).watch(VIEWER, audit.name, 0)
    assert (await asyncio.wait_for(anext(watch), PATIENCE_SECONDS)).audit.name == audit.name
    await watch.aclose()


@pytest.mark.long
async def test_concurrent_watches_do_not_exceed_their_limit(place, audit_draft):
    audit = await place.audit(audit_draft)
    watches = [place.watching.watch(VIEWER, audit.name, 0) for _ in range(50)]

    outcomes = await asyncio.gather(*(anext(watch) for watch in watches), return_exceptions=True)

    assert sum(isinstance(outcome, TooManyWatchers) for outcome in outcomes) == 50 - place.settings.max_watchers
    assert place.watching.count == place.settings.max_watchers
    for watch in watches:
        await watch.aclose()
    assert place.watching.count == 0


@pytest.mark.long
async def test_concurrent_looks_of_watches_leave_connections_for_other_calls(place, audit_draft):
    audits = [await place.audit(audit_draft) for _ in range(2 * LOOKS_OF_PROJECT)]
    store = CountingStore(place.store)
    watching = Watching(store, place.changes, place.settings.model_copy(update={"max_watchers": 100}))
    watches = [watching.watch(VIEWER, audits[number % len(audits)].name, 0) for number in range(100)]

    await asyncio.gather(*(anext(watch) for watch in watches))

    assert store.most == LOOKS_OF_PROJECT
    for watch in watches:
        await watch.aclose()


class CountingStore:
    """A real store that records the most transactions that were open at once."""

    def __init__(self, store):
        self._store = store
        self._open = self.most = 0

    @asynccontextmanager
    async def transaction(self):
        self._open += 1
        self.most = max(self.most, self._open)
        try:
            async with self._store.transaction() as transaction:
                yield transaction
        finally:
            self._open -= 1


async def test_the_time_left_follows_from_the_work_done(place, audit_draft):
    audit = await place.audit(audit_draft)
    assert remaining_seconds(audit, now()) is None

    start = now()
    running = replace(
        audit,
        state=AuditState.RUNNING,
        start_time=start,
        progress=AuditProgress(images_done=1, images_total=10, passes_done=20, passes_planned=100),
    )

    assert remaining_seconds(running, start + timedelta(seconds=30)) == pytest.approx(120)
    scored = replace(running, stage=Stage.SCORE)
    assert remaining_seconds(scored, start + timedelta(seconds=30)) == pytest.approx(120)
    done = replace(running, progress=replace(running.progress, passes_done=100, images_done=10))
    assert remaining_seconds(done, start + timedelta(seconds=30)) == 0


@pytest.mark.long_after(1)
@pytest.mark.parametrize(("passes_done", "estimated"), [(0, False), (2, False), (3, True)])
async def test_no_time_is_estimated_from_the_first_few_passes(place, audit_draft, passes_done, estimated):
    start = now()
    audit = replace(
        await place.audit(audit_draft),
        state=AuditState.RUNNING,
        start_time=start,
        progress=AuditProgress(images_done=5, images_total=10, passes_done=passes_done, passes_planned=100),
    )

    assert (remaining_seconds(audit, start + timedelta(seconds=30)) is not None) == estimated
