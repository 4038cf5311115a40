"""Who waits for a lock in a database: the moment at which a test lets go of it."""

import psycopg


async def somebody_waits(database_url: str) -> bool:
    """Whether a transaction of this database waits for a lock that another one holds."""
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        waiting = await connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        (count,) = await waiting.fetchone() or (0,)
    return count > 0
