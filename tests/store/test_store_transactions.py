"""Transactions of the store: all or nothing, and what happens without a database."""

import pytest
from modicum_server.errors import DependencyUnavailable
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
