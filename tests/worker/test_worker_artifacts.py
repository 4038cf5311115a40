"""What happens to work whose bytes are damaged, gone, or away for a while.

Bytes that are not what their digest says never become a result. A store that is away is waited for.
"""

import hashlib
from pathlib import Path

import pytest
from modicum_server.domain.audits import AuditState
from modicum_server.domain.datasets import DatasetItem
from modicum_server.domain.models import ModelVersion, VersionState, Weights
from modicum_server.torchserve.slots import Slot
from modicum_server.worker.failures import TRIES

from tests.waiting import until
from tests.worker.arithmetic_model_server import ArithmeticModelServer
from tests.worker.worker_scene import DATASET, LABELS, Scene

WEIGHTS = bytes(range(256)) * 400
DIGEST = hashlib.sha256(WEIGHTS).hexdigest()
PICTURES = [f"picture {place}".encode() for place in range(3)]


class StagingModelServer(ArithmeticModelServer):
    """Stages the artifacts of a task as the real one does, then computes."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        super().__init__()
        self._artifacts, self._slot = scene.artifact_store, Slot("slot", folder, 1)

    async def run(self, slot, task, cancelled):
        async with self._slot.staged(task, self._artifacts):
            async for event in super().run(slot, task, cancelled):
                yield event


def put_elsewhere(scene: Scene, digest: str, data: bytes) -> None:
    """Put bytes at the place of a digest that is not theirs."""
    place = scene.artifact_store._path(digest)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.write_bytes(data)


async def audit_of(scene: Scene) -> str:
    """An audit of stored weights on stored pictures."""
    await scene.artifact_store.put(WEIGHTS)
    digests = [await scene.artifact_store.put(picture) for picture in PICTURES]
    items = [DatasetItem(f"{place}.png", digest, LABELS[place]) for place, digest in enumerate(digests)]
    async with scene.store.transaction() as transaction:
        await transaction.datasets.create(DATASET, "3" * 64, items)
    return await scene.audit(await scene.register(source=Weights(DIGEST, "torchvision:resnet18")), images=3)


async def waits_for(scene: Scene, audit: str) -> str:
    async with scene.store.transaction() as transaction:
        return await transaction.overviews.waits_for(audit)


def handed_back(worker) -> float:
    labels = {"stage": "search", "outcome": "handed_back"}
    return worker.metrics.registry.get_sample_value("modicum_worker_shard_duration_seconds_count", labels) or 0


def counted(worker) -> float:
    return worker.metrics.registry.get_sample_value("modicum_artifact_corrupt_total")


async def rejected(scene: Scene, name: str) -> ModelVersion:
    """The version, once it is REJECTED."""

    async def look() -> ModelVersion | None:
        version = await scene.version(name)
        return version if version.state is VersionState.REJECTED else None

    return await until(look)


async def test_damaged_weights_fail_the_audit_with_a_reason_that_names_them(scene: Scene, tmp_path):
    audit = await audit_of(scene)
    put_elsewhere(scene, DIGEST, WEIGHTS[:50_000] + bytes(10_000) + WEIGHTS[60_000:])

    worker = scene.work(StagingModelServer(scene, tmp_path / "slot"))
    ended = await scene.ended(audit)

    assert (ended.state, ended.failure.reason) == (AuditState.FAILED, "ARTIFACT_CORRUPT")
    assert DIGEST in ended.failure.detail
    assert await scene.findings(audit) == []
    assert counted(worker) == 1


async def test_another_picture_under_a_stored_digest_fails_the_audit(scene: Scene, tmp_path):
    audit = await audit_of(scene)
    damaged = hashlib.sha256(PICTURES[1]).hexdigest()
    put_elsewhere(scene, damaged, b"another picture")

    worker = scene.work(StagingModelServer(scene, tmp_path / "slot"))
    ended = await scene.ended(audit)

    assert (ended.state, ended.failure.reason) == (AuditState.FAILED, "ARTIFACT_CORRUPT")
    assert damaged in ended.failure.detail
    assert ended.result_digest == ""
    assert counted(worker) == 1


@pytest.mark.long
async def test_undamaged_bytes_are_audited(scene: Scene, tmp_path):
    audit = await audit_of(scene)

    worker = scene.work(StagingModelServer(scene, tmp_path / "slot"))

    assert (await scene.ended(audit)).state is AuditState.SUCCEEDED
    assert counted(worker) == 0


async def test_a_version_with_damaged_weights_is_rejected_as_it_is_checked(scene: Scene, tmp_path):
    put_elsewhere(scene, DIGEST, b"not these")
    name = await scene.register(source=Weights(DIGEST, "torchvision:resnet18"), ready=False)

    scene.work(StagingModelServer(scene, tmp_path / "slot"))

    version = await rejected(scene, name)
    assert version.reject_reason == "ARTIFACT_CORRUPT"
    assert DIGEST in version.reject_detail


async def test_an_audit_waits_for_an_artifact_store_that_is_away(scene: Scene, tmp_path):
    audit = await audit_of(scene)
    root, elsewhere = scene.artifact_store._root, tmp_path.parent / f"{tmp_path.name}-unmounted"
    root.rename(elsewhere)

    worker = scene.work(StagingModelServer(scene, elsewhere / "slot"))
    await until(lambda: handed_back(worker) > TRIES + 1)
    waiting = await waits_for(scene, audit)
    elsewhere.rename(root)
    ended = await scene.ended(audit)

    assert waiting == "the folder of the artifact store does not exist"
    assert ended.state is AuditState.SUCCEEDED
    assert await waits_for(scene, audit) == ""


@pytest.mark.long
async def test_an_audit_that_waited_for_too_long_fails_and_says_for_what(scene: Scene, tmp_path):
    audit = await audit_of(scene)
    elsewhere = tmp_path.parent / f"{tmp_path.name}-unmounted"
    scene.artifact_store._root.rename(elsewhere)

    scene.work(StagingModelServer(scene, elsewhere / "slot"), away_seconds=0.05)
    ended = await scene.ended(audit)

    assert (ended.state, ended.failure.reason) == (AuditState.FAILED, "DEPENDENCY_UNAVAILABLE")
    assert "artifact store" in ended.failure.detail
    assert "run the audit again" in ended.failure.detail


async def test_a_check_that_waited_for_too_long_says_to_register_the_version_again(scene: Scene, tmp_path):
    name = await scene.register(source=Weights(DIGEST, "torchvision:resnet18"), ready=False)
    elsewhere = tmp_path.parent / f"{tmp_path.name}-unmounted"
    scene.artifact_store._root.rename(elsewhere)

    scene.work(StagingModelServer(scene, elsewhere / "slot"), away_seconds=0.05)

    version = await rejected(scene, name)
    assert version.reject_reason == "DEPENDENCY_UNAVAILABLE"
    assert "register the version again" in version.reject_detail


@pytest.mark.long
async def test_an_audit_whose_bytes_are_gone_names_them(scene: Scene, tmp_path):
    audit = await audit_of(scene)
    await scene.artifact_store.delete(DIGEST)

    worker = scene.work(StagingModelServer(scene, tmp_path / "slot"))
    ended = await scene.ended(audit)

    assert (ended.state, ended.failure.reason) == (AuditState.FAILED, "ARTIFACT_NOT_FOUND")
    assert DIGEST in ended.failure.detail
    assert handed_back(worker) == TRIES - 1
