"""The embedded PostgreSQL is restarted at the same address with its data, but not for ever."""

import asyncio
import contextlib
import os
import signal
import time

import psycopg
import pytest
from modicum_server.local.postgres import EmbeddedPostgres
from modicum_server.local.postgres_binaries import LocalPostgresError
from modicum_server.local.postgres_keeper import keep_running

from tests.waiting import PATIENCE_SECONDS, until


@pytest.fixture
async def postgres(short_folder):
    postgres = EmbeddedPostgres(short_folder / "postgres")
    await postgres.start()
    yield postgres
    await postgres.stop()


async def query(postgres: EmbeddedPostgres, statement: str) -> list:
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(postgres.url) as connection:
                return await (await connection.execute(statement)).fetchall()
        except psycopg.OperationalError:
            assert time.monotonic() < end, "it does not respond again"
            await asyncio.sleep(0.05)


async def test_killed_it_restarts_at_the_same_address_with_its_data(postgres, capsys):
    async with await psycopg.AsyncConnection.connect(postgres.url, autocommit=True) as connection:
        await connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    url, first = postgres.url, postgres.pid
    keeping_it = asyncio.create_task(keep_running(postgres))
    os.kill(first, signal.SIGKILL)
    await asyncio.sleep(0)

    assert await query(postgres, "SELECT one FROM kept") == [(1,)]

    await until(lambda: "is running again" in postgres.log.read_text())
    keeping_it.cancel()
    assert (postgres.url, postgres.pid == first) == (url, False)
    assert f"exit code -9 and is being started again; its log is {postgres.log}" in capsys.readouterr().err


@pytest.mark.long
async def test_terminated_by_another_process_it_restarts_despite_an_open_connection(postgres, capsys):
    url, first = postgres.url, postgres.pid
    keeping_it = asyncio.create_task(keep_running(postgres))
    async with await psycopg.AsyncConnection.connect(postgres.url, autocommit=True) as held:
        os.kill(first, signal.SIGTERM)
        await until(lambda: "smart shutdown" in postgres.log.read_text())

        assert await query(postgres, "SELECT 1") == [(1,)]

        with pytest.raises(psycopg.OperationalError):
            await held.execute("SELECT 1")
    await until(lambda: "is running again" in postgres.log.read_text())
    keeping_it.cancel()
    assert (postgres.url, postgres.pid == first) == (url, False)
    said = capsys.readouterr().err
    assert "something else asked PostgreSQL to stop" in said
    assert "exit code 0 and is being started again" in said


@pytest.mark.long
async def test_a_running_postgres_is_left_alone(postgres, capsys):
    first = postgres.pid
    keeping_it = asyncio.create_task(keep_running(postgres, look_seconds=0.05))
    async with await psycopg.AsyncConnection.connect(postgres.url, autocommit=True) as held:
        await held.execute("SELECT pg_sleep(1)")
    keeping_it.cancel()
    assert (postgres.pid, capsys.readouterr().err) == (first, "")


@pytest.mark.long
async def test_a_restart_waits_for_processes_that_a_killed_postmaster_left(postgres):
    async with await psycopg.AsyncConnection.connect(postgres.url, autocommit=True) as connection:
        (orphan,) = await (await connection.execute("SELECT pg_backend_pid()")).fetchone()
        os.kill(orphan, signal.SIGSTOP)
        keeping_it = asyncio.create_task(keep_running(postgres))
        first = postgres.pid
        os.kill(first, signal.SIGKILL)
        await until(lambda: "ended with" in postgres.log.read_text())
        await asyncio.sleep(1)
        assert postgres.pid == first, "a second server was started beside what works on the files"

        os.kill(orphan, signal.SIGCONT)

        assert await query(postgres, "SELECT 1") == [(1,)]
        keeping_it.cancel()


@pytest.mark.long
async def test_a_postgres_that_keeps_dying_is_given_up_with_the_path_of_its_log(postgres):
    async def kill_for_ever() -> None:
        while True:
            if (postgres.log.parent / "cluster" / "postmaster.pid").exists():
                with contextlib.suppress(ProcessLookupError):  # the file of the one that was just killed
                    os.kill(postgres.pid, signal.SIGKILL)
            await asyncio.sleep(0.05)

    killing = asyncio.create_task(kill_for_ever())
    with pytest.raises(LocalPostgresError, match=r"ended 5 times within 5 minutes.*postgres\.log"):
        await asyncio.wait_for(keep_running(postgres, pause_seconds=0), PATIENCE_SECONDS)
    killing.cancel()


@pytest.mark.long
async def test_the_log_of_the_last_run_is_kept_beside_that_of_this_one(short_folder):
    for _ in range(2):
        postgres = EmbeddedPostgres(short_folder / "postgres")
        await postgres.start()
        await postgres.stop()

    logs = [postgres.log, postgres.log.with_suffix(".log.1")]
    assert [log.read_text().count("database system is ready") for log in logs] == [1, 1]
