"""A process that is frozen inside a transaction does not keep its locks: the database ends idle transactions."""

from modicum_server.postgres.connections import IDLE_TIMEOUT, open_engine
from modicum_server.store.postgres import PostgresStore
from sqlalchemy import text


async def test_every_connection_of_the_store_lets_the_database_end_a_transaction_that_idles(database_url):
    engine = open_engine(database_url)

    async with engine.begin() as connection:
        idle = await connection.scalar(text(f"SHOW {IDLE_TIMEOUT}"))

    await engine.dispose()
    assert idle == "30s"


async def test_only_a_transaction_that_stores_an_artifact_may_idle_longer(database_url):
    store = PostgresStore(database_url)
    show = text(f"SHOW {IDLE_TIMEOUT}")

    async with store.transaction() as transaction:
        await transaction.artifacts.lock("a" * 64)
        longer = await transaction.artifacts._connection.scalar(show)
    async with store.transaction() as transaction:
        after = await transaction.artifacts._connection.scalar(show)

    await store.close()
    assert (longer, after) == ("10min", "30s")
