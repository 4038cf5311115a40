"""Wake-ups: a transaction that queues shards wakes every worker that listens, and nothing else does."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
import structlog
from modicum_server.domain.audits import NewShard, Stage
from modicum_server.store.postgres import PostgresStore
from modicum_server.store.wakeups import PostgresWakeups

from tests.wire import wired

PROJECT = "projects/default"
PATIENCE_SECONDS = 60


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(database_url)
    yield store
    await store.close()


async def queue_shards(store: PostgresStore, count: int = 1) -> None:
    async with store.transaction() as transaction:
        checks = [NewShard(Stage.CHECK, f"{PROJECT}/models/m/versions/{number}") for number in range(count)]
        await transaction.shards.add(PROJECT, "", checks)


async def is_woken(wakeups: PostgresWakeups, seconds: float = PATIENCE_SECONDS) -> bool:
    """Whether it is woken at all, and not only by the end of its wait."""
    start = asyncio.get_running_loop().time()
    await wakeups.wait(seconds)
    return asyncio.get_running_loop().time() - start < seconds - 0.01


async def test_queued_shards_wake_every_idle_worker_once(store, database_url):
    async with PostgresWakeups(database_url) as one, PostgresWakeups(database_url) as other:
        assert await is_woken(one)  # it begins to listen
        assert await is_woken(other)
        woken = asyncio.gather(is_woken(one), is_woken(other))

        await queue_shards(store, 3)

        assert all(await woken)
        assert not await is_woken(one, 0.3)


async def test_a_transaction_that_is_rolled_back_wakes_nobody(store, database_url):
    async def fail() -> None:
        async with store.transaction() as transaction:
            await transaction.shards.add(PROJECT, "", [NewShard(Stage.CHECK, "another")])
            raise RuntimeError

    async with PostgresWakeups(database_url) as wakeups:
        assert await is_woken(wakeups)

        with pytest.raises(RuntimeError):
            await fail()

        assert not await is_woken(wakeups, 0.3)


async def test_a_worker_that_comes_looks_for_what_was_queued_before(store, database_url):
    await queue_shards(store)

    async with PostgresWakeups(database_url) as wakeups:
        assert await is_woken(wakeups)


async def test_a_worker_hears_again_after_its_connection_was_cut(store, database_url):
    async with PostgresWakeups(database_url) as wakeups:
        assert await is_woken(wakeups)
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        assert await is_woken(wakeups)  # it listens again, so it may have missed something

        await queue_shards(store)

        assert await is_woken(wakeups)


@pytest.mark.long
async def test_a_worker_hears_again_after_its_connection_went_silent(store, database_url):
    async with wired(database_url) as wire, PostgresWakeups(wire.url, ask_seconds=0.5, reply_seconds=0.5) as wakeups:
        assert await is_woken(wakeups)

        wire.forget()
        assert await is_woken(wakeups)
        await queue_shards(store)

        assert await is_woken(wakeups)


async def test_a_name_of_a_host_that_cannot_be_written_is_told_and_tried_again():
    with structlog.testing.capture_logs() as lines:
        async with PostgresWakeups(f"postgresql://modicum@{'a' * 80}.org/modicum") as wakeups:
            await wakeups.wait(0.5)

    assert [line["event"] for line in lines[:2]] == ["listener_lost", "listener_lost"]


async def test_without_its_database_a_wait_still_ends_in_time():
    async with PostgresWakeups("postgresql://modicum@/modicum?host=/nonexistent") as wakeups:
        async with asyncio.timeout(PATIENCE_SECONDS):
            for _ in range(3):
                await wakeups.wait(0.1)
