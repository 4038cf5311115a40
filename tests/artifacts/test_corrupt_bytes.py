"""Bytes are what their digest says, or they are refused: whoever changed them at their place."""

import asyncio
import hashlib
import io

import pytest
from modicum_server.artifacts import verified_files
from modicum_server.artifacts.folder_store import FolderArtifactStore
from modicum_server.artifacts.store import open_artifact_store
from modicum_server.errors import ArtifactCorrupt
from modicum_server.ports import ArtifactStore
from modicum_server.usecases.result_facts import ResultFacts
from modicum_server.usecases.stored_results import require_undamaged

DATA = bytes(range(256)) * 3000  # three pieces
DIGEST = hashlib.sha256(DATA).hexdigest()
DAMAGED = DATA[:400_000] + bytes(10_000) + DATA[410_000:]
FOUND = hashlib.sha256(DAMAGED).hexdigest()


@pytest.fixture
def store(artifacts_url, tmp_path) -> ArtifactStore:
    return open_artifact_store(artifacts_url, spool=tmp_path / "spool")


async def damage(store, digest: str = DIGEST, data: bytes = DAMAGED) -> None:
    """Put other bytes where those of this digest are."""
    if isinstance(store, FolderArtifactStore):
        place = store._path(digest)
        place.chmod(0o644)
        place.write_bytes(data)
    else:
        store._files.pipe_file(store._path(digest), data)


async def read_into(came: list[bytes], store, offset: int = 0) -> None:
    async for piece in store.read(DIGEST, offset=offset):
        came.append(piece)  # noqa: PERF401 - what came before the error counts


@pytest.mark.parametrize("offset", [0, 100_000, 500_000])
async def test_a_damaged_artifact_is_never_read_to_its_end(store, offset):
    await store.put(DATA)
    await damage(store)
    came: list[bytes] = []

    with pytest.raises(ArtifactCorrupt, match=DIGEST) as refused:
        await read_into(came, store, offset=offset)

    assert len(b"".join(came)) < len(DATA) - offset
    assert refused.value.metadata == {"digest": DIGEST, "found_digest": FOUND}


@pytest.mark.parametrize("data", [b"", DATA[:-1], DATA + b"x", b"another picture"])
async def test_shorter_and_longer_bytes_are_refused_too(store, data):
    await store.put(DATA)
    await damage(store, data=data)

    with pytest.raises(ArtifactCorrupt):
        await read_into([], store)


async def test_damaged_bytes_are_not_put_at_a_local_path(store, tmp_path):
    await store.put(DATA)
    await damage(store)
    place = tmp_path / "slot" / DIGEST

    with pytest.raises(ArtifactCorrupt, match=FOUND):
        await store.fetch(DIGEST, place)

    assert list(place.parent.iterdir()) == []


async def test_whole_bytes_are_fetched_and_read_as_before(store, tmp_path):
    await store.put(DATA)
    place = tmp_path / "slot" / DIGEST

    await store.fetch(DIGEST, place)

    assert place.read_bytes() == DATA
    assert b"".join([piece async for piece in store.read(DIGEST)]) == DATA
    assert b"".join([piece async for piece in store.read(DIGEST, offset=300_000)]) == DATA[300_000:]


async def test_an_overview_goes_on_without_a_damaged_document_and_counts_it(store):
    document = b'{"models": [{"model_version": "m"}]}'
    whole, counted = await store.put(document), []
    facts = ResultFacts(store, on_corrupt=counted.append)
    damaged = await store.put(DATA)
    await damage(store)

    assert await facts.of(damaged) == {}
    assert list(await facts.of(whole)) == ["m"]
    assert [error.metadata["digest"] for error in counted] == [damaged]


async def test_findings_that_are_damaged_are_called_so_before_they_are_parsed(store):
    await store.put(DATA)
    await require_undamaged(store, DIGEST)
    await damage(store)

    with pytest.raises(ArtifactCorrupt):
        await require_undamaged(store, DIGEST)


@pytest.mark.parametrize("way", ["bytes", "file"])
async def test_storing_the_right_bytes_again_replaces_damaged_ones(store, way, tmp_path):
    """A result must not end on what a broken attempt before it left."""
    await store.put(DATA)
    await damage(store)
    file = tmp_path / "again"
    file.write_bytes(DATA)

    await (store.put(DATA) if way == "bytes" else store.put_file(file))

    assert b"".join([piece async for piece in store.read(DIGEST)]) == DATA


async def part(store, first: int, end: int) -> bytes:
    return b"".join([piece async for piece in store.read_part(DIGEST, first=first, end=end)])


async def test_no_part_of_a_damaged_artifact_is_read_before_or_behind_the_damage(store):
    await store.put(DATA)
    await damage(store)

    for first, end in ((0, 10), (405_000, 405_010), (500_000, 500_010)):
        with pytest.raises(ArtifactCorrupt, match=FOUND):
            await part(store, first, end)


async def test_the_whole_is_read_once_for_many_parts_and_again_when_the_file_is_another(store, monkeypatch):
    wholes = []
    monkeypatch.setattr(verified_files, "_hash_whole", counting(wholes))
    await store.put(DATA)

    parts = await asyncio.gather(*(part(store, first, first + 7) for first in range(0, 100_000, 10_000)))
    again = await part(store, 300_000, 600_000)
    await damage(store)

    assert (parts[1], again, len(wholes)) == (DATA[10_000:10_007], DATA[300_000:600_000], 1)
    with pytest.raises(ArtifactCorrupt, match=FOUND):
        await part(store, 0, 7)
    assert len(wholes) == 2


async def test_files_beyond_those_that_are_remembered_are_read_again(monkeypatch, tmp_path):
    wholes, verified = [], verified_files.VerifiedFiles(most_remembered=2)
    monkeypatch.setattr(verified_files, "_hash_whole", counting(wholes))
    contents = {hashlib.sha256(data).hexdigest(): data for data in (b"a", b"b", b"c")}

    for digest in (*contents, *contents):
        await verified.require(digest, io.BytesIO(contents[digest]), lambda file: len(file.getvalue()))

    assert len(wholes) == 6


def counting(wholes: list[str]):
    """Hashes as before, and notes each whole file."""
    hash_whole = verified_files._hash_whole

    async def counted(digest, file):
        wholes.append(digest)
        await hash_whole(digest, file)

    return counted
