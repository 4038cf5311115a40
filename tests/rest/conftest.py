"""A served API over the real store, on free ports of loopback, for callers of REST."""

from collections.abc import AsyncIterator, Iterator

import grpc
import pytest
from modicum_server.artifacts.folder_store import FolderArtifactStore
from modicum_server.bootstrap import build_api
from modicum_server.domain.projects import Role
from modicum_server.metrics.api import ApiMetrics
from modicum_server.settings import Settings
from modicum_server.store.changes import PostgresChanges
from modicum_server.store.postgres import PostgresStore
from modicum_server.transports.call_limits import BOUNDS, Bounds
from modicum_server.usecases.refused_attempts import RefusedAttempts

from tests.issuer import Issuer, running_issuer
from tests.rest.rest_stage import PROJECT, TOKENS, Served
from tests.tokens import add_token


@pytest.fixture
def settings(issuer) -> Settings:
    return Settings(
        trusted_issuers=(issuer.address,),
        allow_private_issuers=True,
        grpc_port=0,
        http_port=0,
        max_watchers=2,
        max_upload_bytes=20_000_000,
        max_dataset_items=3,
        max_queued_audits=2,
        max_audit_shards=2,
        grace_seconds=1,
    )


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """An issuer of identity tokens, which `settings` allow."""
    with running_issuer() as running:
        yield running


@pytest.fixture
def bounds() -> Bounds:
    """Tests that need other bounds set them: @pytest.mark.parametrize("bounds", [Bounds(...)])."""
    return BOUNDS


@pytest.fixture
async def served(database_url, tmp_path, settings, bounds) -> AsyncIterator[Served]:
    store, changes, metrics = PostgresStore(database_url), PostgresChanges(database_url), ApiMetrics()
    async with store.transaction() as transaction:
        for role, token in TOKENS.items():
            await add_token(transaction, token, principal=role, project=PROJECT, role=Role(role))
    artifact_store = FolderArtifactStore(tmp_path / "artifacts")
    refused = RefusedAttempts(store)
    api = build_api(store, changes, artifact_store, settings, metrics=metrics, bounds=bounds, refused=refused)
    grpc_port, http_port = await api.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
        yield Served(api, store, artifact_store, metrics, grpc_port, http_port, channel, refused)
    await api.stop(grace=0)
    await changes.close()
    await store.close()
