import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest
from modicum_server.domain.audits import NewShard, Stage
from modicum_server.queue.wakeups import QueueWakeups
from modicum_server.store.postgres import PostgresStore

from tests.wire import wired

PROJECT = "projects/default"
PATIENCE_SECONDS = 60
NEVER_SECONDS = 1000


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(database_url)
    yield store
    await store.close()


async def queue_shards(store: PostgresStore, count: int = 1) -> None:
    async with store.transaction() as transaction:
        checks = [NewShard(Stage.CHECK, f"{PROJECT}/models/m/versions/{number}") for number in range(count)]
        await transaction.shards.add(PROJECT, "", checks)


def jobs(database_url: str) -> dict[str, int]:
    with psycopg.connect(database_url) as connection:
        return dict(
            connection.execute(
                "SELECT status::text, count(*) FROM procrastinate.procrastinate_jobs GROUP BY 1"
            ).fetchall()
        )


async def no_jobs(database_url: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await asyncio.to_thread(jobs, database_url):  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.05)


async def quiet(wakeups: QueueWakeups) -> None:
    """Wait until nothing wakes any more: a start and a cleared job may wake once more than needed."""
    clock = asyncio.get_running_loop().time
    while True:
        start = clock()
        await wakeups.wait(0.5)
        if clock() - start >= 0.49:
            return


async def is_woken(wakeups: QueueWakeups) -> bool:
    """Whether it is woken at all, and not only by the end of its wait."""
    start = asyncio.get_running_loop().time()
    await wakeups.wait(PATIENCE_SECONDS)
    return asyncio.get_running_loop().time() - start < PATIENCE_SECONDS


async def test_a_wake_up_is_queued_for_each_shard_in_the_same_transaction(store, database_url):
    await queue_shards(store, 3)

    async def fail():
        async with store.transaction() as transaction:
            await transaction.shards.add(PROJECT, "", [NewShard(Stage.CHECK, "another")])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()

    assert jobs(database_url) == {"todo": 3}


async def test_a_queued_shard_wakes_every_idle_worker_and_its_job_is_cleared_away(store, database_url):
    async with (
        QueueWakeups(database_url, poll_seconds=NEVER_SECONDS) as one,
        QueueWakeups(database_url, poll_seconds=NEVER_SECONDS) as other,
    ):
        await asyncio.gather(quiet(one), quiet(other))
        woken = asyncio.gather(is_woken(one), is_woken(other))

        await queue_shards(store)

        assert all(await woken)
        await no_jobs(database_url)


async def test_nothing_wakes_a_worker_before_its_time(database_url):
    async with QueueWakeups(database_url) as wakeups:
        await quiet(wakeups)
        start = asyncio.get_running_loop().time()

        await wakeups.wait(0.3)

        assert asyncio.get_running_loop().time() - start >= 0.29


async def test_what_was_queued_before_a_worker_came_wakes_it(store, database_url):
    await queue_shards(store, 5)

    async with QueueWakeups(database_url, poll_seconds=NEVER_SECONDS) as wakeups:
        assert await is_woken(wakeups)
        await no_jobs(database_url)


async def test_thousands_of_wake_ups_are_cleared_away_together_and_delayed_ones_are_left(store, database_url):
    await queue_shards(store, 3000)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET search_path TO procrastinate")
        connection.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, scheduled_at)"
            " VALUES ('modicum', 'modicum.wake', now() + interval '1 hour')"
        )

    async with QueueWakeups(database_url) as wakeups:
        await quiet(wakeups)

        assert jobs(database_url) == {"todo": 1}


async def test_a_worker_hears_again_after_its_connections_were_cut(store, database_url):
    async with QueueWakeups(database_url) as wakeups:
        await quiet(wakeups)
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        await store.close()

        await queue_shards(store)

        assert await is_woken(wakeups)
        await no_jobs(database_url)


async def test_a_job_that_a_dead_worker_took_is_cleared_away(database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SET search_path TO procrastinate")
        connection.execute(
            "WITH dead AS ("
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour') RETURNING id)"
            " INSERT INTO procrastinate_jobs (queue_name, task_name, status, worker_id)"
            " SELECT 'modicum', 'modicum.wake', 'doing', id FROM dead"
        )
    assert jobs(database_url) == {"doing": 1}

    async with QueueWakeups(database_url):
        await no_jobs(database_url)


async def test_without_its_database_a_wait_still_ends_in_time():
    async with QueueWakeups("postgresql://modicum@/modicum?host=/nonexistent") as wakeups:
        async with asyncio.timeout(PATIENCE_SECONDS):
            for _ in range(3):
                await wakeups.wait(0.1)


@pytest.mark.long
async def test_jobs_are_cleared_away_again_after_connections_went_silent(store, database_url):
    async with wired(database_url) as wire, QueueWakeups(wire.url, longest_wait_seconds=3.0):
        await queue_shards(store)
        await no_jobs(database_url)

        wire.forget()
        await queue_shards(store, 2)

        await no_jobs(database_url)
