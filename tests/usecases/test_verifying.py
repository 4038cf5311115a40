"""A store and its database are compared: what is missing, corrupt or orphaned, at a bounded rate, resumably."""

import hashlib

import pytest
from modicum_server.artifacts.store import open_artifact_store
from modicum_server.errors import DependencyUnavailable
from modicum_server.store.postgres import PostgresStore
from modicum_server.usecases.verifying import Checked, State, verify

PROJECT = "projects/default"
BY_DIGEST = {hashlib.sha256(data).hexdigest(): data for data in (f"content {place}".encode() for place in range(6))}
DIGESTS = sorted(BY_DIGEST)
CONTENTS = [BY_DIGEST[digest] for digest in DIGESTS]


@pytest.fixture
async def store(database_url):
    store = PostgresStore(database_url)
    yield store
    await store.close()


@pytest.fixture
def artifacts(artifacts_url, tmp_path):
    return open_artifact_store(artifacts_url, spool=tmp_path / "spool")


async def damage(artifacts, digest: str) -> None:
    await artifacts.delete(digest)
    if hasattr(artifacts, "_files"):
        artifacts._files.pipe_file(artifacts._path(digest), b"other bytes")
    else:
        artifacts._path(digest).write_bytes(b"other bytes")


async def scene(store, artifacts) -> None:
    """Six artifacts: the second is missing, the third damaged, the fifth held by nobody, the rest as they should be."""
    for place, (digest, data) in enumerate(zip(DIGESTS, CONTENTS, strict=True)):
        await artifacts.put(data)
        if place != 4:
            async with store.transaction() as transaction:
                await transaction.artifacts.add(PROJECT, digest, len(data))
    await artifacts.delete(DIGESTS[1])
    await damage(artifacts, DIGESTS[2])


async def states(store, artifacts, **options) -> dict[str, State]:
    return {one.digest: one.state async for one in verify(store, artifacts, **options)}


async def test_what_is_missing_corrupt_and_orphaned_is_told_in_the_order_of_the_digests(store, artifacts):
    await scene(store, artifacts)

    told = await states(store, artifacts)

    expected = [State.WHOLE, State.MISSING, State.CORRUPT, State.WHOLE, State.ORPHANED, State.WHOLE]
    assert list(told.items()) == list(zip(DIGESTS, expected, strict=True))


class Failing:
    """A store whose disk fails on one artifact, or that has gone as a whole."""

    def __init__(self, artifacts, digest: str, *, gone: bool) -> None:
        self._artifacts, self._digest, self._gone = artifacts, digest, gone

    def __getattr__(self, name):
        return getattr(self._artifacts, name)

    async def read(self, digest):
        if digest == self._digest:
            raise DependencyUnavailable
        async for piece in self._artifacts.read(digest):
            yield piece

    async def store_id(self):
        if self._gone:
            raise DependencyUnavailable
        return await self._artifacts.store_id()


async def test_bytes_on_which_the_disk_fails_are_unreadable_and_the_others_are_checked(store, artifacts):
    await scene(store, artifacts)

    told = await states(store, Failing(artifacts, DIGESTS[0], gone=False))

    assert told == {**await states(store, artifacts), DIGESTS[0]: State.UNREADABLE}


async def test_a_store_that_goes_away_ends_the_check(store, artifacts):
    await scene(store, artifacts)

    with pytest.raises(DependencyUnavailable):
        await states(store, Failing(artifacts, DIGESTS[0], gone=True))


async def test_it_goes_on_after_a_digest(store, artifacts):
    await scene(store, artifacts)

    told = await states(store, artifacts, after=DIGESTS[2])

    assert list(told) == DIGESTS[3:]


async def test_small_pages_tell_the_same(store, artifacts):
    await scene(store, artifacts)

    assert await states(store, artifacts, page=2) == await states(store, artifacts)


async def test_what_is_missing_names_the_projects_that_hold_it(store, artifacts):
    await scene(store, artifacts)

    [missing] = [one async for one in verify(store, artifacts) if one.state is State.MISSING]

    assert missing == Checked(DIGESTS[1], State.MISSING, len(CONTENTS[1]), (PROJECT,))


async def test_reading_is_held_to_the_rate(store, artifacts):
    data = bytes(1_000_000)
    digest = await artifacts.put(data)
    async with store.transaction() as transaction:
        await transaction.artifacts.add(PROJECT, digest, len(data))
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    await states(store, artifacts, bytes_per_second=100_000.0, clock=lambda: 0.0, sleep=sleep)

    assert slept[-1] == pytest.approx(10.0)
    assert len(slept) == 16  # pieces of 64 KiB


async def test_bytes_that_are_being_uploaded_are_no_orphans(store, artifacts):
    """Their record comes in the transaction that also puts them in their place."""
    await scene(store, artifacts)
    held = artifacts.stored

    async def stored(after: str):
        async for digest in held(after):
            if digest == DIGESTS[4]:
                async with store.transaction() as transaction:
                    await transaction.artifacts.add(PROJECT, digest, 1)
            yield digest

    artifacts.stored = stored

    assert (await states(store, artifacts))[DIGESTS[4]] is State.WHOLE
