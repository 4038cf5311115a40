"""Whole bytes that are put: together, durably, and again though the store has them."""

import hashlib
import os
from pathlib import Path

import pytest
from modicum_server.artifacts import folder_store
from modicum_server.artifacts.folder_store import FolderArtifactStore
from modicum_server.artifacts.remote_store import RemoteArtifactStore
from modicum_server.artifacts.store import open_artifact_store
from modicum_server.ports import ArtifactStore

DATA = b"bytes"


@pytest.fixture
def store(artifacts_url, tmp_path) -> ArtifactStore:
    return open_artifact_store(artifacts_url, spool=tmp_path / "spool")


async def content(store, digest) -> bytes:
    return b"".join([piece async for piece in store.read(digest)])


async def test_some_bytes_are_put_together_in_place_of_what_is_damaged(store, tmp_path):
    contents = [DATA, b"one", b"two", b"one"]
    for damaged in map(Path, await store.put_all([b"two"]) if isinstance(store, FolderArtifactStore) else ()):
        (place,) = tmp_path.rglob(damaged.name)
        place.chmod(0o600)
        place.write_bytes(b"2")

    digests = await store.put_all(contents)

    assert digests == [hashlib.sha256(data).hexdigest() for data in contents]
    assert [await content(store, digest) for digest in digests] == contents
    assert await store.put_all([]) == []


async def test_files_are_on_the_disk_before_they_have_names_and_their_names_before_the_reply(tmp_path, monkeypatch):
    store, synchronise, replace = FolderArtifactStore(tmp_path / "artifacts"), os.fsync, Path.replace
    on_disk: set[int] = set()
    renamed: list[Path] = []

    def noted(descriptor: int) -> None:
        synchronise(descriptor)
        on_disk.add(os.fstat(descriptor).st_ino)

    def checked(source: Path, target: Path) -> Path:
        assert source.stat().st_ino in on_disk
        on_disk.discard(target.parent.stat().st_ino)
        renamed.append(target)
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(Path, "replace", checked)
    digests = await store.put_all([bytes([number]) for number in range(9)])

    assert sorted(path.name for path in renamed) == sorted(digests)
    assert {path.parent.stat().st_ino for path in renamed} <= on_disk


async def test_bytes_that_are_there_are_written_like_others_so_that_the_time_does_not_tell(store, monkeypatch):
    folder = isinstance(store, FolderArtifactStore)
    where, name = (folder_store, "write_all_in") if folder else (RemoteArtifactStore, "_store")
    write, written = getattr(where, name), []

    def noted(*given):
        contents = given[0].values() if folder else given
        written.append(DATA in contents)
        write(*given)

    monkeypatch.setattr(where, name, noted)

    for _ in range(2):
        await store.put(DATA)

    assert written == [True, True]
