"""The one place that names concrete classes: use cases and worker see protocols."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from modicum_server.artifacts.store import open_artifact_store
from modicum_server.ports import Role
from modicum_server.settings import Settings
from modicum_server.store.changes import PostgresChanges
from modicum_server.store.postgres import PostgresStore
from modicum_server.usecases.access import token_digest


@asynccontextmanager
async def open_store(database_url: str) -> AsyncIterator[PostgresStore]:
    """Open the store for the length of the context."""
    store = PostgresStore(database_url)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def running_api(settings: Settings) -> AsyncIterator[tuple[int, int]]:
    """Serve both doors for the length of the context; yields the ports of gRPC and of HTTP."""
    from modicum_server.transports.api import Api  # noqa: PLC0415 - a worker has no doors

    database_url = settings.database_url.get_secret_value()
    changes = PostgresChanges(database_url)
    async with open_store(database_url) as store:
        await store.require_schema()
        api = Api(store, changes, open_artifact_store(settings.artifacts_url), settings)
        ports = await api.start()
        try:
            yield ports
        finally:
            await api.stop(settings.grace_seconds)
            await changes.close()


async def run_worker(settings: Settings, stop: asyncio.Event) -> None:
    """Work until `stop` is set, with a TorchServe of our own."""
    from modicum_server.queue.wakeups import QueueWakeups  # noqa: PLC0415 - the API wakes nobody up but workers
    from modicum_server.torchserve.adapter import TorchServe  # noqa: PLC0415 - only the `worker` extra has it
    from modicum_server.worker.worker import Worker  # noqa: PLC0415

    database_url = settings.database_url.get_secret_value()
    artifacts = open_artifact_store(settings.artifacts_url)
    async with open_store(database_url) as store:
        await store.require_schema()
        async with QueueWakeups(database_url) as wakeups:
            await Worker(store, wakeups, artifacts, TorchServe(settings, artifacts), settings).run(stop)


async def add_token(settings: Settings, token: str, *, principal: str, project: str, role: Role) -> None:
    """Make a token known, by its SHA-256."""
    digest = token_digest(token)
    async with open_store(settings.database_url.get_secret_value()) as store, store.transaction() as transaction:
        await transaction.projects.add_token(digest, principal=principal, project=project, role=role)


async def revoke_tokens(settings: Settings, principal: str) -> int:
    """Revoke every token of a principal; returns how many."""
    async with open_store(settings.database_url.get_secret_value()) as store, store.transaction() as transaction:
        return await transaction.projects.revoke_tokens(principal)
