"""`modicum-server collect` as an operator types it."""

import hashlib

import psycopg
import pytest
from modicum_server.artifacts.store import open_artifact_store
from modicum_server.store.postgres import PostgresStore

from tests.local.test_local_commands import USAGE, run

CONTENT = b"needed by nothing"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
async def settings(database_url, tmp_path) -> dict[str, str]:
    """A database and its artifact store, with an artifact of two days ago to which nothing refers."""
    store, artifacts = PostgresStore(database_url), open_artifact_store(str(tmp_path / "artifacts"))
    async with store.transaction() as transaction:
        await artifacts.put(CONTENT)
        await transaction.artifacts.add("projects/default", DIGEST, len(CONTENT))
    await store.close()
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE artifacts SET used_time = now() - interval '2 days'")
    return {"MODICUM_DATABASE_URL": database_url, "MODICUM_ARTIFACTS_URL": str(tmp_path / "artifacts")}


@pytest.mark.long
def test_what_goes_is_printed_and_a_dry_run_deletes_nothing(settings, tmp_path):
    place = tmp_path / "artifacts" / "sha256" / DIGEST[:2] / DIGEST

    looked = run("collect", "--grace", "1d", "--dry-run", **settings)
    there = place.exists()
    done = run("collect", "--grace", "1d", **settings)

    assert (looked.returncode, there) == (0, True)
    assert looked.stdout.splitlines()[0].split() == ["KIND", "WHAT", "BYTES", "HELD", "BY"]
    assert looked.stdout.splitlines()[-1] == (
        "nothing was deleted; would be deleted: 1 artifact of 17 bytes, 0 orphans, 0 request ids"
    )
    assert (done.returncode, place.exists()) == (0, False)
    assert done.stdout.splitlines()[1].split() == ["ARTIFACT", DIGEST, "17", "projects/default"]
    assert done.stdout.splitlines()[-1] == "deleted: 1 artifact of 17 bytes, 0 orphans, 0 request ids"


@pytest.mark.long_after(1)
@pytest.mark.parametrize("grace", ["soon", "0d", "59m"])
def test_a_grace_time_in_which_uploads_would_be_taken_is_refused(grace):
    done = run("collect", "--grace", grace)

    assert done.returncode == USAGE
    assert "--grace" in done.stderr
