"""A store over its own database."""

from collections.abc import AsyncIterator, Callable

import psycopg
import pytest
from modicum_server.store.postgres import PostgresStore

from tests.store.store_scene import Scene


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(database_url)
    yield store
    await store.close()


@pytest.fixture
def scene(store: PostgresStore) -> Scene:
    return Scene(store)


@pytest.fixture
def cut_connections(database_url: str) -> Callable[[], None]:
    """Cut every connection to the test's database, as a restart of the server would."""

    def cut() -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    return cut
