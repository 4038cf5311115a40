"""Database and artifact store belong together by one id, made at the first start and checked at each."""

import asyncio
import hashlib

import pytest
from modicum_server.artifacts.store import open_artifact_store
from modicum_server.ports import ArtifactStore
from modicum_server.store.postgres import PostgresStore
from modicum_server.usecases.store_identity import Place, StoresMixed, refuse_mixed_stores, require_one_store


@pytest.fixture
async def store(database_url):
    store = PostgresStore(database_url)
    yield store
    await store.close()


@pytest.fixture
def url(artifacts_url) -> str:
    return artifacts_url


def opened(url: str, tmp_path) -> ArtifactStore:
    return open_artifact_store(url, spool=tmp_path / "spool")


async def start(store, artifacts) -> None:
    await require_one_store(store, artifacts, Place("postgresql://one/modicum", "/the/artifacts"))


async def id_of(store) -> str:
    async with store.transaction() as transaction:
        known = await transaction.identity.get()
    return known.id


async def test_the_first_start_gives_both_one_id_and_later_starts_agree(store, url, tmp_path):
    await start(store, opened(url, tmp_path))
    first = await id_of(store)
    await start(store, opened(url, tmp_path))

    assert await opened(url, tmp_path).store_id() == await id_of(store) == first


async def test_an_artifact_store_of_another_database_is_refused_and_the_message_tells_which_is_whose(
    store, url, tmp_path
):
    other = opened(f"{url}-other", tmp_path)
    await other.set_store_id("other-store")
    await start(store, opened(url, tmp_path))

    with pytest.raises(StoresMixed) as refused:
        await start(store, other)

    assert f"the database postgresql://one/modicum belongs to store {await id_of(store)}" in str(refused.value)
    assert "the artifact store /the/artifacts belongs to store other-store" in str(refused.value)
    assert "MODICUM_DATABASE_URL" in str(refused.value)


async def test_a_new_database_with_the_artifacts_of_another_is_refused_and_changes_nothing(store, url, tmp_path):
    artifacts = opened(url, tmp_path)
    await artifacts.set_store_id("other-store")

    for _ in range(2):
        with pytest.raises(StoresMixed, match=r"is new, and .* other-store.*older.* delete the file store-id"):
            await start(store, artifacts)

    assert await artifacts.store_id() == "other-store"


async def test_an_empty_artifact_store_is_refused_by_a_database_that_has_one(store, url, tmp_path):
    await start(store, opened(url, tmp_path))

    with pytest.raises(StoresMixed, match="mount"):
        await start(store, opened(f"{url}-unmounted", tmp_path))


async def test_an_upgrade_gives_no_id_to_an_empty_store_when_the_database_knows_artifacts(store, url, tmp_path):
    """The store may not be mounted. It is given an id once it is."""
    artifacts = opened(url, tmp_path)
    digest = hashlib.sha256(b"a picture").hexdigest()
    async with store.transaction() as transaction:
        await transaction.artifacts.add("projects/default", digest, 9)

    with pytest.raises(StoresMixed, match=r"is empty.*mount"):
        await start(store, artifacts)
    refused_id = await artifacts.store_id()
    await artifacts.put(b"a picture")
    await start(store, artifacts)

    assert (refused_id, await artifacts.store_id()) == (None, await id_of(store))


async def test_two_first_starts_at_once_agree(store, url, tmp_path):
    await asyncio.gather(*(start(store, opened(url, tmp_path)) for _ in range(4)))

    assert await opened(url, tmp_path).store_id() == await id_of(store)


async def test_a_look_at_both_changes_neither(store, url, tmp_path):
    artifacts = opened(url, tmp_path)
    place = Place("postgresql://one/modicum", "/the/artifacts")

    await refuse_mixed_stores(store, artifacts, place)
    before = await artifacts.store_id()
    await start(store, artifacts)

    assert before is None
    with pytest.raises(StoresMixed):
        await refuse_mixed_stores(store, opened(f"{url}-other", tmp_path), place)


async def test_a_first_start_that_ended_before_the_artifact_store_had_its_id_is_completed(store, url, tmp_path):
    async with store.transaction() as transaction:
        await transaction.identity.begin("begun")

    await start(store, opened(url, tmp_path))

    assert await opened(url, tmp_path).store_id() == "begun"
    with pytest.raises(StoresMixed):
        await start(store, opened(f"{url}-other", tmp_path))
