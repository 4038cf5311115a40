"""`modicum-server` behind a pooler: what needs a session goes past it, and nothing that it leaves there lasts."""

import asyncio

import psycopg
import pytest
from modicum_server.artifacts.store import open_artifact_store
from modicum_server.domain.projects import Role
from modicum_server.store.migrate import migrate
from modicum_server.store.postgres import PostgresStore
from modicum_server.usecases.operator_tokens import OperatorTokens

from tests.local.test_local_commands import NOT_COMPLETED, run, running
from tests.poolers import pooled

NOWHERE = "postgresql://modicum@/modicum?host=/nonexistent"
MANY = 7  # psycopg prepares a statement that it has sent more than five times


@pytest.mark.long
def test_a_migration_goes_past_the_pooler(empty_database_url):
    places = {"MODICUM_DATABASE_URL": NOWHERE, "MODICUM_DATABASE_LISTEN_URL": empty_database_url}

    migrated = run("migrate", **places)

    assert migrated.returncode == 0, migrated.stderr
    with psycopg.connect(empty_database_url) as connection:
        assert connection.execute("SELECT to_regclass('audits') IS NOT NULL").fetchone() == (True,)


def test_revoking_many_tokens_leaves_no_prepared_statement_in_a_session_of_the_pooler(database_url):
    async def make_tokens() -> None:
        store = PostgresStore(database_url)
        for _ in range(MANY):
            await OperatorTokens(store).create("ci", "projects/default", Role.AUDITOR)
        await store.close()

    asyncio.run(make_tokens())
    with pooled(database_url, sessions=1) as pooler:
        places = {"MODICUM_DATABASE_URL": pooler.url, "MODICUM_DATABASE_LISTEN_URL": database_url}

        revoked = run("token", "revoke", "--principal", "ci", **places)

        with psycopg.connect(pooler.url, prepare_threshold=None) as connection:
            left = connection.execute("SELECT name, statement FROM pg_prepared_statements").fetchall()
    assert revoked.stdout.count("revoked") == MANY, revoked.stderr
    assert left == []


@pytest.fixture
def artifacts_url(database_url, tmp_path) -> str:
    """An artifact store that belongs to some store."""
    asyncio.run(open_artifact_store(str(tmp_path / "artifacts")).set_store_id("0" * 32))
    return str(tmp_path / "artifacts")


@pytest.mark.long
def test_a_backup_is_not_made_of_another_database_than_that_which_serves(
    database_url, empty_database_url, artifacts_url, tmp_path
):
    with psycopg.connect(database_url) as connection:
        connection.execute(f"INSERT INTO store_identity (id, confirmed) VALUES ('{'0' * 32}', true)")
    migrate(empty_database_url)
    places = {"MODICUM_DATABASE_URL": database_url, "MODICUM_ARTIFACTS_URL": artifacts_url}

    backup = run("backup", tmp_path / "backup", MODICUM_DATABASE_LISTEN_URL=empty_database_url, **places)

    assert backup.returncode == NOT_COMPLETED
    assert "belongs to store 000" in backup.stderr
    assert not (tmp_path / "backup").exists()


@pytest.mark.long
def test_a_backup_says_which_address_it_did_not_reach(database_url, tmp_path):
    places = {"MODICUM_DATABASE_URL": database_url, "MODICUM_DATABASE_LISTEN_URL": NOWHERE}

    backup = run("backup", tmp_path / "backup", MODICUM_ARTIFACTS_URL=str(tmp_path / "artifacts"), **places)

    assert backup.returncode == NOT_COMPLETED
    assert "MODICUM_DATABASE_LISTEN_URL is user=modicum dbname=modicum host=/nonexistent" in backup.stderr


@pytest.mark.long
def test_an_api_tells_of_an_address_at_which_it_cannot_listen_before_somebody_watches(database_url, tmp_path):
    places = {"MODICUM_DATABASE_URL": database_url, "MODICUM_DATABASE_LISTEN_URL": NOWHERE}
    ready = tmp_path / "ready"
    ports = ("--grpc-port", 0, "--http-port", 0, "--ready-file", ready)

    with running(ready, "serve", *ports, MODICUM_ARTIFACTS_URL=str(tmp_path / "artifacts"), **places) as serving:
        told = next(line for line in serving.stderr if "listener_lost" in line)

    assert '"channel": "modicum_audit"' in told
