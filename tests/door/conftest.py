"""A served API over the real store, with one resource of each kind in it."""

from collections.abc import AsyncIterator

import grpc
import pytest
from modicum_server.artifacts.folder_store import FolderArtifactStore
from modicum_server.bootstrap import build_api
from modicum_server.domain.projects import Role
from modicum_server.settings import Settings
from modicum_server.store.changes import PostgresChanges
from modicum_server.store.postgres import PostgresStore
from modicum_server.transports.call_limits import Bounds

from tests.door.door_stage import PROJECT, TOKEN, Door
from tests.tokens import add_token
from tests.waiting import PATIENCE_SECONDS

#: On a loaded machine, a busy database must not look like one that hangs.
PATIENT = Bounds(authentication_seconds=PATIENCE_SECONDS)


@pytest.fixture
async def door(database_url, tmp_path) -> AsyncIterator[Door]:
    store, changes = PostgresStore(database_url), PostgresChanges(database_url)
    async with store.transaction() as transaction:
        await add_token(transaction, TOKEN, principal="ada", project=PROJECT, role=Role.ADMIN)
    settings = Settings(
        grpc_port=0,
        http_port=0,
        allow_executables=True,
        max_project_passes=2**63 - 1,
        max_passes_per_principal=2**63 - 1,
    )
    api = build_api(store, changes, FolderArtifactStore(tmp_path / "artifacts"), settings, bounds=PATIENT)
    grpc_port, http_port = await api.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
        door = Door(store, grpc_port, http_port, channel)
        await door.furnish()
        yield door
    await api.stop(grace=0)
    await changes.close()
    await store.close()
