"""Brings a database to the schema that this version needs. The steps are in `migrations/`, applied by Alembic.

Safe to call from many processes at once: one applies, the others wait and find nothing to do.
"""

from importlib.resources import files
from pathlib import Path
from typing import Final

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from modicum_server.postgres.addresses import libpq_parameters
from modicum_server.postgres.connections import open_blocking_engine
from modicum_server.store.database_errors import translated
from modicum_server.store.service_role import grant_rights

#: Key of the advisory lock that one migrating process holds.
MIGRATION_LOCK: Final = 0x6D6F646963756D  # "modicum"
#: A step locks several tables, and so does a worker meanwhile. Of two that wait for each other, Postgres ends one.
DEADLOCK_TRIES: Final = 5
REPOSITORY_DEPTH: Final = 4  # store, modicum_server, server, service


def migrate(database_url: str, *, service_url: str = "") -> None:
    """Apply what is missing, in one transaction; `projects/default` is there afterwards. Blocks.

    `service_url`: the address by which processes serve. Where its role is another one, it gets its rights here.

    Raises:
        DependencyUnavailable: The database is away.
        ServiceRoleUnfit: The role that is to serve does not exist, or could change the trail.
    """
    with translated():
        _migrate(database_url, service_url, DEADLOCK_TRIES)


def _migrate(database_url: str, service_url: str, tries: int) -> None:
    try:
        with open_blocking_engine(database_url).begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            upgrade(connection, "head")
            role = libpq_parameters(service_url).get("user")
            if role is not None and role != libpq_parameters(database_url).get("user"):
                grant_rights(connection, role)
    except OperationalError as error:
        if tries == 1 or not isinstance(error.orig, psycopg.errors.DeadlockDetected):
            raise
        _migrate(database_url, service_url, tries - 1)


def upgrade(connection: Connection, revision: str) -> None:
    """Apply the steps up to a revision, or to "head", in the transaction of the connection. Blocks."""
    command.upgrade(_config(connection), revision)


def migrations_folder() -> Path:
    """Return the folder of the migrations: in the package when it came as a wheel, else in the repository."""
    packaged = Path(str(files("modicum_server"))) / "migrations"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[REPOSITORY_DEPTH] / "migrations"


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
