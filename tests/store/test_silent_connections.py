"""Connections that go silent without being closed: a waiting call ends, and the next one succeeds."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from modicum_server.errors import DependencyUnavailable
from modicum_server.store.postgres import PostgresStore

from tests.store.store_scene import PROJECT
from tests.wire import Wire, distant_store, wired

PATIENCE_SECONDS = 60.0


@pytest.fixture
async def wire(database_url) -> AsyncIterator[Wire]:
    async with wired(database_url) as carrying:
        yield carrying


@pytest.fixture
async def distant(wire) -> AsyncIterator[PostgresStore]:
    async with distant_store(wire, longest_wait_seconds=5.0) as store:
        yield store


@pytest.mark.long
async def test_a_transaction_whose_connection_went_silent_ends_and_the_next_one_has_another(distant, wire):
    async def silenced() -> None:
        async with distant.transaction() as transaction:
            await transaction.audits.unended(PROJECT, "someone")
            wire.forget()
            await transaction.audits.unended(PROJECT, "someone")

    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(DependencyUnavailable):
            await silenced()

        async with distant.transaction() as transaction:
            assert (await transaction.audits.unended(PROJECT, "someone")).queued == 0


@pytest.mark.long
async def test_a_connection_that_went_silent_in_the_pool_is_not_taken(distant, wire):
    async with asyncio.timeout(PATIENCE_SECONDS):
        async with distant.transaction() as transaction:
            await transaction.audits.unended(PROJECT, "someone")
        wire.forget()

        async with distant.transaction() as transaction:
            assert (await transaction.audits.unended(PROJECT, "someone")).queued == 0
