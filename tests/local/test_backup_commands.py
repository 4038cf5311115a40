"""`modicum-server backup` and `restore` as an operator types them: what they print, and their exit codes."""

import hashlib

import pytest
from modicum_server.artifacts.store import open_artifact_store
from modicum_server.store.postgres import PostgresStore

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


def test_damage_in_the_store_is_told_and_ends_with_1(settings, empty_database_url, tmp_path):
    (tmp_path / "artifacts" / "sha256" / DIGEST[:2] / DIGEST).unlink()

    backup = run("backup", tmp_path / "backup", **settings)
    new = {"MODICUM_DATABASE_URL": empty_database_url, "MODICUM_ARTIFACTS_URL": str(tmp_path / "new")}
    restored = run("restore", tmp_path / "backup", **new)

    assert (backup.returncode, restored.returncode) == (1, 1)
    assert f"MISSING     {DIGEST}" in backup.stdout
    assert f"MISSING     {DIGEST}" in restored.stdout


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
