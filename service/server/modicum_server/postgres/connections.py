"""How this process reaches Postgres: connections and the pool of the store."""

import asyncio
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.rows import TupleRow
from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from modicum_server.postgres.addresses import libpq_parameters

DIALECT = "postgresql+psycopg://"
"""SQLAlchemy's name of psycopg. It gets no address, because it reads fewer spellings than libpq does."""
POOL_SIZE = 10
POOL_OVERFLOW = 10
POOL_TIMEOUT_SECONDS = 15.0
CONNECT_TIMEOUT_SECONDS = 5
#: Detects soon that a connection died with its server.
KEEPALIVE = {
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # milliseconds: keepalives are not sent while something else waits to be taken
}
#: A reply that takes longer is given up. It is longer than the time for which a frozen process can lock a row
#: (IDLE_TRANSACTION).
LONGEST_WAIT_SECONDS = 45.0
#: A transaction that is idle for this long belongs to a frozen process. It is ended, which releases its row locks.
IDLE_TRANSACTION = "30s"
#: The same while an artifact is transferred, which may be large and far away.
IDLE_ARTIFACT_TRANSACTION = "600s"
IDLE_TIMEOUT = "idle_in_transaction_session_timeout"


def bounded_connection(
    longest_wait_seconds: float = LONGEST_WAIT_SECONDS,
) -> type[psycopg.AsyncConnection[TupleRow]]:
    """Return the class of connections on which every wait ends: a network that goes silent closes no connection.

    Without a reply psycopg asks the database to cancel, and closes the connection, which takes up to ten seconds more.
    """

    class BoundedConnection(psycopg.AsyncConnection[TupleRow]):
        async def wait(self, gen: PQGen[RV], *args: Any, **options: Any) -> RV:
            """Wait for what the generator waits for.

            Raises:
                psycopg.OperationalError: it took too long.
            """
            try:
                async with asyncio.timeout(longest_wait_seconds):
                    return await super().wait(gen, *args, **options)
            except TimeoutError as error:
                message = f"the database did not respond within {longest_wait_seconds:g} s"
                raise psycopg.OperationalError(message) from error

    return BoundedConnection


def open_blocking_engine(database_url: str) -> Engine:
    """Return an engine that blocks, and makes a connection for each use."""
    parameters = {**libpq_parameters(database_url), "connect_timeout": CONNECT_TIMEOUT_SECONDS}
    return create_engine(DIALECT, poolclass=NullPool, connect_args=parameters)


def open_engine(
    database_url: str, *, longest_wait_seconds: float = LONGEST_WAIT_SECONDS, pooled: bool = False
) -> AsyncEngine:
    """Return an engine. It connects on first use, and checks that a connection is alive before each use.

    It leaves nothing in a session that a later transaction needs. If `pooled`, the address is that of a pooler, which
    may give each transaction another session, so no statement is prepared either.
    """
    engine = create_async_engine(
        DIALECT,
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_timeout=POOL_TIMEOUT_SECONDS,
        pool_pre_ping=True,
        connect_args={
            **libpq_parameters(database_url),
            "async_creator_fn": bounded_connection(longest_wait_seconds).connect,
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            **KEEPALIVE,
            **({"prepare_threshold": None} if pooled else {}),
        },
    )
    event.listen(engine.sync_engine, "begin", _end_if_idle)
    return engine


def _end_if_idle(connection: Connection) -> None:
    """Let the database end this transaction if it idles."""
    connection.exec_driver_sql(f"SELECT set_config('{IDLE_TIMEOUT}', '{IDLE_TRANSACTION}', true)")


async def driver_connection(connection: AsyncConnection) -> "psycopg.AsyncConnection[Any]":
    """Return the psycopg connection of a SQLAlchemy connection. Both share the transaction."""
    driver: psycopg.AsyncConnection[Any] | None = (await connection.get_raw_connection()).driver_connection
    assert driver is not None, "a connection that is in use has a driver's"
    return driver
