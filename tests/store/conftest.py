"""A store over a database of its own."""

from collections.abc import AsyncIterator

import pytest
from modicum_server.store.postgres import PostgresStore
from store_scene import Scene


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(database_url)
    yield store
    await store.close()


@pytest.fixture
def scene(store: PostgresStore) -> Scene:
    return Scene(store)
