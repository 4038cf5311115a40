"""The out-of-distribution data set: once the searches have ended, the versions of a check predict its images once."""

import asyncio
import json

import pytest
from modicum_server.domain.audits import OUT_OF_DISTRIBUTION, AuditState, Stage
from modicum_server.domain.datasets import DatasetItem
from modicum_server.domain.findings import FindingReason
from modicum_server.domain.models import Ensemble
from modicum_server.domain.tasks import ScoreWork
from modicum_server.model_server import ModelDied, TaskFailed

from tests.waiting import until
from tests.worker.arithmetic_model_server import ArithmeticModelServer
from tests.worker.worker_scene import LABELS, PROJECT, SEARCH, Scene, lost_leases

SECOND = f"{PROJECT}/datasets/others"
IMAGES, OTHERS = 4, 12


async def audit_of_an_ensemble(scene: Scene, *, labels=LABELS, pictures=OTHERS):
    """Two members, their ensemble and a version that is no part of it, audited with a second data set of 12 images.

    The model predicts class 0 on even images and class 1 on odd ones. Images beyond `pictures` are copies of the first.
    """
    members = [await scene.register(digest=digest * 64) for digest in "25"]
    ensemble = await scene.register(digest="6" * 64, source=Ensemble(tuple(members)))
    alone = await scene.register(digest="7" * 64)
    items = [
        DatasetItem(f"other-{place}.png", f"{place % pictures + 50:064x}", labels[place % 2]) for place in range(OTHERS)
    ]
    async with scene.store.transaction() as transaction:
        await transaction.datasets.create(SECOND, "8" * 64, items)
    together = (*members, ensemble)
    name = await scene.audit_of((*together, alone), searches=(SEARCH,), images=IMAGES, second=SECOND)
    return together, alone, name


def predicted(server: ArithmeticModelServer) -> list[ScoreWork]:
    return [task.work for task in server.tasks if isinstance(task.work, ScoreWork)]


async def predictions(scene: Scene, audit: str, versions) -> dict[str, dict[int, int | None]]:
    async with scene.store.transaction() as transaction:
        found = {version: await transaction.predictions.of(audit, version, OUT_OF_DISTRIBUTION) for version in versions}
    return {version: {place: one.predicted_class for place, one in by.items()} for version, by in found.items()}


async def check_of(scene: Scene, audit: str) -> dict:
    (check,) = json.loads(await scene.read((await scene.get(audit)).result_digest))["mitigation"]
    return check


@pytest.mark.long
async def test_ensemble_and_members_predict_each_image_once_and_whole(scene: Scene):
    together, alone, name = await audit_of_an_ensemble(scene)
    server = ArithmeticModelServer()
    scene.work(server)

    audit = await scene.ended(name)

    assert audit.state is AuditState.SUCCEEDED
    assert audit.progress.images_done == audit.progress.images_total == 4 * IMAGES
    found = await predictions(scene, name, (*together, alone))
    assert found == {**{each: {place: place % 2 for place in range(OTHERS)} for each in together}, alone: {}}
    assert set(server.scored.values()) == {1}
    assert all(one.items[0].item == "other-0.png" for one in predicted(server))
    assert {given.subset.mask for one in predicted(server) for given in one.subsets} == {b"\xff\xff"}
    # 16 searches of 5 pass-equivalents, and a pass for each image and version of the check
    assert audit.progress.passes_done == 4 * IMAGES * 5 + 3 * OTHERS


async def test_the_result_has_the_accuracy_on_it(scene: Scene):
    together, _, name = await audit_of_an_ensemble(scene)
    scene.work(ArithmeticModelServer())
    await scene.ended(name)

    check = await check_of(scene, name)

    assert check["stamp"] == ""
    difference = check["measures"]["ood_accuracy_difference"]
    assert {name: difference[name] for name in ("n", "unit", "value")} == {
        "n": OTHERS,
        "unit": "difference",
        "value": 0.0,
    }
    assert difference["parameters"]["differing"] == 0
    assert {check["versions"][each]["measures"]["ood_accuracy"]["value"] for each in together} == {1.0}
    assert check["out_of_distribution"] == {
        "dataset": SECOND,
        "failed": 0,
        "item_count": OTHERS,
        "labelled": OTHERS,
        "manifest_digest": "8" * 64,
        "used": OTHERS,
    }


@pytest.mark.long
async def test_copies_on_it_count_once(scene: Scene):
    _, _, name = await audit_of_an_ensemble(scene, pictures=10)
    scene.work(ArithmeticModelServer())
    await scene.ended(name)

    check = await check_of(scene, name)

    outside = check["out_of_distribution"]
    assert (outside["item_count"], outside["labelled"], outside["used"]) == (OTHERS, 10, 10)
    assert check["measures"]["ood_accuracy_difference"]["n"] == 10


@pytest.mark.long
async def test_an_audit_names_its_stage_while_it_lasts_and_a_cancelled_audit_ends_in_it(scene: Scene):
    _, _, name = await audit_of_an_ensemble(scene)
    server = ArithmeticModelServer(score_gate=asyncio.Event())
    scene.work(server)
    await until(lambda: predicted(server))
    running = await scene.get(name)

    async with scene.store.transaction() as transaction:
        await transaction.audits.cancel(name)
    await until(lambda: server.cancelled_seen)

    assert (running.state, running.stage) == (AuditState.RUNNING, Stage.SCORE)
    assert (await scene.get(name)).state is AuditState.CANCELLED


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ModelDied(), FindingReason.MODEL_DIED),
        (TaskFailed("HANDLER_BUG", "oh", model_at_fault=False), FindingReason.INTERNAL),
    ],
)
@pytest.mark.long
async def test_an_image_on_which_the_model_fails_is_left_out_and_counted(scene: Scene, error, reason):
    together, _, name = await audit_of_an_ensemble(scene)
    scene.work(ArithmeticModelServer(deadly_scores={3: error}))

    audit = await scene.ended(name)

    assert audit.state is AuditState.SUCCEEDED
    assert {found[3] for found in (await predictions(scene, name, together)).values()} == {None}
    outside = (await check_of(scene, name))["out_of_distribution"]
    assert (outside["labelled"], outside["used"], outside["failed"]) == (OTHERS, OTHERS - 1, 1)


@pytest.mark.long
async def test_an_image_that_cannot_be_read_is_left_out_and_counted(scene: Scene):
    _, _, name = await audit_of_an_ensemble(scene)
    scene.work(ArithmeticModelServer(unscored={1: FindingReason.IMAGE_UNREADABLE}))
    await scene.ended(name)

    assert (await check_of(scene, name))["out_of_distribution"]["failed"] == 1


@pytest.mark.long
async def test_a_task_that_forgets_an_image_is_not_done(scene: Scene):
    together, _, name = await audit_of_an_ensemble(scene)
    scene.work(ArithmeticModelServer(forgotten_scores=frozenset({5})))

    audit = await scene.ended(name)

    assert audit.state is AuditState.SUCCEEDED
    assert {found[5] for found in (await predictions(scene, name, together)).values()} == {None}


@pytest.mark.long
async def test_a_worker_that_is_killed_leaves_each_prediction_once(scene: Scene):
    together, _, name = await audit_of_an_ensemble(scene)
    first = ArithmeticModelServer(score_gate=asyncio.Event(), free_scores=3)
    scene.work(first, lease_seconds=1.0, renew_seconds=0.2)
    await until(lambda: any_stored(scene, name, together))
    await scene.kill()
    kept = {
        (version, place) for version, found in (await predictions(scene, name, together)).items() for place in found
    }
    following = ArithmeticModelServer()
    scene.work(following)

    audit = await scene.ended(name)

    assert audit.state is AuditState.SUCCEEDED
    assert {len(found) for found in (await predictions(scene, name, together)).values()} == {OTHERS}
    again = {(version, place) for version, _, place in following.scored}
    assert not again & kept, "what is stored is not predicted again"


async def any_stored(scene: Scene, name: str, versions) -> bool:
    return any((await predictions(scene, name, versions)).values())


@pytest.mark.long
async def test_a_worker_that_lost_its_lease_writes_no_prediction(scene: Scene):
    together, _, name = await audit_of_an_ensemble(scene)
    zombie, next_one = (ArithmeticModelServer(score_gate=asyncio.Event()) for _ in range(2))
    late = scene.work(zombie, lease_seconds=0.1, renew_seconds=60)
    await until(lambda: predicted(zombie))
    await until(scene.expired)
    scene.work(next_one)
    await until(lambda: predicted(next_one))

    zombie.score_gate.set()
    await until(lambda: lost_leases(late))

    # with that shard gone, the first worker goes on with those of other versions, which are its own
    held = next_one.tasks[-1].model_version.name
    assert held in together
    assert not await any_stored(scene, name, [held])
    next_one.score_gate.set()
    assert (await scene.ended(name)).state is AuditState.SUCCEEDED


async def test_an_audit_holds_its_second_data_set(scene: Scene):
    _, _, name = await audit_of_an_ensemble(scene)

    async with scene.store.transaction() as transaction:
        assert await transaction.datasets.audits_of(SECOND) == [name]
