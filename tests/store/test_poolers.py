"""A pooler in front of Postgres gives each transaction another session: nothing may rest in a session."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
import structlog
from modicum_server.domain.audits import NewShard, Stage
from modicum_server.postgres.connections import IDLE_TIMEOUT, open_engine
from modicum_server.store.postgres import PostgresStore
from modicum_server.store.wakeups import PostgresWakeups
from sqlalchemy import make_url, text

from tests.poolers import Pooler, pooled

PROJECT = "projects/default"
AT_ONCE, TIMES = 12, 10
ASK_SECONDS = 0.5


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


@pytest.mark.long
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


@pytest.fixture
def elsewhere(request, database_url, pooler) -> str:
    """An address that listens and hears nothing."""
    return {"the pooler": pooler.url, "another database": empty_beside(database_url)}[request.param]


def empty_beside(database_url: str) -> str:
    """The address of another database of the same server."""
    return make_url(database_url).set(database="postgres").render_as_string(hide_password=False)


@pytest.mark.parametrize("elsewhere", ["the pooler", "another database"], indirect=True)
@pytest.mark.long_after(1)
async def test_a_listener_that_hears_nothing_says_so_once(store, pooler, elsewhere):
    with structlog.testing.capture_logs() as lines:
        async with PostgresWakeups(elsewhere, notified_at=pooler.url, ask_seconds=ASK_SECONDS) as wakeups:
            await wakeups.wait(60)  # it begins to listen
            await asyncio.sleep(6 * ASK_SECONDS)

    told = [line for line in lines if line["event"] == "listener_deaf"]
    assert [(line["channel"], line["log_level"]) for line in told] == [("modicum_work", "warning")]
    assert "set MODICUM_DATABASE_LISTEN_URL" in told[0]["do"]


@pytest.mark.parametrize("by", ["the database", "the pooler"])
@pytest.mark.long
async def test_a_listener_that_hears_says_nothing_and_wakes_no_other(store, database_url, pooler, by):
    notified_at = {"the database": database_url, "the pooler": pooler.url}[by]
    with structlog.testing.capture_logs() as lines:
        async with PostgresWakeups(database_url, notified_at=notified_at, ask_seconds=ASK_SECONDS) as wakeups:
            await wakeups.wait(60)
            async with PostgresWakeups(database_url, notified_at=notified_at, ask_seconds=ASK_SECONDS):
                start = asyncio.get_running_loop().time()
                await wakeups.wait(4 * ASK_SECONDS)

            assert asyncio.get_running_loop().time() - start > 3 * ASK_SECONDS
            await queue(store, "one")
            async with asyncio.timeout(60):
                await wakeups.wait(60)
    assert lines == []


async def test_a_store_goes_on_after_its_pooler_was_killed(store, pooler):
    await queue(store, "before")
    pooler.kill()
    pooler.start()

    await queue(store, "after")

    async with store.transaction() as transaction:
        assert (await transaction.shards.facts())["queued"] == 2
