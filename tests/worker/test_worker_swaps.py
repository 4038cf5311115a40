"""Swaps of a spot: each version scores the four pictures once; a cancelled or impossible swap ends."""

import pytest
from modicum_server.domain.audits import AuditFailure, NewShard, Stage
from modicum_server.domain.searches import Canvas
from modicum_server.domain.spot_swaps import VIEWS, SpotSwap, SwapPlan, SwapState
from modicum_server.domain.spots import SpotKind, SpotPlace
from modicum_server.domain.tasks import ScoreWork
from modicum_server.errors import DiskFull
from modicum_server.model_server import TaskFailed

from tests.waiting import until
from tests.worker.arithmetic_model_server import ArithmeticModelServer
from tests.worker.worker_scene import INPUT, PROJECT, Scene

SWAP = f"{PROJECT}/swaps/one"


async def queued(scene: Scene, *versions: str) -> None:
    """Store a swap, as the door does."""
    plan = SwapPlan(
        audit=f"{PROJECT}/audits/any",
        canvas=Canvas(3, 4, 4),
        framing=INPUT,
        model_versions=versions,
        target_classes=tuple(range(1, len(versions) + 1)),
        target_label="b",
        source="a.png",
        other="b.png",
        place=SpotPlace(SpotKind.WINDOW, 1, 1, 0, 0),
        pictures=tuple(f"{place:064x}" for place in range(len(VIEWS))),
    )
    shards = [NewShard(Stage.SWAP, version, positions=(0, 1, 2, 3), passes_planned=4) for version in versions]
    async with scene.store.transaction() as transaction:
        await transaction.spot_swaps.create(SpotSwap(SWAP, plan, "someone"))
        await transaction.shards.add(PROJECT, SWAP, shards)


async def stored(scene: Scene) -> SpotSwap:
    async with scene.store.transaction() as transaction:
        return await transaction.spot_swaps.get(SWAP)


async def left(scene: Scene) -> int:
    async with scene.store.transaction() as transaction:
        return await transaction.shards.remaining(SWAP, Stage.SWAP)


async def ended(scene: Scene) -> SpotSwap:
    async def over() -> bool:
        return not (await stored(scene)).is_open

    await until(over)
    return await stored(scene)


async def test_each_version_scores_the_four_pictures_once_for_its_own_class(scene: Scene):
    versions = [await scene.register(digest=digest * 64) for digest in "25"]
    await queued(scene, *versions)
    server = ArithmeticModelServer()
    scene.work(server)

    swap = await ended(scene)

    assert swap.state is SwapState.SUCCEEDED
    assert {name: [one.view for one in scores] for name, scores in swap.scores.items()} == {
        name: list(VIEWS) for name in versions
    }
    # the model adds to the class that is asked for whether a position is odd
    assert {name: [one.predicted_class for one in scores] for name, scores in swap.scores.items()} == {
        name: [own, own + 1, own, own + 1] for own, name in enumerate(versions, 1)
    }
    works = {task.model_version.name: task.work for task in server.tasks if isinstance(task.work, ScoreWork)}
    assert [{given.target_class for given in works[name].subsets} for name in versions] == [{1}, {2}]
    assert await left(scene) == 0


@pytest.mark.long
async def test_a_swap_that_was_cancelled_is_not_worked_on(scene: Scene):
    version = await scene.register()
    await queued(scene, version)
    async with scene.store.transaction() as transaction:
        await transaction.spot_swaps.cancel(SWAP)
    server = ArithmeticModelServer()
    scene.work(server)

    audit = await scene.ended(await scene.audit(version, images=1))

    assert audit.state.terminal
    assert (await stored(scene)).scores == {}
    assert not [task for task in server.tasks if isinstance(task.work, ScoreWork)]


async def test_a_swap_whose_model_fails_ends_with_the_reason(scene: Scene):
    version = await scene.register()
    await queued(scene, version)
    failure = TaskFailed("MODEL_INVALID", "the model gives no scores", model_at_fault=True)
    server = ArithmeticModelServer(deadly_scores={2: failure})
    scene.work(server)

    swap = await ended(scene)

    assert swap.state is SwapState.FAILED
    assert swap.failure == AuditFailure("MODEL_INVALID", "the model gives no scores")
    assert await left(scene) == 0


async def test_a_swap_whose_version_is_gone_ends_with_the_reason(scene: Scene):
    version = await scene.register()
    await queued(scene, version)
    async with scene.store.transaction() as transaction:
        await transaction.models.delete_version(version)
    scene.work(ArithmeticModelServer())

    swap = await ended(scene)

    assert swap.state is SwapState.FAILED
    assert swap.failure.reason == "MODEL_VERSION_NOT_FOUND"


class FullDisk(ArithmeticModelServer):
    """Has no room for the artifacts of a task."""

    async def run(self, slot, task, cancelled):
        if isinstance(task.work, ScoreWork):
            raise DiskFull("the disk is full")
        async for event in super().run(slot, task, cancelled):
            yield event


@pytest.mark.long
async def test_a_swap_that_waited_for_too_long_says_to_swap_again(scene: Scene):
    await queued(scene, await scene.register())
    scene.work(FullDisk(), away_seconds=0.05)

    swap = await ended(scene)

    assert swap.state is SwapState.FAILED
    assert swap.failure.detail.startswith("the disk is full. The work waited for ")
    assert swap.failure.detail.endswith("Fix the cause, then swap the spot again")


async def test_a_swap_comes_before_older_work_of_its_project(scene: Scene):
    version = await scene.register()
    await scene.audit(version, images=2)
    await queued(scene, version)

    first, second = await scene.claim(), await scene.claim()

    assert (first.stage, first.audit) == (Stage.SWAP, SWAP)
    assert second.stage is Stage.SEARCH


async def test_expiry_keeps_the_shards_of_an_open_swap_and_sweeps_those_of_an_ended_one(scene: Scene):
    await queued(scene, await scene.register())

    async with scene.store.transaction() as transaction:
        await transaction.shards.expire()
    kept = await left(scene)
    async with scene.store.transaction() as transaction:
        await transaction.spot_swaps.cancel(SWAP)
        await transaction.shards.expire()

    assert (kept, await left(scene)) == (1, 0)
