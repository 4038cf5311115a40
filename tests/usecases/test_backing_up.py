"""A backup is of one moment, and comes back whole: what is damaged, edited or not empty is refused."""

import gzip
import hashlib
import json
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from modicum_server.backups.folder import make_place, read_manifest
from modicum_server.bootstrap import open_backup
from modicum_server.errors import DependencyUnavailable
from modicum_server.settings import Settings
from modicum_server.store.database_copies import copied_tables
from modicum_server.store.tables import metadata
from modicum_server.usecases.artifacts import Artifacts
from modicum_server.usecases.backing_up import back_up
from modicum_server.usecases.backup_errors import (
    BackupDamaged,
    BackupPlaceTaken,
    BackupUnderWay,
    BackupUnknown,
    StoreNotEmpty,
)
from modicum_server.usecases.verifying import State

from tests.usecases.backing_up_stage import (
    ADMIN,
    CONTENTS,
    DIGESTS,
    PROJECT,
    Server,
    backed_up,
    dataset,
    restored,
    rows_of,
    unseen,
    unthrottled,
)


@pytest.fixture
async def server(database_url, tmp_path):
    server = Server(database_url, tmp_path / "artifacts")
    for data in CONTENTS:
        await server.hold(data)
    yield server
    await server.close()


@pytest.fixture
async def empty(empty_database_url, tmp_path):
    empty = Server(empty_database_url, tmp_path / "restored")
    yield empty
    await empty.close()


async def test_all_rows_and_bytes_come_back(server, empty, tmp_path):
    await backed_up(server, tmp_path / "backup")

    await restored(tmp_path / "backup", empty)

    assert await rows_of(empty) == await rows_of(server)
    assert await empty.states() == dict.fromkeys(sorted(DIGESTS), State.WHOLE)


@pytest.mark.long
async def test_a_restored_store_has_no_id_yet_so_that_it_is_never_taken_for_the_other(server, empty, tmp_path):
    async with server.store.transaction() as transaction:
        await transaction.identity.begin("theirs")
    await server.artifacts.set_store_id("theirs")
    made, _ = await backed_up(server, tmp_path / "backup")

    await restored(tmp_path / "backup", empty)

    async with empty.store.transaction() as transaction:
        assert await transaction.identity.get() is None
    assert await empty.artifacts.store_id() is None
    assert made.store_id == "theirs"


async def test_every_table_is_copied_but_sessions_workers_and_the_stores_id():
    copied = {shape.name for shape in copied_tables()}

    assert set(metadata.tables) - copied == {"sessions", "sign_in_links", "store_identity", "workers"}


@pytest.mark.long
async def test_new_numbers_follow_those_that_came_back(server, empty, tmp_path):
    await dataset(server, "first")
    await dataset(server, "second")
    await backed_up(server, tmp_path / "backup")
    await restored(tmp_path / "backup", empty)

    await dataset(empty, "third")

    async with empty.store.transaction() as transaction:
        newest = await transaction.datasets.newest(PROJECT, limit=3)
    assert [each.name.rpartition("/")[2] for each in newest] == ["third", "second", "first"]


async def test_what_comes_after_the_moment_is_not_in_the_backup(server, empty, tmp_path):
    """Bytes and a row that come while the tables are copied."""
    held = server.copies.snapshot

    class Late:
        """Commits an artifact after the snapshot was taken."""

        def __getattr__(self, name):
            return getattr(server.copies, name)

        def snapshot(self):
            return _with_late_row(held, server)

    make_place(tmp_path / "backup")
    await back_up(
        Late(), server.artifacts, open_backup(tmp_path / "backup"), release="1", throttle=unthrottled(), show=unseen
    )
    await restored(tmp_path / "backup", empty)

    assert set(await empty.states()) == set(DIGESTS)
    assert len(await server.states()) == len(DIGESTS) + 1


def _with_late_row(held, server):
    @asynccontextmanager
    async def snapshot():
        async with held() as taken:
            await server.hold(b"late")
            yield taken

    return snapshot()


@pytest.mark.long
async def test_bytes_that_are_deleted_while_a_backup_runs_are_in_it_and_stay_until_it_has_ended(
    server, empty, tmp_path
):
    use_cases = Artifacts(server.store, server.artifacts, Settings())
    name = f"{PROJECT}/artifacts/{DIGESTS[0]}"
    source = server.artifacts

    class Deleting:
        """Deletes an artifact before the first one is copied."""

        deleted = False

        def __getattr__(self, called):
            return getattr(source, called)

        async def read(self, digest):
            if not self.deleted:
                self.deleted = True
                await use_cases.delete(ADMIN, name)
            async for piece in source.read(digest):
                yield piece

    make_place(tmp_path / "backup")
    made, _ = await back_up(
        server.copies, Deleting(), open_backup(tmp_path / "backup"), release="1", throttle=unthrottled(), show=unseen
    )
    await restored(tmp_path / "backup", empty)

    assert made.damaged == ()
    assert await empty.states() == dict.fromkeys(sorted(DIGESTS), State.WHOLE)
    assert (await server.states())[DIGESTS[0]] is State.ORPHANED


@pytest.mark.long
async def test_after_a_backup_bytes_are_deleted_again(server, tmp_path):
    await backed_up(server, tmp_path / "backup")

    await Artifacts(server.store, server.artifacts, Settings()).delete(ADMIN, f"{PROJECT}/artifacts/{DIGESTS[0]}")

    assert DIGESTS[0] not in await server.states()


async def test_a_second_backup_at_the_same_time_is_refused(server, tmp_path, database_url):
    second = Server(database_url, tmp_path / "artifacts", lock_seconds=0.0)

    async with server.copies.deleting_nothing():
        with pytest.raises(BackupUnderWay):
            await backed_up(second, tmp_path / "backup")

    await second.close()


async def test_what_the_store_has_lost_or_damaged_is_named_and_all_else_is_kept(server, empty, tmp_path):
    lost, damaged = DIGESTS[0], DIGESTS[1]
    await server.artifacts.delete(lost)
    await server.artifacts.delete(damaged)
    server.artifacts._path(damaged).write_bytes(b"other bytes")

    made, _ = await backed_up(server, tmp_path / "backup")
    await restored(tmp_path / "backup", empty)

    assert {one.digest: one.state for one in made.damaged} == {lost: "MISSING", damaged: "CORRUPT"}
    states = await empty.states()
    assert [states[digest] for digest in DIGESTS] == [State.MISSING, State.MISSING, State.WHOLE, State.WHOLE]


@pytest.mark.long
async def test_an_interrupted_backup_goes_on_with_what_is_missing(server, empty, tmp_path):
    source, read = server.artifacts, []

    class Ending:
        """Goes away before the third artifact, the first time."""

        away = True

        def __getattr__(self, called):
            return getattr(source, called)

        async def store_id(self):
            raise DependencyUnavailable

        async def read(self, digest):
            if len(read) == 2 and self.away:
                self.away = False
                raise DependencyUnavailable
            read.append(digest)
            async for piece in source.read(digest):
                yield piece

    ending, place = Ending(), tmp_path / "backup"
    make_place(place)
    with pytest.raises(DependencyUnavailable):
        await back_up(server.copies, ending, open_backup(place), release="1", throttle=unthrottled(), show=unseen)
    make_place(place)
    await back_up(server.copies, ending, open_backup(place), release="1", throttle=unthrottled(), show=unseen)

    assert read == sorted(DIGESTS)
    await restored(place, empty)
    assert await empty.states() == dict.fromkeys(sorted(DIGESTS), State.WHOLE)


def _truncate(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1])


def _other_rows(path: Path) -> None:
    """As many bytes as before."""
    path.write_bytes(bytes(reversed(path.read_bytes())))


def _edited_manifest(path: Path) -> None:
    manifest = json.loads(path.read_text())
    manifest["schema"] = "0001"
    path.write_text(json.dumps(manifest))


DAMAGE = {
    "a table cut off": ("tables/projects.copy.gz", _truncate),
    "a table edited": ("tables/projects.copy.gz", _other_rows),
    "a table gone": ("tables/projects.copy.gz", Path.unlink),
    "the list cut off": ("artifacts.txt.gz", _truncate),
    "an artifact cut off": (f"artifacts/sha256/{DIGESTS[2][:2]}/{DIGESTS[2]}", _truncate),
    "an artifact gone": (f"artifacts/sha256/{DIGESTS[2][:2]}/{DIGESTS[2]}", Path.unlink),
    "the manifest edited": ("manifest.json", _edited_manifest),
    "its digest gone": ("manifest.sha256", Path.unlink),
}


@pytest.mark.long_after(2)
@pytest.mark.parametrize("case", DAMAGE)
async def test_a_damaged_backup_is_refused_and_leaves_the_database_empty(case, server, empty, tmp_path):
    place = tmp_path / "backup"
    await backed_up(server, place)
    name, harm = DAMAGE[case]
    harm(place / name)

    with pytest.raises(BackupDamaged):
        await restored(place, empty)

    await empty.copies.require_empty()


@pytest.mark.long
async def test_rows_that_do_not_fit_leave_the_database_empty(server, empty, tmp_path):
    """Files that were edited together with their digests."""
    place = tmp_path / "backup"
    await backed_up(server, place)
    manifest = json.loads((place / "manifest.json").read_text())
    (table,) = (each for each in manifest["tables"] if each["shape"]["name"] == "artifacts")
    packed = gzip.compress(b"projects/gone\tabc\t1\t2026-01-01 00:00:00+00\n")
    (place / table["file"]["path"]).write_bytes(packed)
    table["rows"] = 1
    table["file"] |= {"size_bytes": len(packed), "sha256": hashlib.sha256(packed).hexdigest()}
    text = json.dumps(manifest).encode()
    (place / "manifest.json").write_bytes(text)
    (place / "manifest.sha256").write_text(f"{hashlib.sha256(text).hexdigest()}  manifest.json\n")

    with pytest.raises(BackupDamaged, match="do not fit"):
        await restored(place, empty)

    await empty.copies.require_empty()


async def test_an_unfinished_backup_is_not_restored(tmp_path):
    make_place(tmp_path / "backup")

    with pytest.raises(BackupUnknown, match="no finished backup"):
        read_manifest(tmp_path / "backup")


@pytest.mark.long
async def test_a_finished_backup_is_never_written_over(server, tmp_path):
    await backed_up(server, tmp_path / "backup")

    with pytest.raises(BackupPlaceTaken):
        make_place(tmp_path / "backup")


async def test_a_folder_with_something_else_is_refused(tmp_path):
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "mine.txt").write_text("mine")

    with pytest.raises(BackupPlaceTaken, match=r"mine\.txt"):
        make_place(tmp_path / "backup")


async def test_a_database_that_has_a_schema_is_refused(server, tmp_path):
    await backed_up(server, tmp_path / "backup")

    with pytest.raises(StoreNotEmpty, match="empty database"):
        await restored(tmp_path / "backup", server)


@pytest.mark.long_after(1)
@pytest.mark.parametrize("taken", ["id", "bytes"])
async def test_an_artifact_store_that_is_not_empty_is_refused(taken, server, empty, tmp_path):
    await backed_up(server, tmp_path / "backup")
    if taken == "id":
        await empty.artifacts.set_store_id("another")
    else:
        await empty.artifacts.put(b"of another store")

    with pytest.raises(StoreNotEmpty):
        await restored(tmp_path / "backup", empty)


@pytest.mark.long
async def test_an_interrupted_restore_is_repeated(server, empty, tmp_path):
    """The bytes that it brought are of the same backup."""
    await backed_up(server, tmp_path / "backup")
    await empty.artifacts.put(CONTENTS[1])

    await restored(tmp_path / "backup", empty)

    assert await empty.states() == dict.fromkeys(sorted(DIGESTS), State.WHOLE)


async def test_nobody_else_may_read_a_backup(server, tmp_path):
    await backed_up(server, tmp_path / "backup")

    files = [path for path in (tmp_path / "backup").iterdir() if path.is_file()]
    assert (tmp_path / "backup").stat().st_mode & 0o077 == 0
    assert [path.name for path in files if path.stat().st_mode & 0o077] == []
