"""A pooler in front of Postgres gives each transaction another session: nothing may rest in a session."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from modicum_server.domain.audits import NewShard, Stage
from modicum_server.postgres.connections import IDLE_TIMEOUT, open_engine
from modicum_server.store.postgres import PostgresStore
from modicum_server.store.wakeups import PostgresWakeups
from sqlalchemy import text

from tests.poolers import Pooler, pooled

PROJECT = "projects/default"
AT_ONCE, TIMES = 12, 10


@pytest.fixture
def pooler(database_url) -> Iterator[Pooler]:
    with pooled(database_url) as pooler:
        yield pooler


@pytest.fixture
async def store(pooler) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(pooler.url, pooled=True)
    yield store
    await store.close()


async def queue(store: PostgresStore, name: str) -> None:
    async with store.transaction() as transaction:
        await transaction.shards.add(PROJECT, "", [NewShard(Stage.CHECK, name)])


async def test_more_transactions_than_sessions_repeat_their_statements(store):
    async def many(number: int) -> None:
        for time in range(TIMES):
            await queue(store, f"{number}-{time}")

    await asyncio.gather(*map(many, range(AT_ONCE)))

    async with store.transaction() as transaction:
        facts = await transaction.shards.facts()
    assert facts["queued"] == AT_ONCE * TIMES


async def test_each_transaction_may_be_ended_if_it_idles_and_leaves_nothing_behind(pooler):
    engine = open_engine(pooler.url, pooled=True)
    async with engine.begin() as connection:
        within = await connection.scalar(text(f"SHOW {IDLE_TIMEOUT}"))
    await engine.dispose()

    with psycopg.connect(pooler.url, autocommit=True, prepare_threshold=None) as connection:
        left = {connection.execute(f"SHOW {IDLE_TIMEOUT}").fetchone() for _ in range(10)}

    assert within == "30s"
    assert left == {("0",)}


async def test_work_that_is_queued_over_the_pooler_wakes_a_worker_that_listens_past_it(store, database_url):
    async with PostgresWakeups(database_url) as wakeups, asyncio.timeout(60):
        await wakeups.wait(60)  # it begins to listen

        await queue(store, "one")

        await wakeups.wait(60)


async def test_a_store_goes_on_after_its_pooler_was_killed(store, pooler):
    await queue(store, "before")
    pooler.kill()
    pooler.start()

    await queue(store, "after")

    async with store.transaction() as transaction:
        assert (await transaction.shards.facts())["queued"] == 2
