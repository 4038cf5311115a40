"""TLS handshakes that do not end are counted among the connections, bounded in time and number, and shut nobody out."""

import asyncio
import ssl
import tracemalloc
import urllib.request
from asyncio import to_thread
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from modicum_server.artifacts.folder_store import FolderArtifactStore
from modicum_server.bootstrap import build_api
from modicum_server.settings import Settings
from modicum_server.store.changes import PostgresChanges
from modicum_server.store.postgres import PostgresStore
from modicum_server.transports.call_limits import Bounds

from tests.transports.test_starting import certificate  # noqa: F401 - a fixture

PATIENCE_SECONDS = 60
#: The first byte of a handshake, and nothing after it.
BEGUN = b"\x16"
#: Memory of Python that a handshake may take. What OpenSSL takes is not counted.
MOST_BYTES = 64 * 1024


@pytest.fixture
async def served_by_tls(database_url, tmp_path, certificate, bounds):  # noqa: F811 - the fixture
    """Yields the HTTP port, and a function that asks there for /healthz and returns the status."""
    cert, key = certificate
    store, changes = PostgresStore(database_url), PostgresChanges(database_url)
    settings = Settings(grpc_port=0, http_port=0, tls_cert=cert, tls_key=key)
    api = build_api(store, changes, FolderArtifactStore(tmp_path), settings, bounds=bounds)
    _, port = await api.start()

    def fetch() -> int:
        trust = ssl.create_default_context(cafile=str(cert))
        with urllib.request.urlopen(f"https://127.0.0.1:{port}/healthz", context=trust, timeout=60) as response:
            return response.status

    yield port, lambda: to_thread(fetch)
    await api.stop(grace=0)
    await changes.close()
    await store.close()


@asynccontextmanager
async def silent(port: int, count: int) -> AsyncIterator[list[asyncio.StreamReader]]:
    """Connections that begin a handshake and say no more."""
    pairs = [await asyncio.open_connection("127.0.0.1", port) for _ in range(count)]
    for _, writer in pairs:
        writer.write(BEGUN)
    yield [reader for reader, _ in pairs]
    for _, writer in pairs:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def ended(reader: asyncio.StreamReader) -> bytes:
    try:
        return await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("bounds", [Bounds(head_seconds=1.0)])
async def test_a_handshake_that_does_not_end_is_closed_with_the_time_of_a_head(served_by_tls):
    port, fetch = served_by_tls

    async with silent(port, 1) as (reader,):
        assert await ended(reader) == b""

    assert await fetch() == 200


@pytest.mark.parametrize("bounds", [Bounds(head_seconds=10 * PATIENCE_SECONDS, handshakes=3)])
async def test_of_too_many_handshakes_the_oldest_ends_and_a_caller_still_gets_in(served_by_tls):
    port, fetch = served_by_tls

    async with silent(port, 5) as readers:
        assert await fetch() == 200

        assert [await ended(reader) for reader in readers[:2]] == [b"", b""]


@pytest.mark.parametrize("bounds", [Bounds(head_seconds=10 * PATIENCE_SECONDS)])
@pytest.mark.long
async def test_a_handshake_takes_little_memory_until_it_ends(served_by_tls):
    port, fetch = served_by_tls
    await fetch()
    count = 50

    tracemalloc.start()
    try:
        async with silent(port, count):
            await fetch()  # the server has seen all that connected before
            taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert taken < count * MOST_BYTES
