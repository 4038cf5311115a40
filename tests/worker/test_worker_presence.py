"""A worker says what it can build, and leaves to others what it cannot."""

import pytest
from modicum_server.domain.audits import AuditFailure
from modicum_server.domain.buildable import LEAVES_NOTHING, Family, LeftToOthers, builds, left_to_others
from modicum_server.domain.models import VersionState
from modicum_server.model_server import TaskFailed

from tests.waiting import until
from tests.worker.arithmetic_model_server import ArithmeticModelServer
from tests.worker.worker_scene import Scene

RESNETS = {"torchvision": Family(("resnet18", "resnet34"))}
WITHOUT = {"torchvision": Family(lacks="torchvision", extra="worker")}
LACKING = TaskFailed("ARCHITECTURE_UNAVAILABLE", "torchvision is not here", model_at_fault=False)


@pytest.mark.parametrize(
    ("families", "architecture", "expected"),
    [
        (None, "acme:any", True),
        (RESNETS, "torchvision:resnet18", True),
        (RESNETS, "torchvision:resnet50", False),
        (RESNETS, "timm:resnet18", False),
        (WITHOUT, "torchvision:resnet18", False),
        ({"acme": Family()}, "acme:whatever", True),
    ],
)
def test_what_a_worker_builds(families, architecture, expected):
    assert builds(families, architecture) is expected


@pytest.mark.parametrize(
    ("own", "other", "expected"),
    [
        (RESNETS, RESNETS, LEAVES_NOTHING),
        (None, RESNETS, LEAVES_NOTHING),
        (WITHOUT, None, LEAVES_NOTHING),
        (RESNETS, WITHOUT, LEAVES_NOTHING),
        (WITHOUT, RESNETS, LeftToOthers(families=frozenset({"torchvision"}))),
        ({}, RESNETS, LeftToOthers(families=frozenset({"torchvision"}))),
        (
            {"torchvision": Family(("resnet18",))},
            RESNETS,
            LeftToOthers(architectures=frozenset({"torchvision:resnet34"})),
        ),
        ({"acme": Family()}, {"acme": Family(("tiny",))}, LEAVES_NOTHING),
    ],
)
def test_a_worker_leaves_what_others_build_and_it_cannot(own, other, expected):
    assert left_to_others(own, [other]) == expected


async def _told(scene: Scene):
    async with scene.store.transaction() as transaction:
        return await transaction.workers.buildable()


async def test_a_worker_publishes_what_it_builds_and_takes_it_back_when_it_stops(scene: Scene):
    async def published() -> bool:
        return await _told(scene) == [RESNETS]

    scene.work(ArithmeticModelServer(families=RESNETS))
    await until(published)

    await scene.stop()

    assert await _told(scene) == []


async def test_of_two_workers_the_one_with_the_package_loads_the_version(scene: Scene):
    async def both_told() -> bool:
        return len(await _told(scene)) == 2

    lacking = ArithmeticModelServer(families=WITHOUT, grey=LACKING)
    worker = scene.work(lacking)
    scene.work(ArithmeticModelServer(families=RESNETS))
    await until(both_told)
    await until(lambda: bool(worker._presence.left))

    version = await scene.register(ready=False)

    async def checked() -> bool:
        return (await scene.version(version)).state is not VersionState.PENDING

    await until(checked)
    assert (await scene.version(version)).state is VersionState.READY
    assert lacking.tasks == []


@pytest.mark.long
async def test_where_no_worker_has_the_package_an_audit_fails_for_that_and_blames_no_image(scene: Scene):
    scene.work(ArithmeticModelServer(families=WITHOUT, deadly={0: LACKING}))
    audit = await scene.audit(await scene.register(), images=2)

    ended = await scene.ended(audit)

    assert ended.failure == AuditFailure("ARCHITECTURE_UNAVAILABLE", str(LACKING))
