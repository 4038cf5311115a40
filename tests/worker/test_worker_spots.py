"""The spot test: once the searches have ended, each version's rows are tested, each once, whatever fails."""

import asyncio
import json
from collections.abc import Sequence

import pytest
from modicum_server.domain.audits import AuditState
from modicum_server.domain.findings import FindingReason
from modicum_server.domain.searches import Control, ControlPlan
from modicum_server.domain.spots import SpotRow
from modicum_server.domain.tasks import SpotWork
from modicum_server.model_server import ModelDied, TaskFailed

from tests.waiting import until
from tests.worker.arithmetic_model_server import (
    RETEST_PASSES,
    SPOT_PASSES,
    ArithmeticModelServer,
    retested_row_of,
    spot_row_of,
)
from tests.worker.worker_scene import LABELS, SEARCH, Scene, lost_leases

IMAGES = 80
ROWS = 11
"""Ten classes of eight images, and all of them together."""
SPOT = (ControlPlan(Control.SPOT),)


async def audited(scene: Scene, *, images: int = IMAGES) -> tuple[str, str]:
    version = await scene.register()
    return version, await scene.audit(version, images=images, controls=SPOT)


async def rows_of(scene: Scene, audit: str, version: str) -> list[SpotRow]:
    async with scene.store.transaction() as transaction:
        return await transaction.spots.of(audit, version)


def asked(server: ArithmeticModelServer) -> list[tuple[int, ...]]:
    """The rows of each spot task, in the order of the tasks."""
    return [task.work.rows for task in server.tasks if isinstance(task.work, SpotWork)]


async def test_every_class_with_images_enough_and_all_of_them_together_are_tested_once(scene: Scene):
    version, name = await audited(scene)
    server = ArithmeticModelServer()
    scene.work(server)

    audit = await scene.ended(name)

    assert audit.state is AuditState.SUCCEEDED
    (task,) = [task for task in server.tasks if isinstance(task.work, SpotWork)]
    rows = await rows_of(scene, name, version)
    assert rows == [spot_row_of(number, task.work) for number in range(ROWS)]
    assert server.tested == dict.fromkeys(range(ROWS), 1)


@pytest.mark.long
async def test_the_task_has_the_class_and_the_subset_of_every_image(scene: Scene):
    _, name = await audited(scene)
    server = ArithmeticModelServer()
    scene.work(server)
    await scene.ended(name)

    (work,) = [task.work for task in server.tasks if isinstance(task.work, SpotWork)]
    assert [item.position for item in work.items] == list(range(IMAGES))
    assert work.predicted == tuple(place % 10 for place in range(IMAGES))
    assert {place: subset.size for place, subset in work.subsets.items()} == {
        place: place % 16 + 1 for place in range(IMAGES)
    }


async def test_the_result_names_the_class_that_follows(scene: Scene):
    _, name = await audited(scene)
    scene.work(ArithmeticModelServer())
    audit = await scene.ended(name)

    (test,) = json.loads(await scene.read(audit.result_digest))["spots"]

    outcomes = {row["label"]: row["outcome"] for row in test["rows"]}
    assert outcomes["d"] == "DECISIVE"
    assert "DECISIVE" not in {outcome for label, outcome in outcomes.items() if label != "d"}


@pytest.mark.long
async def test_too_few_images_are_not_tested(scene: Scene):
    version, name = await audited(scene, images=29)
    server = ArithmeticModelServer()
    scene.work(server)

    audit = await scene.ended(name)

    assert audit.state is AuditState.SUCCEEDED
    assert asked(server) == []
    assert await rows_of(scene, name, version) == []


@pytest.mark.long
async def test_a_shard_that_fails_is_tried_again_without_the_rows_that_are_stored(scene: Scene):
    version, name = await audited(scene)
    server = ArithmeticModelServer(deadly_rows={4: [ModelDied()]})
    scene.work(server)

    audit = await scene.ended(name)

    assert audit.state is AuditState.SUCCEEDED
    assert asked(server) == [tuple(range(ROWS)), tuple(range(4, ROWS))]
    assert [row.reason for row in await rows_of(scene, name, version)] == [None] * ROWS
    assert set(server.tested.values()) == {1}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ModelDied(), FindingReason.MODEL_DIED),
        (TaskFailed("HANDLER_BUG", "oh", model_at_fault=False), FindingReason.INTERNAL),
    ],
)
@pytest.mark.long
async def test_a_row_on_which_the_model_always_fails_is_alone_in_it(scene: Scene, error, reason):
    version, name = await audited(scene)
    scene.work(ArithmeticModelServer(deadly_rows={4: [error] * 9}))

    audit = await scene.ended(name)

    assert audit.state is AuditState.SUCCEEDED
    reasons = {row.number: row.reason for row in await rows_of(scene, name, version)}
    assert reasons == {number: reason if number == 4 else None for number in range(ROWS)}
    document = json.loads(await scene.read(audit.result_digest))
    assert "for d (the model's process failed)" in " ".join(document["models"][0]["summary"])


async def test_a_task_that_forgets_a_row_is_not_done(scene: Scene):
    version, name = await audited(scene)
    scene.work(ArithmeticModelServer(forgotten_rows=frozenset({5})))

    await scene.ended(name)

    reasons = {row.number: row.reason for row in await rows_of(scene, name, version)}
    assert reasons == {number: FindingReason.INTERNAL if number == 5 else None for number in range(ROWS)}


@pytest.mark.long
async def test_a_worker_killed_between_rows_loses_nothing_and_doubles_nothing(scene: Scene):
    version, name = await audited(scene)
    first, following = ArithmeticModelServer(row_gates={6: asyncio.Event()}), ArithmeticModelServer()
    scene.work(first, lease_seconds=1.0, renew_seconds=0.2)
    await until(lambda: stored(scene, name, version))
    await scene.kill()
    kept = await rows_of(scene, name, version)

    scene.work(following)
    audit = await scene.ended(name)

    assert audit.state is AuditState.SUCCEEDED
    rows = await rows_of(scene, name, version)
    assert [row.number for row in rows] == list(range(ROWS))
    assert [row for row in rows if row.number in {one.number for one in kept}] == kept
    assert following.tested == {number: 1 for number in range(ROWS) if number not in {row.number for row in kept}}


async def stored(scene: Scene, name: str, version: str) -> bool:
    return bool(await rows_of(scene, name, version))


@pytest.mark.long
async def test_a_worker_that_lost_its_lease_writes_no_row(scene: Scene):
    version, name = await audited(scene)
    zombie, following = (ArithmeticModelServer(row_gates={0: asyncio.Event()}) for _ in range(2))
    late = scene.work(zombie, lease_seconds=0.5, renew_seconds=60)
    await until(lambda: asked(zombie))
    await until(scene.expired)
    scene.work(following)
    await until(lambda: asked(following))

    zombie.row_gates[0].set()
    await until(lambda: lost_leases(late))

    assert not await stored(scene, name, version)
    following.row_gates[0].set()
    assert (await scene.ended(name)).state is AuditState.SUCCEEDED


@pytest.mark.long
async def test_a_cancelled_audit_ends_in_its_spot_test(scene: Scene):
    _, name = await audited(scene)
    server = ArithmeticModelServer(row_gates={3: asyncio.Event()})
    scene.work(server)
    await until(lambda: asked(server))

    async with scene.store.transaction() as transaction:
        await transaction.audits.cancel(name)
    await until(lambda: server.cancelled_seen)

    assert (await scene.get(name)).state is AuditState.CANCELLED


async def audited_pair(scene: Scene, *, labels: Sequence[tuple[str, ...]] = (LABELS, LABELS)) -> tuple[list[str], str]:
    versions = [
        await scene.register(digest=digest * 64, class_labels=names) for digest, names in zip("25", labels, strict=True)
    ]
    return versions, await scene.audit_of(versions, searches=(SEARCH,), images=IMAGES, controls=SPOT)


async def retests_of(scene: Scene, audit: str, versions: list[str]) -> list[SpotRow]:
    async with scene.store.transaction() as transaction:
        return await transaction.spots.of(audit, versions[1], chosen_by=versions[0])


async def test_the_places_of_the_first_version_are_tested_on_the_second_with_the_same_pairs(scene: Scene):
    versions, name = await audited_pair(scene)
    server = ArithmeticModelServer()
    scene.work(server)

    audit = await scene.ended(name)

    assert audit.state is AuditState.SUCCEEDED
    chosen = await rows_of(scene, name, versions[0])
    assert [len(chosen), len(await rows_of(scene, name, versions[1]))] == [ROWS, ROWS]
    assert await retests_of(scene, name, versions) == [retested_row_of(row) for row in chosen]
    works = [task.work for task in server.tasks if isinstance(task.work, SpotWork)]
    assert [bool(work.chosen) for work in works] == [False, False, True]
    document = json.loads(await scene.read(audit.result_digest))
    (pair,) = document["comparisons"]
    difference = pair["measures"]["spot_pasted_version_difference"]
    assert difference["groups"]["d"]["value"] == 1.0, "the first follows its spot, the second does not"
    assert difference["groups"]["a"]["value"] == 0.0
    assert document["passes"]["forward"] == 2 * IMAGES * 3 + 2 * ROWS * SPOT_PASSES + ROWS * RETEST_PASSES


@pytest.mark.long
async def test_a_retest_on_which_the_model_fails_keeps_the_reason_and_the_audit_ends(scene: Scene):
    versions, name = await audited_pair(scene)
    server = ArithmeticModelServer(deadly_retests=True)
    scene.work(server)

    audit = await scene.ended(name)

    assert audit.state is AuditState.SUCCEEDED
    assert {row.reason for row in await retests_of(scene, name, versions)} == {FindingReason.MODEL_DIED}
    (pair,) = json.loads(await scene.read(audit.result_digest))["comparisons"]
    assert pair["measures"]["spot_pasted_version_difference"]["value"] is None


@pytest.mark.long
async def test_versions_of_other_classes_are_tested_apart(scene: Scene):
    versions, name = await audited_pair(scene, labels=(LABELS, LABELS[::-1]))
    scene.work(ArithmeticModelServer())

    await scene.ended(name)

    assert [len(await rows_of(scene, name, version)) for version in versions] == [ROWS, ROWS]
    assert await retests_of(scene, name, versions) == []
