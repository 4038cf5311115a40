"""`modicum-server backup` and `restore` as an operator types them: what they print, and their exit codes."""

import asyncio
import hashlib

import pytest
from modicum_server.artifacts.store import open_artifact_store
from modicum_server.domain.trail import SERVER, TrailEntry, Verb
from modicum_server.ports import TrailFilter
from modicum_server.store.postgres import PostgresStore
from modicum_server.usecases.trail import THE_OPERATOR, record
from modicum_server.usecases.trail_sealing import seal_waiting

from tests.local.test_local_commands import NOT_COMPLETED, USAGE, run

CONTENT = b"one artifact"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
async def settings(database_url, tmp_path) -> dict[str, str]:
    """A database and its artifact store, with one artifact."""
    store, artifacts = PostgresStore(database_url), open_artifact_store(str(tmp_path / "artifacts"))
    async with store.transaction() as transaction:
        await artifacts.put(CONTENT)
        await transaction.artifacts.add("projects/default", DIGEST, len(CONTENT))
    await store.close()
    return {"MODICUM_DATABASE_URL": database_url, "MODICUM_ARTIFACTS_URL": str(tmp_path / "artifacts")}


def test_a_backup_is_restored_to_an_empty_database_and_verified(settings, empty_database_url, tmp_path):
    backup = run("backup", tmp_path / "backup", **settings)
    assert backup.returncode == 0, backup.stderr
    digest = backup.stdout.splitlines()[-1].removeprefix("SHA-256 ")
    new = {"MODICUM_DATABASE_URL": empty_database_url, "MODICUM_ARTIFACTS_URL": str(tmp_path / "new")}

    wrong = run("restore", tmp_path / "backup", "--digest", "0" * 64, **new)
    restored = run("restore", tmp_path / "backup", "--digest", digest, **new)
    verified = run("verify", **new)

    assert wrong.returncode == NOT_COMPLETED
    assert digest in wrong.stderr
    assert (restored.returncode, restored.stdout.splitlines()[-1]) == (
        0,
        "restored and verified: 1 artifacts, 0 missing or damaged",
    )
    assert verified.returncode == 0
    assert (tmp_path / "new" / "store-id").read_text() != ""
    assert "artifacts: 100%" in backup.stderr  # progress, in lines where there is no terminal
    assert "verifying: 100%" in restored.stderr


@pytest.mark.long
def test_the_trails_of_both_stores_say_what_was_backed_up_and_restored(settings, empty_database_url, tmp_path):
    backup = run("backup", tmp_path / "backup", **settings)
    digest = backup.stdout.splitlines()[-1].removeprefix("SHA-256 ")
    new = {"MODICUM_DATABASE_URL": empty_database_url, "MODICUM_ARTIFACTS_URL": str(tmp_path / "new")}
    run("restore", tmp_path / "backup", **new)

    (made,), (restored,) = [asyncio.run(entries(each["MODICUM_DATABASE_URL"])) for each in (settings, new)]

    assert (made.verb, made.principal, made.resource) == ("BackUp", "system:operator", f"backups/{digest}")
    assert made.detail == f"1 artifact of {len(CONTENT)} bytes"
    assert (restored.verb, restored.principal, restored.resource) == ("Restore", "system:operator", made.resource)
    assert restored.detail.startswith("store ")


@pytest.mark.long
@pytest.mark.parametrize("edited", [False, True], ids=["as it was", "edited"])
def test_a_restore_checks_the_trail_and_says_what_it_found(settings, empty_database_url, tmp_path, edited):
    asyncio.run(write_trail(settings["MODICUM_DATABASE_URL"], edited=edited))
    run("backup", tmp_path / "backup", **settings)
    new = {"MODICUM_DATABASE_URL": empty_database_url, "MODICUM_ARTIFACTS_URL": str(tmp_path / "new")}

    restored = run("restore", tmp_path / "backup", **new)

    assert restored.returncode == int(edited), restored.stderr
    assert ("CHANGED     projects/default, sequence 1" in restored.stdout) is edited
    changed = int(edited)
    assert f"1 entries of the trail in 1 chains: {changed} changed, 0 deleted, 0 inserted," in restored.stdout


async def write_trail(database_url: str, *, edited: bool) -> None:
    """Leave one sealed entry, and let somebody change it."""
    store = PostgresStore(database_url)
    async with store.transaction() as transaction:
        await record(transaction, THE_OPERATOR, Verb.CREATE_MODEL, "projects/default/models/net")
    await seal_waiting(store)
    if edited:
        async with store._engine.begin() as connection:
            await connection.exec_driver_sql("UPDATE trail_entries SET principal = 'somebody else'")
    await store.close()


async def entries(database_url: str) -> list[TrailEntry]:
    """The trail of the server itself."""
    store = PostgresStore(database_url)
    async with store.transaction() as transaction:
        rows = await transaction.trail.page(SERVER, TrailFilter(), after="", limit=10)
    await store.close()
    return [entry for _, entry in rows]


@pytest.mark.long
def test_damage_in_the_store_is_told_and_ends_with_1(settings, empty_database_url, tmp_path):
    (tmp_path / "artifacts" / "sha256" / DIGEST[:2] / DIGEST).unlink()

    backup = run("backup", tmp_path / "backup", **settings)
    new = {"MODICUM_DATABASE_URL": empty_database_url, "MODICUM_ARTIFACTS_URL": str(tmp_path / "new")}
    restored = run("restore", tmp_path / "backup", **new)

    assert (backup.returncode, restored.returncode) == (1, 1)
    assert f"MISSING     {DIGEST}" in backup.stdout
    assert f"MISSING     {DIGEST}" in restored.stdout


@pytest.mark.long
def test_what_is_no_backup_is_refused_and_stays_as_it_is(tmp_path):
    done = run("restore", tmp_path / "nowhere", "--data", tmp_path / "data")

    assert done.returncode == NOT_COMPLETED
    assert "holds no finished backup" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_an_artifact_store_is_refused(settings, tmp_path):
    del settings["MODICUM_ARTIFACTS_URL"]

    done = run("backup", tmp_path / "backup", **settings)

    assert done.returncode == USAGE
    assert "MODICUM_ARTIFACTS_URL" in done.stderr
    assert not (tmp_path / "backup").exists()
