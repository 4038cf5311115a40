"""What tasks need of a remote store is fetched once, and what is kept of it stays within its bound."""

import asyncio
import errno
import hashlib
import os
import stat
from pathlib import Path

import pytest
from modicum_server.artifacts.kept_artifacts import FolderKeptArtifacts
from modicum_server.artifacts.store import kept_artifacts, open_artifact_store
from modicum_server.errors import ArtifactNotFound
from modicum_server.ports import ArtifactSource, KeptUse
from modicum_server.processes.locked_folders import create_locked_folder

FIRST, SECOND, THIRD = (bytes([place]) * 1_000 for place in range(3))


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Remote:
    """Counts what is fetched from it."""

    def __init__(self, *held: bytes) -> None:
        self.held = {digest_of(data): data for data in held}
        self.fetched: list[str] = []

    async def fetch(self, digest: str, destination: Path) -> None:
        await asyncio.sleep(0)
        if digest not in self.held:
            raise ArtifactNotFound("gone", digest=digest)
        self.fetched.append(digest)
        destination.write_bytes(self.held[digest])


@pytest.fixture
def remote() -> Remote:
    return Remote(FIRST, SECOND, THIRD)


@pytest.fixture
def kept(remote, tmp_path) -> FolderKeptArtifacts:
    return FolderKeptArtifacts(remote, tmp_path / "kept", 2_500)


async def staged(kept: ArtifactSource, data: bytes, slot: Path) -> bytes:
    slot.mkdir(exist_ok=True)
    place = slot / digest_of(data)
    await kept.fetch(digest_of(data), place)
    found = place.read_bytes()
    place.unlink()
    return found


async def test_weights_are_fetched_once_for_any_number_of_tasks(kept, remote, tmp_path):
    assert [await staged(kept, FIRST, tmp_path / "slot") for _ in range(3)] == [FIRST] * 3

    assert remote.fetched == [digest_of(FIRST)]


async def test_two_slots_that_need_the_same_weights_at_once_fetch_them_once(kept, remote, tmp_path):
    found = await asyncio.gather(*(staged(kept, FIRST, tmp_path / f"slot{number}") for number in range(2)))

    assert found == [FIRST, FIRST]
    assert remote.fetched == [digest_of(FIRST)]


async def test_those_that_were_not_used_for_the_longest_time_make_room(kept, remote, tmp_path):
    for data in (FIRST, SECOND, FIRST, THIRD):
        await staged(kept, data, tmp_path / "slot")

    assert {path.name for path in (tmp_path / "kept").iterdir()} == {digest_of(FIRST), digest_of(THIRD)}
    assert kept.use == KeptUse(hits=1, misses=3, size_bytes=2_000)
    assert await staged(kept, SECOND, tmp_path / "slot") == SECOND
    assert remote.fetched.count(digest_of(SECOND)) == 2


async def test_nobody_else_may_read_what_is_kept(kept, tmp_path):
    await staged(kept, FIRST, tmp_path / "slot")

    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "kept", tmp_path / "kept" / digest_of(FIRST))]
    assert modes == [0o700, 0o400]


async def test_what_is_forgotten_is_gone_from_the_disk_and_fetched_again(kept, remote, tmp_path):
    for data in (FIRST, SECOND):
        await staged(kept, data, tmp_path / "slot")

    await kept.forget([digest_of(FIRST), digest_of(THIRD)])

    assert [path.name for path in (tmp_path / "kept").iterdir()] == [digest_of(SECOND)]
    assert kept.use.size_bytes == 1_000
    assert await staged(kept, FIRST, tmp_path / "slot") == FIRST
    assert remote.fetched.count(digest_of(FIRST)) == 2


async def test_a_full_disk_keeps_nothing_and_the_task_has_its_file(kept, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "link", full)

    assert await staged(kept, FIRST, tmp_path / "slot") == FIRST
    assert list((tmp_path / "kept").iterdir()) == []
    assert kept.use == KeptUse(misses=1)


async def test_all_that_is_kept_can_make_room(kept, tmp_path):
    for data in (FIRST, SECOND):
        await staged(kept, data, tmp_path / "slot")

    await kept.clear()

    assert list((tmp_path / "kept").iterdir()) == []
    assert kept.use.size_bytes == 0


async def test_a_file_that_somebody_deleted_is_fetched_again(kept, remote, tmp_path):
    await staged(kept, FIRST, tmp_path / "slot")
    (tmp_path / "kept" / digest_of(FIRST)).unlink()

    assert await staged(kept, FIRST, tmp_path / "slot") == FIRST
    assert remote.fetched == [digest_of(FIRST)] * 2
    assert kept.use == KeptUse(misses=2, size_bytes=1_000)


async def test_weights_larger_than_the_bound_are_fetched_each_time(remote, tmp_path):
    kept = FolderKeptArtifacts(remote, tmp_path / "kept", 999)

    assert [await staged(kept, FIRST, tmp_path / "slot") for _ in range(2)] == [FIRST, FIRST]

    assert len(remote.fetched) == 2


async def test_kept_weights_that_were_damaged_are_fetched_again(kept, remote, tmp_path):
    await staged(kept, FIRST, tmp_path / "slot")
    damaged = tmp_path / "kept" / digest_of(FIRST)
    damaged.chmod(0o600)
    damaged.write_bytes(b"damaged")

    assert await staged(kept, FIRST, tmp_path / "slot") == FIRST
    assert remote.fetched == [digest_of(FIRST)] * 2


async def test_weights_that_the_store_lacks_are_not_kept(kept, tmp_path):
    with pytest.raises(ArtifactNotFound):
        await kept.fetch("0" * 64, tmp_path / "place")

    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize(
    ("url", "most_bytes", "keeps"), [("memory://w", 10, True), ("memory://w", 0, False), ("", 10, False)]
)
def test_only_of_a_remote_store_is_anything_kept_in_a_folder_that_goes(tmp_path, url, most_bytes, keeps):
    store = open_artifact_store(url or str(tmp_path / "artifacts"), spool=tmp_path / "spool")

    with kept_artifacts(store, tmp_path / "run", most_bytes) as kept:
        assert isinstance(kept, FolderKeptArtifacts) == keeps

    assert not list((tmp_path / "run").glob("*"))


async def test_workers_with_one_run_folder_keep_apart_and_the_rest_of_a_killed_one_goes(tmp_path):
    store = open_artifact_store("memory://apart", spool=tmp_path / "spool")
    digest = await store.put(FIRST)
    killed = create_locked_folder("modicum-kept-", folder_of(tmp_path / "run"))
    await staged(FolderKeptArtifacts(store, killed.path / "kept", 2_500), FIRST, tmp_path / "slot")
    os.close(killed.lock)

    with kept_artifacts(store, tmp_path / "run", 2_500) as one, kept_artifacts(store, tmp_path / "run", 2_500) as two:
        for kept in (one, two):
            assert await staged(kept, FIRST, tmp_path / "slot") == FIRST
        await one.forget([digest])

        assert [kept.use.size_bytes for kept in (one, two)] == [0, 1_000]
        assert not killed.path.exists()


def folder_of(path: Path) -> Path:
    path.mkdir()
    return path


async def test_what_was_prepared_is_not_fetched_again_and_is_gone_from_where_it_came(kept, remote, tmp_path):
    await kept.prepare(digest_of(FIRST))
    await kept.prepare(digest_of(FIRST))

    assert kept.use == KeptUse(size_bytes=len(FIRST))
    assert await staged(kept, FIRST, tmp_path / "slot") == FIRST
    assert remote.fetched == [digest_of(FIRST)]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "kept" / digest_of(FIRST)]


async def test_a_task_that_needs_what_is_being_prepared_waits_for_it(kept, remote, tmp_path):
    _, found = await asyncio.gather(kept.prepare(digest_of(FIRST)), staged(kept, FIRST, tmp_path / "slot"))

    assert found == FIRST
    assert remote.fetched == [digest_of(FIRST)]


async def test_what_is_prepared_makes_room_for_itself_and_what_is_prepared_again_stays(kept, tmp_path):
    for data in (FIRST, SECOND, FIRST, THIRD):
        await kept.prepare(digest_of(data))

    assert {path.name for path in (tmp_path / "kept").iterdir()} == {digest_of(FIRST), digest_of(THIRD)}


async def test_what_cannot_be_fetched_leaves_nothing(kept, tmp_path):
    with pytest.raises(ArtifactNotFound):
        await kept.prepare(digest_of(b"gone"))

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
