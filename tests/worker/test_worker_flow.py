"""Audits from QUEUED to their end, with the real store and artifact store and a model of arithmetic."""

import asyncio
import contextlib
import gc
import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import psycopg
import pytest
from modicum_server.domain.audits import AuditState, Stage
from modicum_server.domain.models import VersionState
from modicum_server.domain.searches import Control, ControlPlan
from modicum_server.domain.tasks import SearchWork, TaskFindings
from modicum_server.metrics.worker import WorkerMetrics
from modicum_server.ports import Wakeups
from modicum_server.postgres.connections import open_engine
from modicum_server.store.wakeups import PostgresWakeups
from modicum_server.usecases.result_facts import outcome_in
from modicum_server.worker.context import Claim, WorkerContext
from modicum_server.worker.lease import Lease, ShardInterrupted
from modicum_server.worker.shard_kinds import work_on
from prometheus_client import generate_latest
from sqlalchemy import make_url

from tests.waiting import until
from tests.worker.arithmetic_model_server import PASSES, ArithmeticModelServer, finding_of, subset_of
from tests.worker.worker_scene import LABELS, PROJECT, SHORT_PAUSES, Scene, lost_leases


async def test_a_queued_audit_of_a_pending_version_succeeds_with_every_finding_once(scene: Scene):
    version = await scene.register(ready=False)
    audit = await scene.audit(version, images=10, shards=[range(6), range(6, 10)])
    model_server = ArithmeticModelServer()

    scene.work(model_server)
    ended = await scene.ended(audit)

    assert ended.state is AuditState.SUCCEEDED
    assert (await scene.version(version)).state is VersionState.READY
    findings = await scene.findings(audit)
    assert [finding.position for finding in findings] == list(range(10))
    assert [finding.subset for finding in findings] == [subset_of(position) for position in range(10)]
    assert [finding.item for finding in findings] == [f"{position}.png" for position in range(10)]
    assert {(finding.model_version, finding.search_index) for finding in findings} == {(version, 0)}
    assert [finding.label for finding in findings] == list(range(10))
    assert set(model_server.searched.values()) == {1}
    assert ended.progress.images_done == 10
    assert ended.progress.passes_done == ended.progress.passes_planned == 10 * PASSES.equivalents


async def test_the_result_document_and_the_findings_artifact_tell_the_same(scene: Scene):
    version = await scene.register()
    audit = await scene.audit(version, images=5)

    scene.work(ArithmeticModelServer())
    ended = await scene.ended(audit)

    document = json.loads(await scene.read(ended.result_digest))
    rows = [json.loads(line) for line in gzip.decompress(await scene.read(document["findings"]["digest"])).splitlines()]
    assert document["audit"] == audit
    assert document["findings"]["rows"] == len(rows) == 5
    assert document["passes"] == {"forward": 15, "backward": 5, "equivalents": 25, "spot": 0}
    assert document["parameters"]["device"] == "cpu"
    assert document["parameters"]["versions"] == {"torch": "2.13.0", "modicum-sis": "0.1.0"}
    assert document["parameters"]["chunk_size"] == 5
    assert document["parameters"]["donor_digests"] == [f"{place:064x}" for place in range(5)]
    assert document["parameters"]["model_digests"] == {version: "2" * 64}
    assert [row["subset"]["size"] for row in rows] == [1, 2, 3, 4, 5]
    async with scene.store.transaction() as transaction:
        held = await transaction.artifacts.held(PROJECT, [ended.result_digest, document["findings"]["digest"]])
    assert len(held) == 2
    assert ended.outcome == outcome_in(document)
    assert ended.outcome.model_version == version
    assert ended.outcome.headline


async def test_a_task_names_items_labels_donors_and_where_controls_do_not_run(scene: Scene):
    version = await scene.register()
    plans = (ControlPlan(Control.CLASS_TARGETED, images=2), ControlPlan(Control.FILL))
    audit = await scene.audit(version, images=8, controls=plans)
    model_server = ArithmeticModelServer()

    scene.work(model_server)
    await scene.ended(audit)

    work = model_server.tasks[0].work
    assert isinstance(work, SearchWork)
    assert [item.item for item in work.items] == [f"{place}.png" for place in range(8)]
    assert [LABELS[item.label] for item in work.items] == list("abcdefgh")
    assert len(work.donors) == 8
    assert [len(excluded) for excluded in work.control_exclusions] == [6, 0]


async def test_a_worker_that_lost_its_lease_writes_nothing(scene: Scene):
    version = await scene.register()
    audit = await scene.audit(version, images=3)
    first, second = ArithmeticModelServer(gate=asyncio.Event()), ArithmeticModelServer(gate=asyncio.Event())
    zombie = scene.work(first, lease_seconds=0.1, renew_seconds=60)
    await until(lambda: first.tasks)
    await until(scene.expired)
    scene.work(second)
    await until(lambda: second.tasks)

    first.gate.set()
    await until(lambda: first.closed and lost_leases(zombie))  # it may have lost an attempt before that one

    assert 'outcome="lost"' in metrics_text(zombie)
    assert await scene.findings(audit) == []
    assert (await scene.get(audit)).state is AuditState.RUNNING
    second.gate.set()
    assert (await scene.ended(audit)).state is AuditState.SUCCEEDED
    assert second.tasks[0].attempt > first.tasks[0].attempt


@pytest.mark.long
async def test_a_worker_that_learns_that_its_lease_is_lost_stops_its_task(scene: Scene):
    version = await scene.register()
    await scene.audit(version, images=3)
    first, second = ArithmeticModelServer(gate=asyncio.Event()), ArithmeticModelServer(gate=asyncio.Event())
    scene.work(first, lease_seconds=0.1, renew_seconds=1.0)
    await until(lambda: first.tasks)
    await until(scene.expired)
    scene.work(second)
    await until(lambda: second.tasks)

    await until(lambda: first.closed)

    assert first.searched.total() == 0
    second.gate.set()


@pytest.mark.long
async def test_a_connection_that_a_killed_worker_leaves_open_is_no_error(scene: Scene, database_url):
    scene.work(ArithmeticModelServer())
    await scene.kill()
    engine = open_engine(database_url)

    left_open = await engine.connect()
    del left_open
    gc.collect()

    await engine.dispose()


async def test_after_a_worker_is_killed_another_resumes_and_skips_what_is_stored(scene: Scene):
    version = await scene.register()
    audit = await scene.audit(version, images=12)
    first = ArithmeticModelServer(gate=asyncio.Event(), free_images=3)
    scene.work(first, lease_seconds=0.5)
    await until(lambda: stored(scene, audit, 3))
    await scene.kill()
    kept = {finding.position for finding in await scene.findings(audit)}

    second = ArithmeticModelServer()
    scene.work(second)
    ended = await scene.ended(audit)

    assert ended.state is AuditState.SUCCEEDED
    assert len(await scene.findings(audit)) == 12
    assert kept == {0, 1, 2}
    assert not kept & set(second.searched)


async def test_cancelling_in_mid_shard_ends_the_task_and_the_shard(scene: Scene):
    version = await scene.register()
    audit = await scene.audit(version, images=4)
    model_server = ArithmeticModelServer(gate=asyncio.Event())
    worker = scene.work(model_server)
    await until(lambda: model_server.tasks)

    async with scene.store.transaction() as transaction:
        await transaction.audits.cancel(audit)
    await until(lambda: model_server.closed)
    await until(lambda: 'outcome="cancelled"' in metrics_text(worker))

    assert model_server.cancelled_seen == 1
    assert await scene.findings(audit) == []
    assert (await scene.get(audit)).state is AuditState.CANCELLED
    async with scene.store.transaction() as transaction:
        assert await transaction.shards.remaining(audit, Stage.SEARCH) == 0


async def test_a_stopping_worker_hands_its_shard_back_with_what_it_found(scene: Scene):
    version = await scene.register()
    audit = await scene.audit(version, images=200)
    model_server = ArithmeticModelServer(image_seconds=0.05)
    scene.work(model_server, grace_seconds=3)
    await until(lambda: stored(scene, audit, 2))

    await scene.stop()

    shard = await scene.claim()
    assert shard is not None
    assert shard.attempt == 2
    assert shard.failed_tries == 0
    assert len(await scene.findings(audit)) == model_server.searched.total()
    assert not model_server.running


class FindingOnlyOnceUnwanted(ArithmeticModelServer):
    """Searches until the task is no longer wanted, reports the image that it searched, and leaves."""

    async def _search(self, work, cancelled):
        await cancelled.interrupted.wait()
        yield TaskFindings((finding_of(work.items[0]),), passes_done=PASSES.equivalents)
        self._leave_if(cancelled)


async def test_what_a_task_finds_while_its_worker_stops_is_stored(scene: Scene):
    version = await scene.register()
    audit = await scene.audit(version, images=2)
    shard = await scene.claim()
    model_server = FindingOnlyOnceUnwanted()
    await model_server.start()
    context = WorkerContext(scene.store, scene.artifact_store, model_server, scene.settings, WorkerMetrics())

    async with Lease(scene.store, shard, lease_seconds=60, renew_seconds=60) as lease:
        searching = asyncio.create_task(work_on(context, Claim(shard, 0, lease)))
        await until(lambda: model_server.tasks)
        lease.stop()
        with pytest.raises(ShardInterrupted):
            await searching

    assert [finding.position for finding in await scene.findings(audit)] == [0]
    assert model_server.cancelled_seen == model_server.closed == 1


@pytest.mark.long
async def test_a_stopping_worker_lets_a_shard_finish_that_is_nearly_done(scene: Scene):
    version = await scene.register()
    audit = await scene.audit(version, images=4)
    model_server = ArithmeticModelServer(image_seconds=0.1)
    scene.work(model_server, grace_seconds=600)
    await until(lambda: model_server.tasks)

    await scene.stop()

    assert len(await scene.findings(audit)) == 4
    shard = await scene.claim()
    assert shard is not None
    assert shard.stage is Stage.SUMMARISE


async def test_two_workers_share_an_audit_and_exactly_one_ends_each_stage(scene: Scene):
    version = await scene.register()
    audit = await scene.audit(version, images=12, shards=[[place] for place in range(12)])
    servers = [ArithmeticModelServer(slots=2, image_seconds=0.01), ArithmeticModelServer(slots=2, image_seconds=0.01)]

    workers = [scene.work(server) for server in servers]
    ended = await scene.ended(audit)

    assert ended.state is AuditState.SUCCEEDED
    assert (servers[0].searched + servers[1].searched) == dict.fromkeys(range(12), 1)
    summaries = sum(metrics_text(worker).count('audits_ended_total{outcome="succeeded"} 1.0') for worker in workers)
    assert summaries == 1


class IdleNoted:
    """Wake-ups that note when a worker begins to wait for one."""

    def __init__(self, wakeups: Wakeups) -> None:
        self._wakeups, self.begun = wakeups, asyncio.Event()

    async def wait(self, timeout_seconds: float) -> None:
        self.begun.set()
        await self._wakeups.wait(timeout_seconds)


async def test_a_worker_that_waits_is_woken_by_new_shards(scene: Scene, database_url: str):
    version = await scene.register()

    async with PostgresWakeups(database_url) as wakeups:
        idle = IdleNoted(wakeups)
        scene.work(ArithmeticModelServer(), wakeups=idle, pauses=replace(SHORT_PAUSES, idle=1000.0))
        await idle.begun.wait()
        audit = await scene.audit(version, images=2)
        ended = await scene.ended(audit)
        await scene.stop()

    assert ended.state is AuditState.SUCCEEDED


@pytest.mark.long
async def test_a_database_that_goes_away_for_a_while_costs_no_finding(
    scene: Scene, database_url: str, postgres_url: str
):
    version = await scene.register()
    audit = await scene.audit(version, images=40)
    model_server = ArithmeticModelServer(gate=asyncio.Event(), free_images=10)  # it can end only with its lease
    scene.work(model_server, lease_seconds=3.0, renew_seconds=0.5)
    await until(lambda: stored(scene, audit, 3))

    async with away(postgres_url, database_url):
        await until(lambda: model_server.closed, "the task whose lease cannot be renewed to be left")
    model_server.gate.set()
    ended = await scene.ended(audit)

    assert ended.state is AuditState.SUCCEEDED
    assert [finding.position for finding in await scene.findings(audit)] == list(range(40))
    assert model_server.searched.total() < 80


@contextlib.asynccontextmanager
async def away(postgres_url: str, database_url: str) -> AsyncIterator[None]:
    """Nobody can connect to the database, and who was connected no longer is."""
    name = make_url(database_url).database
    async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as connection:
        await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        try:
            yield
        finally:
            await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


async def stored(scene: Scene, audit: str, count: int) -> bool:
    return len(await scene.findings(audit)) >= count


def metrics_text(worker) -> str:
    return generate_latest(worker.metrics.registry).decode()
