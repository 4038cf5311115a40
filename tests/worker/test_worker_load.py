"""Many queued audits of one image each, three projects of unequal queues, a hundred watches: nothing is lost, turns are
taken, every watch sees the end. Real store, queue and worker; `make bench PART=load` is the large version.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from modicum_server.domain.audits import Audit, AuditSpecification, AuditState
from modicum_server.domain.datasets import DatasetItem
from modicum_server.domain.models import ModelVersion, VersionState
from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.searches import Canvas
from modicum_server.ports import AuditFilter
from modicum_server.store.changes import PostgresChanges
from modicum_server.store.wakeups import PostgresWakeups
from modicum_server.usecases.audit_creation import AuditCreation, AuditOptions
from modicum_server.usecases.specifications import AuditDraft
from modicum_server.usecases.watching import Watching

from tests.waiting import until
from tests.worker.arithmetic_model_server import CHECK, ArithmeticModelServer
from tests.worker.worker_scene import INPUT, LABELS, SEARCH, WEIGHTS, Scene

AUDITS = {"projects/large": 60, "projects/middle": 25, "projects/small": 10}
LARGE = "projects/large"
WATCHES = 100
PATIENCE_SECONDS = 300.0
SOMEONE = Principal("someone", dict.fromkeys(AUDITS, Role.ADMIN))


@pytest.fixture
async def changes(database_url: str) -> AsyncIterator[PostgresChanges]:
    changes = PostgresChanges(database_url)
    yield changes
    await changes.close()


async def drafted(scene: Scene, project: str) -> AuditSpecification:
    """Create a project with a version and a data set of one image; return the specification of an audit of them."""
    model, dataset = f"{project}/models/arithmetic", f"{project}/datasets/one"
    new = ModelVersion("", WEIGHTS, INPUT, LABELS, "2" * 64, VersionState.PENDING, datetime.now(UTC))
    search = replace(SEARCH, passes=10)
    async with scene.store.transaction() as transaction:
        await transaction.projects.create(project, admin=SOMEONE.name)
        await transaction.models.create(model)
        version = await transaction.models.create_version(model, new)
        await transaction.models.accept(version.name, CHECK)
        await transaction.datasets.create(dataset, "3" * 64, [DatasetItem("0.png", "0" * 64, LABELS[0])])
    return AuditSpecification((version.name,), dataset, Canvas(3, 4, 4), (search,), (), seed=0, sample=0, device="auto")


async def created(scene: Scene, project: str, count: int) -> list[str]:
    """The names of so many acknowledged audits; no two have the same result."""
    specification = await drafted(scene, project)
    creation = AuditCreation(scene.store, scene.settings)
    drafts = [AuditDraft(replace(specification, seed=seed), no_controls=True) for seed in range(count)]
    return [(await creation.create(SOMEONE, project, draft, AuditOptions())).name for draft in drafts]


async def stored(scene: Scene, project: str) -> list[Audit]:
    async with scene.store.transaction() as transaction:
        rows = await transaction.audits.page(project, AuditFilter(), after="", limit=1000)
    return [audit for _, audit in rows]


async def all_succeeded(scene: Scene) -> bool:
    states = {audit.state for project in AUDITS for audit in await stored(scene, project)}
    return states == {AuditState.SUCCEEDED}


@pytest.mark.long
async def test_of_many_queued_audits_none_is_lost_turns_are_taken_and_every_watch_sees_the_end(
    scene: Scene, changes: PostgresChanges, database_url: str
):
    names = {project: await created(scene, project, count) for project, count in AUDITS.items()}
    every = [name for each in names.values() for name in each]
    watching = Watching(scene.store, changes, scene.settings)
    model_server = ArithmeticModelServer()

    async def watched(name: str) -> list[Audit]:
        return [snapshot.audit async for snapshot in watching.watch(SOMEONE, name, 0)]

    async with PostgresWakeups(database_url) as wakeups, asyncio.timeout(PATIENCE_SECONDS):
        watches = [asyncio.create_task(watched(every[place * len(every) // WATCHES])) for place in range(WATCHES)]
        scene.work(model_server, wakeups=wakeups)
        seen = await asyncio.gather(*watches)
        await until(lambda: all_succeeded(scene), "the audits that nobody watches")

    audits = {project: await stored(scene, project) for project in AUDITS}
    assert {project: sorted(audit.name for audit in each) for project, each in audits.items()} == {
        project: sorted(each) for project, each in names.items()
    }
    assert model_server.searched.total() == len(every)
    assert Counter([len(await scene.findings(name)) for name in every]) == {1: len(every)}
    assert all(snapshots[-1].state is AuditState.SUCCEEDED for snapshots in seen)
    assert all(
        [snapshot.sequence for snapshot in snapshots] == sorted(snapshot.sequence for snapshot in snapshots)
        for snapshots in seen
    )
    assert watching.count == 0
    assert_turns_were_taken(audits)


def assert_turns_were_taken(audits: dict[str, list[Audit]]) -> None:
    """When a third of the largest project's audits had ended, the others had ended as many, or all of theirs."""
    ends = {project: sorted(audit.end_time for audit in each if audit.end_time) for project, each in audits.items()}
    third = len(ends[LARGE]) // 3
    ended = {project: sum(end <= ends[LARGE][third - 1] for end in each) for project, each in ends.items()}
    for project, each in ends.items():
        assert ended[project] >= 0.9 * min(third, len(each)), ended
