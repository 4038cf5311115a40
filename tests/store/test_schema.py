import asyncio
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from modicum_server.errors import DependencyUnavailable
from modicum_server.postgres.connections import open_blocking_engine
from modicum_server.store.migrate import migrate, migrations_folder, upgrade
from modicum_server.store.schema import REVISIONS, SchemaState, schema_of
from modicum_server.store.tables import metadata
from psycopg import sql
from sqlalchemy import inspect, text

from tests.lock_waits import until_one_waits


def test_the_migrated_schema_equals_the_declared_tables(database_url):
    engine = open_blocking_engine(database_url)

    with engine.connect() as connection:
        difference = compare_metadata(MigrationContext.configure(connection), metadata)
        migrated = _details(connection)
    engine.dispose()

    assert difference == []
    assert migrated == _declared_details(database_url)


def schema_state(database_url: str) -> SchemaState:
    engine = open_blocking_engine(database_url)
    with engine.connect() as connection:
        state = schema_of(connection)
    engine.dispose()
    return state


def test_migrating_an_empty_database_makes_the_default_project_and_is_then_current(empty_database_url):
    before = schema_state(empty_database_url)

    migrate(empty_database_url)
    migrate(empty_database_url)

    after = schema_state(empty_database_url)
    assert (before.present, before.current) == ("", False)
    assert after.current
    engine = open_blocking_engine(empty_database_url)
    with engine.connect() as connection:
        assert connection.scalars(text("SELECT name FROM projects")).all() == ["projects/default"]
    engine.dispose()


@pytest.mark.long
async def test_a_migration_that_waited_for_a_worker_which_waited_for_it_is_tried_again(empty_database_url):
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("ALTER DATABASE {} SET deadlock_timeout = '3s'").format(sql.Identifier(connection.info.dbname))
        )
    with open_blocking_engine(empty_database_url).begin() as connection:
        upgrade(connection, "0027")

    async with await psycopg.AsyncConnection.connect(empty_database_url) as worker:
        await worker.execute("SET LOCAL deadlock_timeout = '1min'")  # so the migration is the one that is ended
        await worker.execute("LOCK TABLE shards IN ROW SHARE MODE")
        migrating = asyncio.create_task(asyncio.to_thread(migrate, empty_database_url))
        await until_one_waits(empty_database_url)
        await worker.execute("SELECT FROM artifacts")  # which the migration has locked
    await migrating

    assert schema_state(empty_database_url).current


def test_the_revisions_that_a_process_knows_are_those_of_the_migrations():
    configuration = Config()
    configuration.set_main_option("script_location", str(migrations_folder()))

    scripts = ScriptDirectory.from_config(configuration).walk_revisions()

    assert tuple(script.revision for script in scripts) == REVISIONS


def test_processes_that_migrate_at_once_do_it_once(empty_database_url):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate, [empty_database_url] * 4))

    assert schema_state(empty_database_url).current


def test_an_unreachable_database_is_reported_as_an_unavailable_dependency():
    with pytest.raises(DependencyUnavailable):
        migrate("postgresql://modicum@/modicum?host=/nonexistent")


def _declared_details(database_url):
    """Create the declared tables in another schema and compare what `compare_metadata` does not."""
    engine = open_blocking_engine(database_url)
    with engine.connect() as connection:
        connection.execute(text("CREATE SCHEMA declared"))
        connection.execute(text("SET search_path TO declared"))
        metadata.create_all(connection)
        details = _details(connection, "declared")
        connection.rollback()
    engine.dispose()
    return details


def _details(connection, schema="public"):
    inspector = inspect(connection)
    rows = connection.execute(
        text(
            "SELECT table_name, column_name, collation_name, column_default, is_identity"
            " FROM information_schema.columns WHERE table_schema = :schema AND table_name <> 'alembic_version'"
        ),
        {"schema": schema},
    )
    constraints = {
        (table, check["name"], check["sqltext"])
        for table in metadata.tables
        for check in inspector.get_check_constraints(table, schema=schema)
    }
    comments = {
        (table, column["name"], column["comment"])
        for table in metadata.tables
        for column in inspector.get_columns(table, schema=schema)
    }
    return {tuple(row) for row in rows}, constraints, comments
