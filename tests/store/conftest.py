"""A store over its own database."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import LiteralString

import psycopg
import pytest
from modicum_server.store.postgres import PostgresStore

from tests import lock_waits
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
def run_sql(database_url: str) -> Callable[[LiteralString], None]:
    """Run a statement in the test's database, beside the store."""

    def run(statement: LiteralString) -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(statement)

    return run


@pytest.fixture
def cut_connections(run_sql: Callable[[LiteralString], None]) -> Callable[[], None]:
    """Cut every connection to the test's database, as a restart of the server would."""
    return lambda: run_sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


@pytest.fixture
def until_one_waits(database_url: str) -> Callable[[], Awaitable[None]]:
    """Wait until a transaction in the test's database waits for a lock that another one holds."""
    return partial(lock_waits.until_one_waits, database_url)
