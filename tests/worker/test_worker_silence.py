"""A worker whose connections to the database go silent without being closed, while new ones work: it goes on."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from modicum_server.domain.audits import AuditState
from modicum_server.store.postgres import PostgresStore

from tests.waiting import until
from tests.wire import Wire, distant_store, wired
from tests.worker.arithmetic_model_server import ArithmeticModelServer
from tests.worker.worker_scene import Scene


@pytest.fixture
async def wire(database_url) -> AsyncIterator[Wire]:
    async with wired(database_url) as carrying:
        yield carrying


@pytest.fixture
async def distant(wire) -> AsyncIterator[PostgresStore]:
    async with distant_store(wire, longest_wait_seconds=3.0) as store:
        yield store


@pytest.mark.long
async def test_an_idle_worker_claims_again(distant, wire, scene: Scene):
    version = await scene.register()
    scene.work(ArithmeticModelServer(), store=distant)
    await scene.ended(await scene.audit(version, images=2))

    wire.forget()

    audit = await scene.audit(version, images=2, name="another")
    assert (await scene.ended(audit)).state is AuditState.SUCCEEDED


@pytest.mark.long
async def test_what_a_worker_found_is_stored_over_another_connection(distant, wire, scene: Scene):
    version = await scene.register()
    audit = await scene.audit(version, images=2)
    model_server = ArithmeticModelServer(gate=asyncio.Event())
    scene.work(model_server, store=distant)
    await until(lambda: model_server.tasks)

    wire.forget()
    model_server.gate.set()

    assert (await scene.ended(audit)).state is AuditState.SUCCEEDED
    assert len(await scene.findings(audit)) == 2
