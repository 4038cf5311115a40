"""Both stores keep one contract: the folder, and fsspec with what it keeps in memory and with an emulated bucket."""

import asyncio
import errno
import hashlib
import os
import resource
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import fsspec
import pytest
from modicum_server.artifacts import files, uploads
from modicum_server.artifacts.folder_store import FolderArtifactStore
from modicum_server.artifacts.remote_store import RemoteArtifactStore
from modicum_server.artifacts.store import open_artifact_store
from modicum_server.artifacts.threads import in_thread
from modicum_server.errors import (
    ArtifactNotFound,
    DependencyUnavailable,
    DigestMismatch,
    DiskFull,
    FieldInvalid,
    OffsetInvalid,
    UploadBusy,
    UploadInvalid,
    UploadTruncated,
)
from modicum_server.ports import ArtifactStore

from tests.waiting import PATIENCE_SECONDS, until

DATA = bytes(range(256)) * 3000  # three pieces
SIZE = len(DATA)
DIGEST = hashlib.sha256(DATA).hexdigest()
PROJECT = "projects/default"
MOST_THREADS = 32
"""Python starts no more threads for a pool that asks for no number."""


@pytest.fixture
def store(artifacts_url, tmp_path) -> ArtifactStore:
    return open_artifact_store(artifacts_url, spool=tmp_path / "spool")


async def send(store, data=DATA, *, digest=DIGEST, size=SIZE, offset=0, project=PROJECT, step=100_000):
    async with store.upload(project, digest, size_bytes=size, offset=offset) as upload:
        for start in range(0, len(data), step):
            await upload.write(data[start : start + step])
        await upload.commit()


async def content(store, digest=DIGEST, offset=0) -> bytes:
    return b"".join([piece async for piece in store.read(digest, offset=offset)])


async def break_off(store, count: int, *, offset=0) -> None:
    """Send some bytes, then lose the connection."""
    with suppress(ConnectionError):
        async with store.upload(PROJECT, DIGEST, size_bytes=SIZE, offset=offset) as upload:
            await upload.write(DATA[offset : offset + count])
            raise ConnectionError


def test_an_address_tells_the_store(tmp_path):
    assert isinstance(open_artifact_store(str(tmp_path)), FolderArtifactStore)
    assert isinstance(open_artifact_store(f"file://{tmp_path}"), FolderArtifactStore)
    assert isinstance(open_artifact_store("memory://x", spool=tmp_path), RemoteArtifactStore)


async def test_what_was_sent_comes_back(store):
    await send(store)

    assert await content(store) == DATA
    assert await content(store, offset=700_000) == DATA[700_000:]
    assert await content(store, offset=len(DATA)) == b""
    assert await store.received(PROJECT, [DIGEST]) == {}
    assert [len(piece) async for piece in store.read(DIGEST)][:2] == [64 * 1024] * 2


async def test_nothing_can_be_sent_too(store):
    empty = hashlib.sha256(b"").hexdigest()

    await send(store, b"", digest=empty, size=0)

    assert await content(store, empty) == b""


async def test_a_broken_upload_resumes_where_it_broke(store):
    await break_off(store, 300_000)
    assert await store.received(PROJECT, [DIGEST]) == {DIGEST: 300_000}
    await break_off(store, 100_000, offset=300_000)
    assert await store.received(PROJECT, [DIGEST]) == {DIGEST: 400_000}

    await send(store, DATA[400_000:], offset=400_000)

    assert await content(store) == DATA


async def test_an_upload_that_ends_early_is_kept_for_a_resume(store):
    with pytest.raises(UploadTruncated):
        await send(store, DATA[:5000])

    assert await store.received(PROJECT, [DIGEST]) == {DIGEST: 5000}
    with pytest.raises(ArtifactNotFound):
        await content(store)


async def test_a_broken_upload_may_begin_anew(store):
    await break_off(store, 300_000)

    await send(store)

    assert await content(store) == DATA


async def test_an_offset_that_is_not_what_was_received_is_refused_and_costs_nothing(store):
    await break_off(store, 300_000)

    for offset in (1, 299_999, 300_001):
        with pytest.raises(UploadInvalid, match="300,000"):
            await send(store, DATA[offset:], offset=offset)

    assert await store.received(PROJECT, [DIGEST]) == {DIGEST: 300_000}


async def test_bytes_of_another_digest_are_thrown_away(store):
    with pytest.raises(DigestMismatch):
        await send(store, bytes(len(DATA)))

    assert await store.received(PROJECT, [DIGEST]) == {}
    with pytest.raises(ArtifactNotFound):
        await content(store)


async def test_more_bytes_than_announced_are_refused(store):
    with pytest.raises(UploadInvalid):
        await send(store, DATA + b"x")


async def test_two_uploads_of_one_artifact_do_not_mix(store):
    async with store.upload(PROJECT, DIGEST, size_bytes=len(DATA), offset=0) as first:
        await first.write(DATA)
        with pytest.raises(UploadBusy, match="another upload") as refused:
            await send(store)
        await first.commit()

    assert await content(store) == DATA
    assert refused.value.metadata == {"received_bytes": str(len(DATA))}


async def test_one_project_learns_nothing_of_anothers_upload(store):
    await break_off(store, 300_000)

    assert await store.received("projects/other", [DIGEST]) == {}


async def test_projects_may_send_the_same_bytes_at_once(store):
    await asyncio.gather(*(send(store, project=f"projects/p{number}") for number in range(5)))

    assert await content(store) == DATA


async def test_an_offset_past_the_end_is_out_of_range(store):
    await send(store)

    with pytest.raises(OffsetInvalid):
        await content(store, offset=len(DATA) + 1)


async def test_a_file_is_closed_though_its_reader_is_cancelled_while_no_thread_is_free(tmp_path):
    store = FolderArtifactStore(tmp_path)
    stored = tmp_path / "sha256" / DIGEST[:2] / await store.put(DATA)
    pieces, may_end = store.read(DIGEST), threading.Event()
    await anext(pieces)
    assert is_open(stored)
    others = [asyncio.create_task(in_thread(may_end.wait, PATIENCE_SECONDS)) for _ in range(MOST_THREADS)]
    await asyncio.sleep(0)  # they take each thread, or wait for it before the file does

    closing = asyncio.create_task(pieces.aclose())
    await asyncio.sleep(0)  # it waits for a thread
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert is_open(stored)
    may_end.set()
    await asyncio.gather(*others)

    await until(lambda: not is_open(stored), "the file is closed")


def is_open(path: Path) -> bool:
    """Whether this process has the file open."""
    return any(descriptor.resolve() == path for descriptor in Path("/proc/self/fd").iterdir())


async def test_whole_bytes_are_put_under_their_digest_twice_as_well_as_once(store):
    assert await store.put(DATA) == DIGEST
    assert await store.put(DATA) == DIGEST

    assert await content(store) == DATA


async def test_a_file_is_put_under_its_digest_and_stays_where_it_was(store, tmp_path):
    path = tmp_path / "whole"
    path.write_bytes(DATA)

    assert await store.put_file(path) == DIGEST
    assert await store.put_file(path) == DIGEST

    assert await content(store) == DATA
    assert path.read_bytes() == DATA


async def test_bytes_are_fetched_to_a_path_in_the_place_of_what_was_there(store, tmp_path):
    await store.put(DATA)
    destination = tmp_path / "slot" / "weights"

    await store.fetch(DIGEST, destination)
    await store.fetch(DIGEST, destination)

    assert destination.read_bytes() == DATA
    assert [path.name for path in destination.parent.iterdir()] == ["weights"]


async def test_what_is_not_there_cannot_be_fetched(store, tmp_path):
    with pytest.raises(ArtifactNotFound):
        await store.fetch(DIGEST, tmp_path / "weights")

    assert not (tmp_path / "weights").exists()


async def test_deleting_is_the_same_once_and_twice(store):
    await store.put(DATA)

    await store.delete(DIGEST)
    await store.delete(DIGEST)

    with pytest.raises(ArtifactNotFound):
        await content(store)


async def test_a_digest_is_no_path(store, tmp_path):
    for digest in ("../../etc/passwd", "A" * 64, "", "0" * 63):
        with pytest.raises(FieldInvalid):
            await store.fetch(digest, tmp_path / "out")
        assert await store.received(PROJECT, [digest]) == {}


async def test_a_project_is_no_path_either(tmp_path):
    store = FolderArtifactStore(tmp_path / "deep" / "artifacts")

    async with store.upload("../../../outside", DIGEST, size_bytes=SIZE, offset=0) as upload:
        await upload.write(DATA)

    (kept,) = tmp_path.rglob(DIGEST)
    assert kept.is_relative_to(tmp_path / "deep" / "artifacts" / "uploads")


async def test_a_full_disk_says_so_and_what_came_before_is_kept(store, monkeypatch):
    async with store.upload(PROJECT, DIGEST, size_bytes=len(DATA), offset=0) as upload:
        await upload.write(DATA[:1000])
        monkeypatch.setattr(upload, "_file", FullDisk(upload._file))
        with pytest.raises(DiskFull):
            await upload.write(DATA[1000:2000])

    assert await store.received(PROJECT, [DIGEST]) == {DIGEST: 1000}


class FullDisk:
    """A file on a disk that has room for half of what is written."""

    def __init__(self, file) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        self._file.write(data[: len(data) // 2])
        self._file.flush()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def __getattr__(self, name: str):
        return getattr(self._file, name)


@pytest.mark.parametrize("size", [100, 3_000, 9_000, 400_000])
async def test_a_device_without_room_is_a_full_disk_to_the_end(store, size):
    data = DATA[:size]
    digest = hashlib.sha256(data).hexdigest()

    async def send_without_room() -> None:
        async with store.upload(PROJECT, digest, size_bytes=size, offset=0) as upload:
            await asyncio.to_thread(without_room, upload._file.fileno())
            await upload.write(data)

    with pytest.raises(DiskFull):
        await send_without_room()

    assert await store.received(PROJECT, [digest]) == {}
    await send(store, data, digest=digest, size=size)
    assert await content(store, digest) == data


def without_room(descriptor: int) -> None:
    """Let what is written there go to the device on which there is never room."""
    full = os.open("/dev/full", os.O_RDWR)
    os.dup2(full, descriptor, inheritable=False)
    os.close(full)


@contextmanager
def longest_file(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes: the system writes what still fits, then refuses."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [100, 3_000, 9_000])
async def test_of_a_write_that_breaks_off_half_way_nothing_is_kept(store, size):
    async def send_with_room_for_half() -> None:
        async with store.upload(PROJECT, DIGEST, size_bytes=SIZE, offset=0) as upload:
            await upload.write(DATA[:1000])
            with longest_file(1000 + size // 2):
                await upload.write(DATA[1000 : 1000 + size])

    with pytest.raises(DiskFull):
        await send_with_room_for_half()

    assert await store.received(PROJECT, [DIGEST]) == {DIGEST: 1000}
    await send(store, DATA[1000:], offset=1000)
    assert await content(store) == DATA


async def test_a_store_that_is_there_answers(store):
    await store.ping()


async def test_a_folder_that_went_away_is_a_dependency_that_is_unavailable(tmp_path):
    store = FolderArtifactStore(tmp_path / "artifacts")
    (tmp_path / "artifacts").rename(tmp_path / "gone")

    with pytest.raises(DependencyUnavailable):
        await store.ping()


async def test_a_stored_file_is_linked_not_copied_and_nobody_may_write_to_it(tmp_path):
    store = FolderArtifactStore(tmp_path / "artifacts")
    await store.put(DATA)

    await store.fetch(DIGEST, tmp_path / "weights")

    stored = tmp_path / "artifacts" / "sha256" / DIGEST[:2] / DIGEST
    assert (tmp_path / "weights").stat().st_ino == stored.stat().st_ino
    assert stored.stat().st_mode & 0o222 == 0


async def test_where_links_cannot_be_a_copy_is_made(tmp_path, monkeypatch):
    store = FolderArtifactStore(tmp_path / "artifacts")
    await store.put(DATA)

    def refuse(*_):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(files.os, "link", refuse)
    await store.fetch(DIGEST, tmp_path / "weights")

    assert (tmp_path / "weights").read_bytes() == DATA
    assert (tmp_path / "weights").stat().st_nlink == 1


async def test_uploads_that_nobody_went_on_with_are_forgotten(tmp_path):
    store = FolderArtifactStore(tmp_path / "artifacts")
    await break_off(store, 10)
    (old,) = (tmp_path / "artifacts" / "uploads").rglob(DIGEST)
    long_ago = old.stat().st_mtime - uploads.FORGOTTEN_SECONDS - 1
    os.utime(old, (long_ago, long_ago))

    again = FolderArtifactStore(tmp_path / "artifacts")

    assert await again.received(PROJECT, [DIGEST]) == {}


async def test_a_remote_store_keeps_nothing_of_what_it_sent_on(tmp_path):
    name = uuid.uuid4().hex
    store = RemoteArtifactStore(f"memory://{name}", tmp_path)

    await send(store)

    assert [path for path in Path(tmp_path).rglob("*") if path.is_file()] == []
    assert fsspec.filesystem("memory").cat_file(f"/{name}/sha256/{DIGEST[:2]}/{DIGEST}") == DATA
