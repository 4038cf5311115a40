"""Counts what a store asks of its database."""

from collections.abc import Iterator
from contextlib import contextmanager

from modicum_server.store.postgres import PostgresStore
from sqlalchemy import event


@contextmanager
def counted(store: PostgresStore) -> Iterator[list[str]]:
    """Every statement that the store makes meanwhile."""
    statements: list[str] = []

    def count(_connection, _cursor, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(store._engine.sync_engine, "before_cursor_execute", count)
    try:
        yield statements
    finally:
        event.remove(store._engine.sync_engine, "before_cursor_execute", count)
