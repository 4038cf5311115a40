"""Matched searches: cut when the others have ended, at the temperatures that make as many images eligible."""

from dataclasses import replace

import pytest
from modicum_server.domain.audits import AuditState
from modicum_server.domain.models import Ensemble
from modicum_server.measures.matched_temperatures import TEMPERATURES

from tests.waiting import until
from tests.worker.arithmetic_model_server import ArithmeticModelServer
from tests.worker.worker_scene import SEARCH, Scene

MATCHED = replace(SEARCH, matched=True)


async def audit_of_an_ensemble(scene: Scene, **changes):
    first, second = await scene.register(), await scene.register(digest="7" * 64)
    whole = await scene.register(source=Ensemble((first, second)), digest="8" * 64)
    versions = (first, second, whole)
    return versions, await scene.audit_of(versions, searches=(SEARCH, MATCHED), images=16, **changes)


async def test_members_are_searched_again_once_the_others_have_ended(scene: Scene):
    versions, name = await audit_of_an_ensemble(scene)
    server = ArithmeticModelServer()
    scene.work(server)

    audit = await scene.ended(name)

    assert audit.state is AuditState.SUCCEEDED
    assert audit.progress.images_done == audit.progress.images_total == 16 * (3 + 2)
    tasks = [(task.work.search.matched, task.model_version.name) for task in server.tasks]
    assert [matched for matched, _ in tasks] == sorted(matched for matched, _ in tasks)
    assert {version for matched, version in tasks if matched} == set(versions[:2])
    plain = [task.work for task in server.tasks if not task.work.search.matched]
    again = [task.work for task in server.tasks if task.work.search.matched]
    assert all(work.critical_temperatures and work.temperature == 1 for work in plain)
    assert all(not work.critical_temperatures and not work.controls for work in again)


@pytest.mark.long
async def test_the_temperatures_are_those_of_the_parameters_and_match_the_ensemble(scene: Scene):
    versions, name = await audit_of_an_ensemble(scene)
    server = ArithmeticModelServer()
    scene.work(server)
    await scene.ended(name)

    async with scene.store.transaction() as transaction:
        chosen = (await transaction.audits.parameters(name))[TEMPERATURES]
        critical = await transaction.findings.critical_temperatures(name, versions[0], 0)

    assert len(critical) == 16
    assert set(chosen) == {"1"}
    used = {task.model_version.name: task.work.temperature for task in server.tasks if task.work.search.matched}
    assert chosen["1"] == pytest.approx(used)
    eligible = sum(one >= 1 for one in critical)
    assert eligible == 11
    assert all(sum(one >= temperature for one in critical) == eligible for temperature in used.values())


@pytest.mark.long
async def test_a_worker_that_dies_between_the_two_leaves_them_once(scene: Scene):
    _, name = await audit_of_an_ensemble(scene)
    server = ArithmeticModelServer(image_seconds=0.02)
    scene.work(server, lease_seconds=1.0, renew_seconds=0.2)
    await until(lambda: any(task.work.search.matched for task in server.tasks))
    await scene.kill()
    scene.work(ArithmeticModelServer())

    audit = await scene.ended(name)

    assert audit.progress.images_done == 16 * (3 + 2)
    assert len(await scene.findings(name)) == 16 * (3 + 2)
