import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from modicum_server.local import postgres_binaries
from modicum_server.local.postgres import EmbeddedPostgres, FolderInUseError
from modicum_server.local.postgres_binaries import LocalPostgresError

from tests.living import lives
from tests.waiting import eventually

#: Starts a server, prints its pid and URL, and waits to be killed.
VICTIM = """
import asyncio, sys
from pathlib import Path
from modicum_server.local.postgres import EmbeddedPostgres

async def main():
    postgres = EmbeddedPostgres(Path(sys.argv[1]))
    await postgres.start()
    print(postgres.pid, postgres.url, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def start_victim(folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", VICTIM, str(folder)], stdout=subprocess.PIPE, text=True)


async def test_it_listens_only_on_a_private_socket_and_keeps_its_data(short_folder):
    folder = short_folder / "postgres"
    for expected in ([], [(1,)]):
        postgres = EmbeddedPostgres(folder)
        await postgres.start()
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (one int)")
            assert connection.execute("SELECT * FROM kept").fetchall() == expected
            connection.execute("INSERT INTO kept VALUES (1)")
            (sockets,) = connection.execute("SHOW unix_socket_directories").fetchone()
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
            assert connection.execute("SHOW fsync").fetchone() == ("on",)
        assert stat.S_IMODE(Path(sockets).stat().st_mode) == 0o700
        pid = postgres.pid
        await postgres.stop()
        assert not lives(pid)
        assert not Path(sockets).exists()


@pytest.mark.long
async def test_a_second_start_on_the_folder_says_so_and_leaves_the_first_alone(short_folder):
    first = EmbeddedPostgres(short_folder / "postgres")
    await first.start()

    second = EmbeddedPostgres(short_folder / "postgres", lock_timeout_seconds=0.1)
    with pytest.raises(FolderInUseError, match="another process"):
        await second.start()

    with psycopg.connect(first.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    await first.stop()


async def test_it_ends_with_the_process_that_started_it_and_starts_again_at_once(short_folder):
    folder = short_folder / "postgres"
    victim = start_victim(folder)
    pid, url = victim.stdout.readline().split()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (one int)")

    victim.kill()
    victim.wait()
    victim.stdout.close()
    again = EmbeddedPostgres(folder, lock_timeout_seconds=60)
    await again.start()

    eventually(lambda: not lives(int(pid)), "the end of PostgreSQL")
    with psycopg.connect(again.url) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    await again.stop()


@pytest.mark.long
async def test_a_pid_file_that_a_power_cut_left_does_not_keep_it_from_starting(short_folder):
    folder = short_folder / "postgres"
    postgres = EmbeddedPostgres(folder)
    await postgres.start()
    pid_file = (folder / "cluster" / "postmaster.pid").read_text()
    os.killpg(postgres.pid, signal.SIGKILL)
    await postgres.stop()
    # The number now belongs to an unrelated process: this one.
    (folder / "cluster" / "postmaster.pid").write_text(f"{os.getpid()}\n{pid_file.partition(chr(10))[2]}")

    await postgres.start()

    with psycopg.connect(postgres.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    await postgres.stop()


@pytest.mark.long
async def test_permissions_outside_the_data_folder_stay_as_they_are(short_folder):
    outside = [short_folder, *short_folder.parents, Path(sys.prefix)]
    before = [path.stat().st_mode for path in outside]

    postgres = EmbeddedPostgres(short_folder / "postgres")
    await postgres.start()
    await postgres.stop()

    assert [path.stat().st_mode for path in outside] == before
    assert stat.S_IMODE((short_folder / "postgres").stat().st_mode) == 0o700


@pytest.mark.long
async def test_a_server_that_does_not_start_says_why_and_leaves_nothing_running(short_folder):
    postgres = EmbeddedPostgres(short_folder / "postgres", settings={"shared_buffers": "nonsense"})

    with pytest.raises(LocalPostgresError, match="shared_buffers"):
        await postgres.start()

    assert postgres.pid is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
async def test_as_root_an_unreachable_folder_is_refused_with_a_solution(short_folder):
    closed = short_folder / "closed"
    closed.mkdir(mode=0o700)

    with pytest.raises(LocalPostgresError, match="/var/lib/modicum"):
        await EmbeddedPostgres(closed / "postgres").start()

    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
async def test_as_root_programs_that_nobody_can_reach_are_copied(short_folder, monkeypatch):
    monkeypatch.setattr(postgres_binaries, "_reachable", lambda _: False)
    postgres = EmbeddedPostgres(short_folder / "postgres")

    await postgres.start()

    with psycopg.connect(postgres.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert Path(f"/proc/{postgres.pid}/exe").resolve().is_relative_to(short_folder.resolve())
    await postgres.stop()
