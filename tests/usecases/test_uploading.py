"""Artifacts over the real store: bytes are uploaded, resumed, downloaded, and removed when no project holds them."""

import asyncio
import errno
from dataclasses import replace
from pathlib import Path

import pytest
from modicum_server.domain.projects import Role
from modicum_server.errors import (
    ArtifactCorrupt,
    ArtifactNotFound,
    ArtifactTooLarge,
    DigestMismatch,
    DiskFull,
    FieldInvalid,
    OffsetInvalid,
    RoleInsufficient,
    UploadInvalid,
    UploadTruncated,
)
from modicum_server.ports.trail import TrailFilter
from modicum_server.usecases import artifacts
from modicum_server.usecases.artifacts import Artifacts, UploadHeader
from modicum_server.usecases.limit_errors import ProjectFull
from modicum_server.usecases.request_ids import CreateOptions

from tests.lock_waits import until_one_waits
from tests.usecases.usecases_stage import ADMIN, AUDITOR, PROJECT, VIEWER, digest_of, parts
from tests.waiting import until


async def test_an_artifact_goes_up_and_down(place):
    data = bytes(range(256)) * 10_000
    name = f"{PROJECT}/artifacts/{await place.upload(data)}"

    assert (await place.artifacts.get(VIEWER, name)).size_bytes == len(data)
    assert b"".join([part async for part in place.artifacts.download(VIEWER, name, 0)]) == data
    assert b"".join([part async for part in place.artifacts.download(VIEWER, name, 2_559_999)]) == data[-1:]
    with pytest.raises(OffsetInvalid):
        await anext(place.artifacts.download(VIEWER, name, len(data) + 1))


async def test_a_broken_upload_resumes_where_it_broke(place):
    data = b"0123456789" * 1000
    digest = digest_of(data)
    with pytest.raises(UploadTruncated):
        await place.artifacts.upload(AUDITOR, UploadHeader(PROJECT, digest, len(data), 0), parts(data[:4000]))

    (missing,) = await place.artifacts.find_missing(AUDITOR, PROJECT, [digest, digest])
    assert (missing.digest, missing.received_bytes) == (digest, 4000)
    with pytest.raises(UploadInvalid):
        await place.artifacts.upload(AUDITOR, UploadHeader(PROJECT, digest, len(data), 1), parts(data[1:]))
    await place.artifacts.upload(AUDITOR, UploadHeader(PROJECT, digest, len(data), 4000), parts(data[4000:]))

    assert await place.artifacts.find_missing(AUDITOR, PROJECT, [digest]) == []


async def test_an_offset_before_anything_was_received_is_told_the_only_one_there_is(place):
    header = UploadHeader(PROJECT, digest_of(b"data"), 4, 1)

    with pytest.raises(UploadInvalid, match=r"^expected the offset 0, as no bytes were received so far, got 1$"):
        await place.artifacts.upload(AUDITOR, header, parts(b"ata"))


async def test_bytes_that_do_not_match_their_announcement_are_refused(place):
    header = UploadHeader(PROJECT, digest_of(b"right"), 5, 0)

    with pytest.raises(DigestMismatch):
        await place.artifacts.upload(AUDITOR, header, parts(b"wrong"))
    with pytest.raises(UploadInvalid, match="more bytes"):
        await place.artifacts.upload(AUDITOR, header, parts(b"right and more"))
    with pytest.raises(ArtifactTooLarge):
        await place.artifacts.upload(AUDITOR, replace(header, size_bytes=2**50), parts(b""))


async def test_an_artifact_that_the_project_holds_is_not_read_again(place):
    digest = await place.upload(b"bytes")

    async def never():
        raise AssertionError("nobody reads this")
        yield b""

    await place.artifacts.upload(AUDITOR, UploadHeader(PROJECT, digest, 5, 0), never())


async def test_a_project_gets_no_information_about_anothers_bytes(place):
    digest = await place.upload(b"bytes")
    await place.projects.create(ADMIN, "second", CreateOptions())
    neighbour = replace(ADMIN, roles={"projects/second": Role.ADMIN})

    (missing,) = await place.artifacts.find_missing(neighbour, "projects/second", [digest])
    assert missing.received_bytes == 0
    with pytest.raises(ArtifactNotFound):
        await place.artifacts.get(neighbour, f"projects/second/artifacts/{digest}")
    with pytest.raises(UploadTruncated):
        await place.artifacts.upload(neighbour, UploadHeader("projects/second", digest, 5, 0), parts(b""))


async def test_deleted_bytes_stay_while_another_project_holds_them(place, tmp_path):
    digest = await place.upload(b"bytes")
    await place.projects.create(ADMIN, "second", CreateOptions())
    both = replace(ADMIN, roles={**ADMIN.roles, "projects/second": Role.ADMIN})
    await place.artifacts.upload(both, UploadHeader("projects/second", digest, 5, 0), parts(b"bytes"))

    await place.artifacts.delete(both, f"{PROJECT}/artifacts/{digest}")

    name = f"projects/second/artifacts/{digest}"
    assert b"".join([part async for part in place.artifacts.download(both, name, 0)]) == b"bytes"
    await place.artifacts.delete(both, name)
    assert not [file for file in tmp_path.rglob("*") if digest in file.name]


async def test_bytes_that_come_again_while_they_are_deleted_stay(place, monkeypatch):
    digest = await place.upload(b"data")
    delete_unheld = artifacts.delete_unheld

    async def upload_first(*arguments):
        await place.upload(b"data")
        return await delete_unheld(*arguments)

    monkeypatch.setattr(artifacts, "delete_unheld", upload_first)

    await place.artifacts.delete(ADMIN, f"{PROJECT}/artifacts/{digest}")

    assert await read(place, digest) == b"data"


async def test_an_upload_publishes_its_bytes_only_when_no_deletion_is_running(place, database_url):
    digest = digest_of(b"data")

    async with place.store.transaction() as transaction:
        await transaction.artifacts.lock(digest)
        uploading = asyncio.create_task(place.upload(b"data"))
        await until_one_waits(database_url)
        await place.artifact_store.delete(digest)

    await uploading
    assert await read(place, digest) == b"data"


async def test_a_silent_upload_ends_and_can_be_resumed(place):
    artifacts = Artifacts(place.store, place.artifact_store, place.settings, idle_seconds=0.1)
    digest = digest_of(b"data")

    async def silent():
        yield b"da"
        await asyncio.sleep(60)
        yield b"ta"

    with pytest.raises(UploadTruncated, match="after the first 2"):
        await artifacts.upload(AUDITOR, UploadHeader(PROJECT, digest, 4, 0), silent())

    await place.artifacts.upload(AUDITOR, UploadHeader(PROJECT, digest, 4, 2), parts(b"ta"))
    assert await read(place, digest) == b"data"


async def read(place, digest):
    return b"".join([piece async for piece in place.artifact_store.read(digest)])


async def test_small_artifacts_go_up_together(place):
    held = await place.upload(b"held")
    contents = [b"one", b"held", b"two", b"one"]

    stored = await place.artifacts.upload_small(AUDITOR, PROJECT, contents)

    assert [record.digest for record in stored] == list(map(digest_of, contents))
    assert [record.size_bytes for record in stored] == [3, 4, 3, 3]
    assert [await read(place, record.digest) for record in stored] == contents
    assert held == stored[1].digest
    assert await place.artifacts.find_missing(AUDITOR, PROJECT, list(map(digest_of, contents))) == []


async def test_each_small_artifact_has_its_entry_in_the_trail(place):
    await place.artifacts.upload_small(AUDITOR, PROJECT, [b"one", b"two"])
    await place.artifacts.upload_small(AUDITOR, PROJECT, [b"two"])

    async with place.store.transaction() as transaction:
        found = await transaction.trail.page(PROJECT, TrailFilter(verb="UploadArtifact"), after="", limit=9)
    told = sorted(entry.resource for _, entry in found)
    assert told == sorted(f"{PROJECT}/artifacts/{digest_of(data)}" for data in (b"one", b"two"))


async def test_small_artifacts_that_do_not_fit_are_refused_together(place):
    five = Artifacts(place.store, place.artifact_store, place.settings.model_copy(update={"max_project_bytes": 5}))
    with pytest.raises(ProjectFull):
        await five.upload_small(AUDITOR, PROJECT, [b"one", b"two"])

    assert len(await place.artifacts.find_missing(AUDITOR, PROJECT, [digest_of(b"one"), digest_of(b"two")])) == 2


@pytest.mark.parametrize("contents", [[], [b""] * 257])
async def test_none_and_too_many_small_artifacts_are_refused(place, contents):
    with pytest.raises(FieldInvalid, match="1 to 256 artifacts"):
        await place.artifacts.upload_small(AUDITOR, PROJECT, contents)


async def test_small_artifacts_that_are_large_together_are_refused(place):
    with pytest.raises(ArtifactTooLarge, match="at most 2,097,152 bytes together, got 2,097,153"):
        await place.artifacts.upload_small(AUDITOR, PROJECT, [bytes(2**20), bytes(2**20 + 1)])


async def test_a_viewer_uploads_no_small_artifacts(place):
    with pytest.raises(RoleInsufficient):
        await place.artifacts.upload_small(VIEWER, PROJECT, [b"one"])


async def test_small_artifacts_of_two_at_once_are_stored_once_and_nobody_waits_in_a_circle(place):
    contents = [bytes([number]) for number in range(40)]

    both = await asyncio.gather(
        place.artifacts.upload_small(AUDITOR, PROJECT, contents),
        place.artifacts.upload_small(AUDITOR, PROJECT, contents[::-1]),
    )

    assert [one.digest for one in both[0]] == [one.digest for one in both[1][::-1]]
    async with place.store.transaction() as transaction:
        assert await transaction.artifacts.stored_bytes(PROJECT) == len(contents)


async def test_a_disk_that_is_full_keeps_none_of_small_artifacts(place, monkeypatch, tmp_path):
    write = Path.write_bytes

    def full(path, data):
        if data == b"two":
            raise OSError(errno.ENOSPC, "no space")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DiskFull):
        await place.artifacts.upload_small(AUDITOR, PROJECT, [b"one", b"two", b"three"])

    assert len(await place.artifacts.find_missing(AUDITOR, PROJECT, list(map(digest_of, (b"one", b"three"))))) == 2
    assert not [file for file in tmp_path.rglob("*") if digest_of(b"one") in file.name]


async def test_a_small_artifact_that_is_larger_than_the_server_takes_is_refused(place):
    few = Artifacts(place.store, place.artifact_store, place.settings.model_copy(update={"max_upload_bytes": 5}))

    with pytest.raises(ArtifactTooLarge, match="at most 5 bytes, got 6"):
        await few.upload_small(AUDITOR, PROJECT, [b"one", b"longer"])


async def test_a_caller_that_goes_away_leaves_no_bytes_without_their_records(place, monkeypatch, tmp_path):
    put_all, begun, going_on = type(place.artifact_store).put_all, asyncio.Event(), asyncio.Event()

    async def slow(store, contents):
        begun.set()
        await going_on.wait()
        return await put_all(store, contents)

    monkeypatch.setattr(type(place.artifact_store), "put_all", slow)
    upload = asyncio.create_task(place.artifacts.upload_small(AUDITOR, PROJECT, [b"one", b"two"]))
    await begun.wait()

    upload.cancel()
    going_on.set()

    with pytest.raises(asyncio.CancelledError):
        await upload
    digests = [digest_of(data) for data in (b"one", b"two")]

    async def are_recorded() -> bool:
        return await place.artifacts.find_missing(AUDITOR, PROJECT, digests) == []

    await until(are_recorded)
    assert [await read(place, digest) for digest in digests] == [b"one", b"two"]


async def damage(place, digest: str, data: bytes | None) -> None:
    """Change stored bytes behind the service's back, or delete them."""
    stored = place.artifact_store._path(digest)
    stored.chmod(0o644)
    stored.unlink() if data is None else stored.write_bytes(data)


async def read_back(place, digest: str) -> bytes:
    name = f"{PROJECT}/artifacts/{digest}"
    return b"".join([part async for part in place.artifacts.download(VIEWER, name, 0)])


@pytest.mark.parametrize("found", [b"wrong", b"", None])
async def test_an_upload_replaces_damaged_bytes_and_what_is_gone(place, found):
    digest = await place.upload(b"right")
    async with place.store.transaction() as transaction:
        before = await transaction.artifacts.stored_bytes(PROJECT)
    await damage(place, digest, found)

    again = await place.artifacts.upload(AUDITOR, UploadHeader(PROJECT, digest, 5, 0), parts(b"right"))

    assert again.digest == digest
    assert await read_back(place, digest) == b"right"
    async with place.store.transaction() as transaction:
        assert await transaction.artifacts.stored_bytes(PROJECT) == before


async def test_damaged_bytes_are_replaced_by_right_ones_alone_and_by_small_files_too(place):
    digest = await place.upload(b"right")
    await damage(place, digest, b"wrong")

    with pytest.raises(DigestMismatch):
        await place.artifacts.upload(AUDITOR, UploadHeader(PROJECT, digest, 5, 0), parts(b"other"))
    with pytest.raises(ArtifactCorrupt):
        await read_back(place, digest)
    records = await place.artifacts.upload_small(AUDITOR, PROJECT, [b"right", b"new"])

    assert [one.digest for one in records] == [digest, digest_of(b"new")]
    assert await read_back(place, digest) == b"right"


async def test_a_full_project_can_mend_its_bytes(place):
    digest = await place.upload(b"right")
    await damage(place, digest, b"wrong")
    full = Artifacts(place.store, place.artifact_store, place.settings.model_copy(update={"max_project_bytes": 5}))

    await full.upload(AUDITOR, UploadHeader(PROJECT, digest, 5, 0), parts(b"right"))

    assert await read_back(place, digest) == b"right"
