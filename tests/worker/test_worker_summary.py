"""Summarising: bytes are locked while they are put, and twice the same."""

import json
from pathlib import Path

import pytest
from modicum_server.domain.models import Ensemble, InputDropout
from modicum_server.metrics.worker import WorkerMetrics
from modicum_server.worker.context import Claim, WorkerContext
from modicum_server.worker.endings import Outcome
from modicum_server.worker.lease import Lease
from modicum_server.worker.shard_kinds import work_on
from sqlalchemy import text

from tests.worker.arithmetic_model_server import ArithmeticModelServer
from tests.worker.worker_scene import SEARCH, Scene

DIGEST_LOCKED = (
    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted"
    " AND ((classid::bigint << 32) | objid::bigint) = hashtextextended(:name, 0))"
)


@pytest.mark.long
async def test_bytes_of_a_result_are_locked_against_deletion_while_they_are_put(scene: Scene):
    version = await scene.register()
    audit = await scene.audit(version, images=3)
    locked: list[bool] = []

    class Watched(type(scene.artifact_store)):  # type: ignore[misc]
        async def put(self, data: bytes) -> str:
            return await self._noted(await super().put(data))

        async def put_file(self, path: Path) -> str:
            return await self._noted(await super().put_file(path))

        async def _noted(self, digest: str) -> str:
            async with scene.store._engine.connect() as connection:
                locked.append(await connection.scalar(text(DIGEST_LOCKED), {"name": f"modicum/artifact/{digest}"}))
            return digest

    scene.artifact_store.__class__ = Watched
    scene.work(ArithmeticModelServer())
    await scene.ended(audit)

    assert locked == [True, True]


async def search_alone(scene: Scene) -> None:
    """Work on the one SEARCH shard that there is, with no worker that would go on to summarise."""
    shard = await scene.claim()
    assert shard is not None
    model_server = ArithmeticModelServer()
    await model_server.start()
    context = WorkerContext(scene.store, scene.artifact_store, model_server, scene.settings, WorkerMetrics())
    async with Lease(scene.store, shard, lease_seconds=60, renew_seconds=60) as lease:
        await work_on(context, Claim(shard, 0, lease))


@pytest.mark.long
async def test_summarising_twice_gives_equal_bytes(scene: Scene):
    version = await scene.register()
    audit = await scene.audit(version, images=3)
    await search_alone(scene)
    shard = await scene.claim()
    assert shard is not None
    put: list[str] = []

    class Recording(type(scene.artifact_store)):  # type: ignore[misc]
        async def put(self, data: bytes) -> str:
            put.append(await super().put(data))
            return put[-1]

        async def put_file(self, path: Path) -> str:
            put.append(await super().put_file(path))
            return put[-1]

    scene.artifact_store.__class__ = Recording
    context = WorkerContext(scene.store, scene.artifact_store, ArithmeticModelServer(), scene.settings, WorkerMetrics())
    async with Lease(scene.store, shard, lease_seconds=60, renew_seconds=60) as lease:
        async with scene.store.transaction() as transaction:
            await transaction.shards.hand_back(shard, failed_tries=0, delay_seconds=0)
        lost = await work_on(context, Claim(shard, 0, lease))
    again = await scene.claim()
    assert again is not None
    async with Lease(scene.store, again, lease_seconds=60, renew_seconds=60) as lease:
        done = await work_on(context, Claim(again, 0, lease))

    assert (lost, done) == (Outcome.LOST, Outcome.DONE)
    assert sorted(put[:2]) == sorted(put[2:])  # both are put at once: which comes first is chance
    assert (await scene.get(audit)).result_digest in put


async def test_the_result_knows_the_parts_of_a_version_that_were_not_audited(scene: Scene):
    plain = await scene.register(digest="5" * 64)
    dropped = await scene.register(digest="6" * 64, source=InputDropout(plain, 0.8, 4, 7))
    whole = await scene.register(digest="7" * 64, source=Ensemble((plain, dropped)))
    name = await scene.audit_of((whole,), searches=(SEARCH,), images=2)
    scene.work(ArithmeticModelServer())

    audit = await scene.ended(name)

    (model,) = json.loads(await scene.read(audit.result_digest))["models"]
    assert (model["model_version"], model["stamp"]) == (whole, "inference only")
