"""A served API over the real store, on free ports of loopback."""

from collections.abc import AsyncIterator

import grpc
import pytest
from modicum_server.artifacts.folder_store import FolderArtifactStore
from modicum_server.bootstrap import build_api
from modicum_server.domain.projects import Role
from modicum_server.metrics.api import ApiMetrics
from modicum_server.ports import NO_TRACES, Traces
from modicum_server.settings import Settings
from modicum_server.store.changes import PostgresChanges
from modicum_server.store.postgres import PostgresStore
from modicum_server.transports.call_limits import BOUNDS, Bounds

from tests.clock import Pauses
from tests.tokens import add_token
from tests.transports.transports_stage import PROJECT, TOKENS, Served


@pytest.fixture
def settings() -> Settings:
    return Settings(grpc_port=0, http_port=0, max_watchers=3)


@pytest.fixture
def bounds() -> Bounds:
    """Tests that need other bounds say which: @pytest.mark.parametrize("bounds", [Bounds(...)])."""
    return BOUNDS


@pytest.fixture
def pauses() -> Pauses:
    """The pauses after wrong tokens, which are left out where `bounds` has these."""
    return Pauses()


@pytest.fixture
def traces() -> Traces:
    """Tests of traces have a fixture of their own."""
    return NO_TRACES


@pytest.fixture
async def served(database_url, tmp_path, settings, bounds, traces) -> AsyncIterator[Served]:
    store, changes, metrics = PostgresStore(database_url), PostgresChanges(database_url), ApiMetrics()
    async with store.transaction() as transaction:
        for role, token in TOKENS.items():
            await add_token(transaction, token, principal=role, project=PROJECT, role=Role(role))
    artifact_store = FolderArtifactStore(tmp_path / "artifacts")
    api = build_api(store, changes, artifact_store, settings, metrics=metrics, bounds=bounds, traces=traces)
    grpc_port, http_port = await api.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
        yield Served(api, store, artifact_store, metrics, grpc_port, http_port, channel)
    await api.stop(grace=0)
    await changes.close()
    await store.close()
