"""Under root, PostgreSQL has a user of its own, and gets the files that earlier releases gave to `nobody`."""

import os
import pwd
import stat
from pathlib import Path

import psycopg
import pytest
from modicum_server.local.postgres import SOCKET_NOTE, EmbeddedPostgres
from modicum_server.local.postgres_binaries import LocalPostgresError
from modicum_server.local.postgres_user import OWN_USER, SHARED_USER, hand_over, postgres_user
from modicum_server.processes.system_users import Making

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")


def owners(folder: Path) -> set[str]:
    return {pwd.getpwuid(path.lstat().st_uid).pw_name for path in [folder, *folder.rglob("*")]}


async def test_it_runs_as_a_user_of_its_own_who_owns_its_files(short_folder):
    postgres = EmbeddedPostgres(short_folder / "postgres")
    await postgres.start()

    runs_as = Path(f"/proc/{postgres.pid}").stat().st_uid
    await postgres.stop()

    assert pwd.getpwuid(runs_as).pw_name == OWN_USER
    assert pwd.getpwnam(OWN_USER).pw_shell == "/bin/false"
    assert owners(short_folder / "postgres") == {"root", OWN_USER}


@pytest.mark.long
async def test_where_none_can_be_made_it_is_nobody_and_the_log_says_what_to_do(short_folder, capsys):
    user = postgres_user("modicum-nobody-made", Making(makers=(), locked_seconds=0.0))
    postgres = EmbeddedPostgres(short_folder / "postgres", runs_as=user)
    await postgres.start()
    runs_as = Path(f"/proc/{postgres.pid}").stat().st_uid
    await postgres.stop()

    assert pwd.getpwuid(runs_as).pw_name == SHARED_USER
    assert "useradd --system modicum-nobody-made" in capsys.readouterr().out


@pytest.mark.long
async def test_a_folder_of_an_earlier_release_starts_with_its_data_and_is_nobodys_no_longer(short_folder):
    folder = short_folder / "postgres"
    before = EmbeddedPostgres(folder, runs_as=pwd.getpwnam(SHARED_USER))
    await before.start()
    with psycopg.connect(before.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS one")
    await before.stop()
    then = owners(folder)

    after = EmbeddedPostgres(folder)
    await after.start()
    with psycopg.connect(after.url) as connection:
        kept = connection.execute("SELECT one FROM kept").fetchall()
    await after.stop()

    assert then == {"root", SHARED_USER}
    assert kept == [(7,)]
    assert owners(folder) == {"root", OWN_USER}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.fixture
def old(short_folder) -> Path:
    """A folder of `nobody` with a file in it."""
    folder = short_folder / "old"
    (folder / "cluster").mkdir(parents=True)
    (folder / "cluster" / "PG_VERSION").write_text("18")
    nobody = pwd.getpwnam(SHARED_USER)
    for path in (folder, folder / "cluster", folder / "cluster" / "PG_VERSION"):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    return folder


def test_nothing_that_a_link_names_is_given_away(old, short_folder):
    precious = short_folder / "precious"
    precious.write_text("of root")
    (old / "cluster" / "hard").hardlink_to(precious)
    hand_over(old, postgres_user())
    mine = precious.stat().st_uid

    os.chown(old, pwd.getpwnam(SHARED_USER).pw_uid, -1)
    (old / "cluster" / "pg_wal").symlink_to(short_folder)
    with pytest.raises(LocalPostgresError, match="pg_wal is neither a file nor a folder"):
        hand_over(old, postgres_user())

    assert mine == precious.stat().st_uid == short_folder.stat().st_uid == 0


def test_a_hand_over_that_was_refused_goes_on_when_the_cause_is_gone(old):
    foreign = old / "cluster" / "foreign"
    foreign.touch()
    os.chown(foreign, 12345, 12345)
    owner = postgres_user()
    with pytest.raises(LocalPostgresError, match="belongs to the user with the id 12345"):
        hand_over(old, owner)
    between = old.stat().st_uid

    foreign.unlink()
    hand_over(old, owner)

    assert between == 0, "nobody but root may enter it meanwhile"
    assert owners(old) == {OWN_USER}


async def test_a_note_that_root_did_not_write_deletes_nothing(old, short_folder):
    precious = short_folder / "precious"
    precious.mkdir()
    (old / "cluster" / "PG_VERSION").unlink()
    (old / "cluster").rmdir()
    note = old / SOCKET_NOTE
    note.write_text(str(precious))
    os.chown(note, pwd.getpwnam(SHARED_USER).pw_uid, -1)

    postgres = EmbeddedPostgres(old)
    await postgres.reserve()
    await postgres.stop()

    assert precious.exists()
