"""What a worker keeps on its disk: shards share it, an erasure takes it away, and it makes room on a full disk."""

import errno
from datetime import timedelta
from pathlib import Path

import pytest
from modicum_server.artifacts.kept_artifacts import FolderKeptArtifacts
from modicum_server.artifacts.remote_store import RemoteArtifactStore
from modicum_server.domain.audits import Audit, AuditState
from modicum_server.domain.datasets import DatasetItem
from modicum_server.domain.digests import digest_of
from modicum_server.domain.erasures import ErasureState
from modicum_server.domain.models import Weights
from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.tasks import TaskStarted
from modicum_server.ports import ArtifactSource
from modicum_server.torchserve.slots import Slot
from modicum_server.usecases.artifacts import hold_files
from modicum_server.usecases.erasing import ErasedPicture, Erasing

from tests.waiting import until
from tests.worker.arithmetic_model_server import ArithmeticModelServer
from tests.worker.worker_scene import DATASET, LABELS, PROJECT, Scene

ADMIN = Principal("ada", {PROJECT: Role.ADMIN})
WEIGHTS = bytes(range(256)) * 400
PICTURES = [f"picture {place}".encode() for place in range(8)]
ERASED = digest_of(PICTURES[3])
SHARDS = [(0, 1, 2, 3), (4, 5, 6, 7)]


class CountingStore(RemoteArtifactStore):
    """Counts what is fetched from it."""

    def __init__(self, url: str, spool: Path) -> None:
        super().__init__(url, spool)
        self.fetched: list[str] = []

    async def fetch(self, digest: str, destination: Path) -> None:
        self.fetched.append(digest)
        await super().fetch(digest, destination)


class StagingModelServer(ArithmeticModelServer):
    """Stages the artifacts of a task as the real one does, then computes; counts what was fetched for each task."""

    def __init__(self, source: ArtifactSource, store: CountingStore, folder: Path) -> None:
        super().__init__()
        self._source, self._store, self._slot = source, store, Slot("slot", folder, 1)
        self.fetches: list[int] = []

    async def run(self, slot, task, cancelled):
        before = len(self._store.fetched)
        async with self._slot.staged(task, self._source):
            self.fetches.append(len(self._store.fetched) - before)
            async for event in super().run(slot, task, cancelled):
                yield event


@pytest.fixture
async def store(scene: Scene, tmp_path: Path, request: pytest.FixtureRequest) -> CountingStore:
    """A bucket with weights and pictures, which the project holds."""
    bucket = CountingStore(f"memory://{request.node.name}", tmp_path / "spool")
    scene.artifact_store = bucket
    async with scene.store.transaction() as transaction:
        await hold_files(transaction, bucket, PROJECT, [WEIGHTS, *PICTURES])
    items = [DatasetItem(f"{place}.png", digest_of(data), LABELS[place]) for place, data in enumerate(PICTURES)]
    async with scene.store.transaction() as transaction:
        await transaction.datasets.create(DATASET, "3" * 64, items)
    return bucket


def keeping(store: CountingStore, folder: Path) -> FolderKeptArtifacts:
    return FolderKeptArtifacts(store, folder / "kept", 1_000_000)


async def audited(scene: Scene) -> None:
    """An audit in two shards, whose control fills with any of the eight pictures, has ended."""
    version = await scene.register(source=Weights(digest_of(WEIGHTS), "torchvision:resnet18"))
    audit = await scene.audit(version, images=8, shards=SHARDS)
    assert (await scene.ended(audit)).state is AuditState.SUCCEEDED


async def test_the_second_shard_with_the_same_donors_fetches_nothing_again(scene: Scene, store, tmp_path):
    kept = keeping(store, tmp_path)
    model_server = StagingModelServer(kept, store, tmp_path / "slot")

    worker = scene.work(model_server, kept=kept)
    await audited(scene)

    assert model_server.fetches == [9, 0]
    metrics = worker.metrics.registry.get_sample_value
    assert metrics("modicum_worker_kept_hits_total") == 9
    assert metrics("modicum_worker_kept_misses_total") == 9
    assert metrics("modicum_worker_kept_bytes") == len(WEIGHTS) + sum(map(len, PICTURES))


@pytest.mark.long
async def test_without_a_place_to_keep_them_each_shard_fetches_all(scene: Scene, store, tmp_path):
    model_server = StagingModelServer(store, store, tmp_path / "slot")

    scene.work(model_server)
    await audited(scene)

    assert model_server.fetches == [9, 9]


async def test_an_erased_picture_goes_from_the_disk_of_every_worker(scene: Scene, store, tmp_path):
    disks = [tmp_path / "one", tmp_path / "two"]
    for disk in disks:
        kept = keeping(store, disk)
        for data in PICTURES:
            await kept.fetch(digest_of(data), disk / "slot" / digest_of(data))
            (disk / "slot" / digest_of(data)).unlink()
        scene.work(StagingModelServer(kept, store, disk / "slot"), kept=kept)

    erasure = await Erasing(scene.store).erase(ADMIN, PROJECT, ErasedPicture(ERASED))
    await until(lambda: not any((disk / "kept" / ERASED).exists() for disk in disks))

    async def is_done() -> bool:
        return (await Erasing(scene.store).get(ADMIN, erasure.name)).state is ErasureState.DONE

    await until(is_done)
    for disk in disks:
        assert {path.name for path in (disk / "kept").iterdir()} == {digest_of(data) for data in PICTURES} - {ERASED}


@pytest.mark.long
async def test_what_is_kept_makes_room_on_a_full_disk(scene: Scene, store, tmp_path):
    kept = keeping(store, tmp_path)
    await kept.fetch(ERASED, tmp_path / "earlier")

    class FullUntilCleared:
        async def fetch(self, digest: str, destination: Path) -> None:
            if kept.use.size_bytes:
                raise OSError(errno.ENOSPC, "No space left on device")
            await store.fetch(digest, destination)

    scene.work(StagingModelServer(FullUntilCleared(), store, tmp_path / "slot"), kept=kept)

    await audited(scene)


async def test_what_was_erased_is_looked_at_for_ten_minutes_more(scene: Scene, store):
    async with scene.store.transaction() as transaction:
        nothing, before = await transaction.erasures.since(None)
    erasure = await Erasing(scene.store).erase(ADMIN, PROJECT, ErasedPicture(ERASED))
    async with scene.store.transaction() as transaction:
        running, _ = await transaction.erasures.since(None)
        await transaction.erasures.end(erasure.name)

    async with scene.store.transaction() as transaction:
        first_look, now = await transaction.erasures.since(None)
        looks = [(await transaction.erasures.since(at))[0] for at in (before, now, now + timedelta(minutes=11))]

    assert (nothing, running, first_look) == (frozenset(), {ERASED}, frozenset())
    assert looks == [{ERASED}, {ERASED}, frozenset()]


class WaitingModelServer(StagingModelServer):
    """Computes no search before so many files were fetched."""

    def __init__(self, source: ArtifactSource, store: CountingStore, folder: Path, *, files: int) -> None:
        super().__init__(source, store, folder)
        self._files = files

    async def run(self, slot, task, cancelled):
        async for event in super().run(slot, task, cancelled):
            yield event
            if isinstance(event, TaskStarted):
                await until(lambda: len(self._store.fetched) >= self._files)


async def audited_without_donors(scene: Scene) -> Audit:
    version = await scene.register(source=Weights(digest_of(WEIGHTS), "torchvision:resnet18"))
    return await scene.ended(await scene.audit(version, images=8, shards=SHARDS, controls=()))


@pytest.mark.long
async def test_the_images_of_the_next_shard_are_fetched_while_the_first_one_computes(scene: Scene, store, tmp_path):
    kept = keeping(store, tmp_path)
    model_server = WaitingModelServer(kept, store, tmp_path / "slot", files=9)

    worker = scene.work(model_server, kept=kept)

    assert (await audited_without_donors(scene)).state is AuditState.SUCCEEDED
    assert model_server.fetches == [5, 0]
    assert len(store.fetched) == 9
    computing = worker.metrics.registry.get_sample_value("modicum_worker_computing_seconds_total")
    assert computing is not None
    assert computing > 0


@pytest.mark.long
async def test_an_image_that_cannot_be_fetched_ahead_fails_its_own_shard_alone(scene: Scene, store, tmp_path):
    place = tmp_path / "slot"

    class Failing(FolderKeptArtifacts):
        async def prepare(self, digest: str) -> None:
            store.fetched.append(digest)
            raise OSError(errno.ENOSPC, "No space left on device")

    kept = Failing(store, tmp_path / "kept", 1_000_000)
    scene.work(WaitingModelServer(kept, store, place, files=6), kept=kept)

    assert (await audited_without_donors(scene)).state is AuditState.SUCCEEDED
