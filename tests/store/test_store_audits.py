import asyncio
from dataclasses import replace

import pytest
from modicum_server.domain.audits import AuditFailure, AuditProgress, AuditState, LeaseState, Stage
from modicum_server.domain.findings import (
    ClassTargetedFinding,
    FillFinding,
    FillRobustFinding,
    FindingControls,
    FindingReason,
    Passes,
    PixelSubsetFinding,
    ScoredVariant,
    Subset,
    Trace,
)
from modicum_server.domain.searches import Fill
from modicum_server.domain.spots import SpotRow
from modicum_server.errors import PageTokenInvalid
from modicum_server.ports import AuditFilter
from modicum_server.store.changes import PostgresChanges

from tests.store.store_scene import PROJECT, SOME_TIME, Scene, audit_value, finding, items
from tests.waiting import PATIENCE_SECONDS


async def test_an_audit_comes_back_as_it_was_stored(store, scene: Scene):
    stored = await scene.audit(cut=[[0, 1], [2, 3]])

    expected = audit_value(stored.name, stored.specification.model_versions[0], stored.specification.dataset, 4)
    assert await scene.get(stored.name) == stored == replace(expected, create_time=stored.create_time)
    assert stored.specification.digest == expected.specification.digest
    assert stored.create_time > SOME_TIME  # the database's clock, not the caller's


async def test_an_audit_with_a_used_name_is_not_created(store, scene: Scene):
    audit = await scene.audit()

    async with store.transaction() as transaction:
        assert await transaction.audits.create(audit, [0]) is None


async def test_items_are_those_of_the_data_set_at_the_drawn_indices(store, scene: Scene):
    first = await scene.audit()
    sampled = replace(first, name=f"{PROJECT}/audits/sampled", item_count=2)

    async with store.transaction() as transaction:
        await transaction.audits.create(sampled, [3, 1])

        assert await transaction.audits.items(sampled.name, [1, 0]) == [(0, items(4)[3]), (1, items(4)[1])]
        assert await transaction.audits.items(sampled.name, [0]) == [(0, items(4)[3])]


async def test_audits_are_listed_newest_first_and_filtered(store, scene: Scene):
    version = await scene.model()
    names = [(await scene.audit(name, version=version)).name for name in "abc"]
    async with store.transaction() as transaction:
        await transaction.audits.cancel(names[1])

    async def page(criteria, after="", limit=10):
        async with store.transaction() as transaction:
            return await transaction.audits.page(PROJECT, criteria, after=after, limit=limit)

    first = await page(AuditFilter(), limit=2)
    rest = await page(AuditFilter(), after=first[-1][0])
    assert [audit.name for _, audit in first + rest] == names[::-1]
    assert [audit.name for _, audit in await page(AuditFilter(state=AuditState.CANCELLED))] == [names[1]]
    assert len(await page(AuditFilter(model_version=version, dataset=f"{PROJECT}/datasets/photos"))) == 3
    assert await page(AuditFilter(model_version="other")) == []
    assert await page(AuditFilter(dataset="other")) == []


async def test_every_change_raises_the_sequence_and_an_ended_audit_changes_no_more(store, scene: Scene):
    audit = await scene.audit()
    sequences = [audit.sequence]

    async def seen() -> AuditState:
        now = await scene.get(audit.name)
        sequences.append(now.sequence)
        return now.state

    async with store.transaction() as transaction:
        await transaction.audits.start(audit.name, Stage.SEARCH)
    assert await seen() is AuditState.RUNNING
    async with store.transaction() as transaction:
        await transaction.audits.start(audit.name, Stage.SEARCH)  # no change
    await seen()
    async with store.transaction() as transaction:
        await transaction.audits.succeed(audit.name, result_digest="r" * 64, artifacts=[])
    assert await seen() is AuditState.SUCCEEDED
    async with store.transaction() as transaction:
        await transaction.audits.cancel(audit.name)
        await transaction.audits.fail(audit.name, AuditFailure("LATE", "too late"))
        await transaction.audits.start(audit.name, Stage.SEARCH)
        await transaction.audits.add_progress(audit.name, passes_done=1)
        await transaction.findings.add(audit.name, [finding(0, audit.specification.model_versions[0])])
    assert await seen() is AuditState.SUCCEEDED

    assert sequences == [1, 2, 2, 3, 3]
    ended = await scene.get(audit.name)
    assert (ended.result_digest, ended.stage, ended.progress.images_done) == ("r" * 64, None, 0)
    assert ended.create_time <= ended.start_time <= ended.end_time


async def test_a_failure_is_kept_and_unclaimed_shards_go(store, scene: Scene):
    audit = await scene.audit(cut=[[0, 1], [2, 3]])
    held = await scene.claim()

    async with store.transaction() as transaction:
        await transaction.audits.fail(audit.name, AuditFailure("MODEL_DIED", "it died"))

    async with store.transaction() as transaction:
        failed = await transaction.audits.get(audit.name)
        assert failed.failure == AuditFailure("MODEL_DIED", "it died")
        assert await transaction.shards.remaining(audit.name, Stage.SEARCH) == 1
        assert await transaction.shards.renew(held, lease_seconds=5, passes_done=0) is LeaseState.CANCELLED


async def test_cancelling_deletes_queued_shards_and_returns_the_holders_of_the_rest(store, scene: Scene):
    audit = await scene.audit(cut=[[0], [1], [2, 3]])
    held = await scene.claim()

    async with store.transaction() as transaction:
        cancelled = await transaction.audits.cancel(audit.name)

    assert cancelled.state is AuditState.CANCELLED
    async with store.transaction() as transaction:
        assert await transaction.shards.claim("other", lease_seconds=5) is None
        assert await transaction.shards.remaining(audit.name, Stage.SEARCH) == 1
        assert await transaction.shards.renew(held, lease_seconds=5, passes_done=9) is LeaseState.CANCELLED
        assert await transaction.shards.finish(held, passes_done=9)
        assert (await transaction.audits.get(audit.name)).progress.passes_done == 9
        assert await transaction.audits.cancel(f"{PROJECT}/audits/none") is None


async def test_cancelling_does_not_wait_for_a_worker_in_mid_write(store, scene: Scene):
    audit = await scene.audit()
    shard = await scene.claim()

    async with store.transaction() as writing:
        assert await writing.shards.hold(shard)
        async with asyncio.timeout(PATIENCE_SECONDS), store.transaction() as cancelling:
            await cancelling.audits.lock(audit.name)
            await cancelling.audits.cancel(audit.name)
            await cancelling.audits.delete(audit.name)


async def test_the_newest_succeeded_audit_with_its_own_result_is_reused(store, scene: Scene):
    version = await scene.model()
    succeeded = {"state": AuditState.SUCCEEDED, "result_digest": "r" * 64, "reuse_key": "k"}
    await scene.audit("older", version=version, **succeeded)
    newer = await scene.audit("newer", version=version, **succeeded)
    reused = await scene.audit("reused", version=version, **succeeded, reused_from=newer.name)
    await scene.audit("running", version=version, reuse_key="k")

    async with store.transaction() as transaction:
        assert (await transaction.audits.reusable(PROJECT, "k")).name == newer.name
        assert await transaction.audits.reusable(PROJECT, "other") is None
        assert await transaction.audits.reusable("projects/other", "k") is None
        assert (await transaction.audits.unended(PROJECT, "someone")).queued == 1
        assert await transaction.artifacts.referrers(PROJECT, "r" * 64) == [
            newer.name,
            f"{PROJECT}/audits/older",
            reused.name,
        ]
    assert reused.end_time is not None


async def test_an_audit_whose_spot_test_failed_in_part_is_not_reused(store, scene: Scene):
    version = await scene.model()
    names = ["whole", "broken"]
    for name in names:
        await scene.audit(name, version=version, reuse_key="k")
    async with store.transaction() as transaction:
        for name, reason in zip(names, (None, FindingReason.MODEL_DIED), strict=True):
            audit = f"{PROJECT}/audits/{name}"
            await transaction.spots.add(audit, version, [SpotRow(None), SpotRow(3, reason=reason)])
            await transaction.audits.succeed(audit, result_digest="5" * 64, artifacts=[])

    async with store.transaction() as transaction:
        reused = await transaction.audits.reusable(PROJECT, "k")

    assert reused.name == f"{PROJECT}/audits/whole", "it is the older one, but its rows were all tested"


async def test_a_reused_audit_stays_until_the_other_refers_to_it(store, scene: Scene, until_one_waits):
    origin = await scene.audit("origin", reuse_key="k")
    async with store.transaction() as transaction:
        await transaction.audits.succeed(origin.name, result_digest="5" * 64, artifacts=[])

    async def referrers():
        async with store.transaction() as transaction:
            await transaction.audits.lock(origin.name)
            return await transaction.artifacts.referrers(PROJECT, "5" * 64)

    async with store.transaction() as transaction:
        await transaction.audits.reusable(PROJECT, "k")
        deletion = asyncio.create_task(referrers())
        await until_one_waits()
        reusing = replace(origin, name=f"{PROJECT}/audits/again", reused_from=origin.name, result_digest="5" * 64)
        await transaction.audits.create(replace(reusing, state=AuditState.SUCCEEDED), range(4))

    assert await deletion == [f"{PROJECT}/audits/again", origin.name]


async def test_an_audit_that_is_being_deleted_is_not_reused(store, scene: Scene, until_one_waits):
    origin = await scene.audit("origin", reuse_key="k")
    async with store.transaction() as transaction:
        await transaction.audits.succeed(origin.name, result_digest="5" * 64, artifacts=[])

    async def reused():
        async with store.transaction() as transaction:
            return await transaction.audits.reusable(PROJECT, "k")

    async with store.transaction() as transaction:
        await transaction.audits.lock(origin.name)
        search = asyncio.create_task(reused())
        await until_one_waits()
        await transaction.audits.delete(origin.name)

    assert await search is None


async def test_the_last_device_of_workers_is_that_of_the_newest_audit_with_device_auto(store, scene: Scene):
    first, second, fixed = [await scene.audit(name) for name in ("first", "second", "fixed")]
    async with store.transaction() as transaction:
        assert await transaction.audits.newest_device() is None
        await transaction.audits.note_parameters(first.name, {"device": "cpu"})
        assert await transaction.audits.newest_device() == "cpu"
        await transaction.audits.note_parameters(second.name, {"device": "cuda"})
        assert await transaction.audits.newest_device() == "cuda"
        await transaction.audits.note_parameters(fixed.name, {"chunk_size": 4})
        assert await transaction.audits.newest_device() == "cuda"


async def test_parameters_are_merged_key_by_key(store, scene: Scene):
    audit = await scene.audit()
    async with store.transaction() as transaction:
        assert await transaction.audits.parameters(audit.name) == {}
        await transaction.audits.note_parameters(audit.name, {"device": "cpu", "chunk_size": 4})
        await transaction.audits.note_parameters(audit.name, {"chunk_size": 8, "versions": {"torch": "2"}})

        assert await transaction.audits.parameters(audit.name) == {
            "device": "cpu",
            "chunk_size": 8,
            "versions": {"torch": "2"},
        }


async def test_findings_come_back_as_they_were_stored_in_order(store, scene: Scene):
    audit = await scene.audit()
    version = audit.specification.model_versions[0]
    rich = finding(
        2,
        version,
        label=1,
        predicted_class=1,
        target_class=1,
        eligible=True,
        confidence=0.99,
        margin=4.5,
        verified_confidence=0.91,
        budget_exhausted=True,
        saturated=True,
        trace=Trace((16, 8), (0.99, 0.5)),
        controls=FindingControls(
            ClassTargetedFinding(0, found=True, size=5, size_ratio=1.25, verified_confidence=0.9, passes=Passes(1, 1)),
            (FillFinding(Fill.BLUR, 0.4, sufficient=False),),
            (ScoredVariant("dilated", 0.3, sufficient=False, predicted_class=0),),
            fill_robust=FillRobustFinding(8, 2.0, 29, 28, 0.92, budget_exhausted=False, passes=Passes(200, 90)),
            pixel_subset=PixelSubsetFinding(
                Subset(b"\xff\x80", 3, 3, 9), 0.8, 1, 0.1, 0, Trace((9, 0), (0.9, 0.1)), Passes(12, 9)
            ),
        ),
    )
    poor = finding(0, version, size=None, reason=FindingReason.IMAGE_UNREADABLE, margin=float("-inf"))

    async with store.transaction() as transaction:
        await transaction.findings.add(audit.name, [rich, poor])
        await transaction.findings.add(audit.name, [])
        first = await transaction.findings.page(audit.name, after="", limit=1)
        rest = await transaction.findings.page(audit.name, after=first[-1][0], limit=5)

        assert first + rest == [("0-0-0", poor), ("0-0-2", rich)]
        assert await transaction.findings.get(f"{audit.name}/findings/0-0-2") == rich
        assert await transaction.findings.get(f"{audit.name}/findings/0-0-1") is None
        assert await transaction.findings.get(f"{audit.name}/findings/nonsense") is None
        assert await transaction.findings.done_positions(audit.name, version, 0) == {0, 2}
        assert await transaction.findings.done_positions(audit.name, version, 1) == frozenset()
        with pytest.raises(PageTokenInvalid):
            await transaction.findings.page(audit.name, after="nonsense", limit=1)


async def test_an_existing_finding_stays_and_is_counted_once(store, scene: Scene):
    audit = await scene.audit()
    version = audit.specification.model_versions[0]
    batch = [
        finding(0, version, size=4),
        finding(1, version, size=0, baseline_confident=True),
        finding(2, version, size=None, reason=FindingReason.NOT_ELIGIBLE),
        finding(3, version, size=None, reason=FindingReason.MODEL_DIED),
    ]

    for again in range(2):
        async with store.transaction() as transaction:
            await transaction.findings.add(audit.name, [*batch, finding(0, version, size=8 + again)])

    progress = (await scene.get(audit.name)).progress
    assert progress == AuditProgress(
        images_done=4, images_total=4, images_failed=1, passes_planned=40, mean_subset_fraction=0.25
    )
    async with store.transaction() as transaction:
        assert (await transaction.findings.get(f"{audit.name}/findings/0-0-0")).subset.size == 4


async def test_findings_of_a_deleted_audit_are_not_stored(store):
    async with store.transaction() as transaction:
        await transaction.findings.add(f"{PROJECT}/audits/gone", [finding(0, "version")])

        assert await transaction.findings.page(f"{PROJECT}/audits/gone", after="", limit=1) == []


async def test_writers_of_one_audit_count_every_finding(store, scene: Scene):
    audit = await scene.audit(count=40)
    version = audit.specification.model_versions[0]

    async def write(start: int):
        for position in range(start, 40, 4):
            async with store.transaction() as transaction:
                await transaction.findings.add(audit.name, [finding(position, version), finding(0, version)])

    await asyncio.gather(*(write(start) for start in range(4)))

    now = await scene.get(audit.name)
    assert now.progress.images_done == 40


async def test_deleting_an_audit_takes_its_findings_and_queued_shards(store, scene: Scene):
    audit = await scene.audit()
    async with store.transaction() as transaction:
        await transaction.findings.add(audit.name, [finding(0, audit.specification.model_versions[0])])
        await transaction.audits.cancel(audit.name)
        await transaction.audits.delete(audit.name)

        assert await transaction.audits.get(audit.name) is None
        assert await transaction.findings.page(audit.name, after="", limit=1) == []
        assert await transaction.shards.remaining(audit.name, Stage.SEARCH) == 0


async def test_a_watch_is_notified_of_committed_changes_only(store, scene: Scene, database_url):
    audit = await scene.audit("watched")
    other = await scene.audit("other", version=audit.specification.model_versions[0])
    changes = PostgresChanges(database_url)
    clock = asyncio.get_running_loop().time

    async with changes.watch(audit.name) as watch:
        await watch.changed(5)  # the listener is there
        async with store.transaction() as transaction:
            await transaction.audits.cancel(other.name)
        start = clock()
        await watch.changed(0.3)
        unheard = clock() - start

        async with store.transaction() as transaction:
            await transaction.audits.cancel(audit.name)
        start = clock()
        await watch.changed(10)
        heard = clock() - start
    await changes.close()

    assert unheard >= 0.29
    assert heard < 5


async def test_a_listener_reconnects_after_a_cut_and_notifies_every_watch(
    store, scene: Scene, database_url, cut_connections
):
    audit = await scene.audit()
    changes = PostgresChanges(database_url)

    async with changes.watch(audit.name) as watch, asyncio.timeout(20):
        await watch.changed(10)
        cut_connections()
        await watch.changed(10)
        async with store.transaction() as transaction:
            await transaction.audits.cancel(audit.name)
        await watch.changed(10)
    await changes.close()
