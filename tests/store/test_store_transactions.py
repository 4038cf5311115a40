"""Transactions of the store: all or nothing, and what happens without a database."""

import asyncio

import psycopg
import pytest
from modicum_server.errors import DependencyUnavailable
from modicum_server.postgres.connections import driver_connection
from modicum_server.store.postgres import PostgresStore

DEFAULT = "projects/default"


async def test_a_transaction_that_fails_leaves_nothing(store):
    async def fail():
        async with store.transaction() as transaction:
            await transaction.projects.create("projects/p", admin="ann")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()

    async with store.transaction() as transaction:
        assert await transaction.projects.get("projects/p") is None


async def test_a_store_without_its_database_is_unavailable():
    store = PostgresStore("postgresql://modicum@/modicum?host=/nonexistent")

    with pytest.raises(DependencyUnavailable):
        await store.ping()
    with pytest.raises(DependencyUnavailable):
        async with store.transaction() as transaction:
            await transaction.projects.get(DEFAULT)


async def test_a_store_reconnects_after_its_connections_were_cut(store, cut_connections):
    await store.ping()

    cut_connections()

    await store.ping()


async def test_a_connection_that_is_given_back_while_the_store_closes_is_closed_too(database_url):
    """The pool would forget it, and Python report it in whatever test runs when it is collected."""
    store, held, over = PostgresStore(database_url), asyncio.Event(), asyncio.Event()

    async def use() -> psycopg.AsyncConnection:
        async with store._engine.connect() as connection:
            held.set()
            await over.wait()
            return await driver_connection(connection)

    using = asyncio.create_task(use())
    await held.wait()
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0)  # it has begun to close

    over.set()
    used = await using
    await closing

    assert used.closed
