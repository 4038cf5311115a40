"""Who waits for a lock in a database: the moment at which a test lets go of it."""

import psycopg

from tests.waiting import until


async def until_one_waits(database_url: str) -> None:
    """Wait until a transaction of this database waits for a lock that another one holds."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:

        async def waiting() -> bool:
            found = await connection.execute(
                "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            return found.rowcount > 0

        await until(waiting, "a transaction that waits for a lock")
