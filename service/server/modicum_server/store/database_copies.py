"""Copies a database out and in, table by table, with COPY. Schemas are made by migrations and are in no copy.

What must not come back is left out: sessions of browsers, workers, and the id that database and artifact store share. A
restored store gets its own.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql
from sqlalchemy import Connection, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.backups import HeldBytes, TableShape
from modicum_server.errors import DependencyUnavailable, SchemaOutdated
from modicum_server.postgres.connections import driver_connection, open_engine
from modicum_server.store import tables
from modicum_server.store.artifacts import COPYING_LOCK
from modicum_server.store.database_errors import AWAY, translated
from modicum_server.store.migrate import MIGRATION_LOCK, upgrade
from modicum_server.store.schema import REVISIONS, schema_of
from modicum_server.usecases.backup_errors import BackupDamaged, BackupUnderWay, BackupUnknown, StoreNotEmpty

LEFT_OUT = frozenset({tables.sessions, tables.sign_in_links, tables.store_identity, tables.workers})
#: The end of a COPY checks every reference of a large table, without a reply meanwhile.
LONGEST_WAIT_SECONDS = 3600.0
#: Deletions of bytes hold the lock for as long as one of them takes.
LOCK_SECONDS, LOCK_POLL_SECONDS = 15.0, 0.1
HELD_AT_ONCE = 10_000


@dataclass(slots=True)
class PostgresSnapshot:
    """`ports.DatabaseSnapshot`: one transaction that sees what was committed before it began.

    Not frozen, because the protocol's attributes are not.
    """

    schema: str
    store_id: str
    moment: datetime
    tables: Sequence[TableShape]
    connection: AsyncConnection

    async def rows(self, table: TableShape) -> AsyncGenerator[bytes]:
        """Yield the rows in the text form of COPY."""
        driver = await driver_connection(self.connection)
        with _copy_errors():
            async with driver.cursor() as cursor, cursor.copy(_copy(table, "TO STDOUT")) as copy:
                async for row in copy:
                    yield bytes(row)

    async def held_bytes(self) -> AsyncGenerator[HeldBytes]:
        """Yield what any project holds, by rising digest."""
        records = tables.artifacts.c
        query = select(records.digest, func.max(records.size_bytes)).group_by(records.digest).limit(HELD_AT_ONCE)
        after = ""
        while rows := (
            await self.connection.execute(query.where(records.digest > after).order_by(records.digest))
        ).all():
            for digest, size_bytes in rows:
                yield HeldBytes(digest, size_bytes)
            after = rows[-1][0]


class PostgresCopies:
    """`ports.DatabaseCopies`."""

    def __init__(self, database_url: str, *, lock_seconds: float = LOCK_SECONDS) -> None:
        """Take a `postgresql://` address; it is connected to when it is first used."""
        self._engine = open_engine(database_url, longest_wait_seconds=LONGEST_WAIT_SECONDS)
        self._lock_seconds = lock_seconds

    @asynccontextmanager
    async def deleting_nothing(self) -> AsyncIterator[None]:
        """Hold the lock that every deletion of bytes asks for.

        Raises:
            BackupUnderWay, DependencyUnavailable
        """
        with translated():
            async with self._engine.connect() as connection:
                alone = await connection.execution_options(isolation_level="AUTOCOMMIT")
                await _take(alone, self._lock_seconds)
                try:
                    yield
                finally:
                    held = await alone.scalar(select(func.pg_advisory_unlock(COPYING_LOCK)))
                if not held:
                    raise DependencyUnavailable("the lock against deletions was lost during the backup; run it again")

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[PostgresSnapshot]:
        """Begin a transaction that sees one moment.

        Raises:
            SchemaOutdated, DependencyUnavailable
        """
        with translated():
            async with self._engine.connect() as connection:
                reading = await connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
                present = await reading.run_sync(_current_schema)
                moment: datetime = (await reading.execute(select(func.now()))).scalar_one()
                store_id = await reading.scalar(select(tables.store_identity.c.id)) or ""
                yield PostgresSnapshot(present, store_id, moment, copied_tables(), reading)

    async def require_empty(self) -> None:
        """Check that the database has no schema of Modicum.

        Raises:
            StoreNotEmpty, DependencyUnavailable
        """
        with translated():
            async with self._engine.connect() as connection:
                await connection.run_sync(_require_empty)

    async def load(self, schema: str, copies: Sequence[tuple[TableShape, AsyncGenerator[bytes]]]) -> None:
        """Make the schema, fill the tables and migrate to the schema of this release, in one transaction.

        Raises:
            StoreNotEmpty, BackupUnknown, BackupDamaged, DependencyUnavailable
        """
        if schema not in REVISIONS:
            raise BackupUnknown(
                f"the backup has schema {schema}, and this release knows {REVISIONS[0]} and earlier; "
                "restore with the release that made the backup, or a later one"
            )
        with translated():
            async with self._engine.begin() as connection:
                await connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))
                await connection.run_sync(_require_empty)
                await connection.run_sync(upgrade, schema)
                await _fill(connection, copies)
                await connection.run_sync(upgrade, "head")

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


def copied_tables() -> list[TableShape]:
    """Return the tables of a backup, each after those that it refers to."""
    kept = [table for table in tables.metadata.sorted_tables if table not in LEFT_OUT]
    return [TableShape(table.fullname, tuple(column.name for column in table.columns)) for table in kept]


def _copy(table: TableShape, direction: str) -> sql.Composed:
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    return sql.SQL("COPY {} ({}) ").format(_name(table), columns) + sql.SQL(direction)


def _name(table: TableShape) -> sql.Identifier:
    return sql.Identifier(*table.name.split("."))


async def _take(connection: AsyncConnection, seconds: float) -> None:
    """Take the lock of backups. Deletions end soon; another backup does not.

    Raises:
        BackupUnderWay
    """
    end = asyncio.get_running_loop().time() + seconds
    while not await connection.scalar(select(func.pg_try_advisory_lock(COPYING_LOCK))):
        if asyncio.get_running_loop().time() > end:
            raise BackupUnderWay
        await asyncio.sleep(LOCK_POLL_SECONDS)


def _current_schema(connection: Connection) -> str:
    """Return the revision, which must be that of this release: only then are its tables those that are declared.

    Raises:
        SchemaOutdated
    """
    state = schema_of(connection)
    if not state.current:
        raise SchemaOutdated(
            f"the database has schema {state.present or '(none)'}, but this release copies {state.needed}; "
            "make the backup with the release that the server runs",
            present=state.present,
            needed=state.needed,
        )
    return state.present


def _require_empty(connection: Connection) -> None:
    if present := schema_of(connection).present:
        raise StoreNotEmpty(
            f"the database has the schema {present} of Modicum already; restore to an empty database "
            "(createdb), or to a data folder that no server has used"
        )


async def _fill(connection: AsyncConnection, copies: Sequence[tuple[TableShape, AsyncGenerator[bytes]]]) -> None:
    """Replace the rows that migrations make by those of the copies, and let counters go on behind them."""
    driver = await driver_connection(connection)
    with _copy_errors():
        async with driver.cursor() as cursor:
            for shape, _ in reversed(copies):
                await cursor.execute(sql.SQL("DELETE FROM {}").format(_name(shape)))
            for shape, rows in copies:
                async with cursor.copy(_copy(shape, "FROM STDIN")) as copy:
                    async for piece in rows:
                        await copy.write(piece)
    for shape, _ in copies:
        await _count_on(connection, shape.name)


async def _count_on(connection: AsyncConnection, table: str) -> None:
    """Let the sequences of a table go on behind its largest number."""
    columns = text(
        "SELECT attname, pg_get_serial_sequence(CAST(:name AS text), attname) AS sequence FROM pg_attribute "
        "WHERE attrelid = to_regclass(:name) AND attnum > 0 AND NOT attisdropped "
        "AND pg_get_serial_sequence(CAST(:name AS text), attname) IS NOT NULL"
    )
    for column, sequence in (await connection.execute(columns, {"name": table})).all():
        driver = await driver_connection(connection)
        largest = sql.SQL("SELECT setval({}, max({})) FROM {} HAVING max({}) IS NOT NULL")
        names = sql.Literal(sequence), sql.Identifier(column), sql.Identifier(*table.split(".")), sql.Identifier(column)
        await driver.execute(largest.format(*names))


@contextmanager
def _copy_errors() -> Iterator[None]:
    """Turn errors of the driver's own COPY into the domain's.

    Raises:
        DependencyUnavailable; BackupDamaged: rows do not fit their table.
    """
    try:
        yield
    except psycopg.OperationalError as error:
        raise DependencyUnavailable(AWAY) from error
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        raise BackupDamaged(
            "rows of the backup do not fit their tables, although the files are whole; restore another copy of it"
        ) from error
