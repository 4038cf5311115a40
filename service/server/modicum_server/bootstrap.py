"""The one place that joins adapters to ports: use cases and worker see only protocols."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from modicum_server.artifacts.store import kept_artifacts, open_artifact_store
from modicum_server.endpoints.entries_file import EntriesFile
from modicum_server.errors import DependencyUnavailable, SchemaOutdated
from modicum_server.ports import NO_TRACES, ArtifactStore, Changes, KeptArtifacts, Store, Traces
from modicum_server.processes.work_until_stop import cancelled, done_before
from modicum_server.settings import Settings
from modicum_server.traces.opening import opened_traces
from modicum_server.transports.call_limits import BOUNDS, Bounds

if TYPE_CHECKING:
    from pathlib import Path

    from modicum_server.backups.folder import FolderBackup
    from modicum_server.metrics.api import ApiMetrics
    from modicum_server.store.database_copies import PostgresCopies
    from modicum_server.store.postgres import PostgresStore
    from modicum_server.torchserve.adapter import TorchServe
    from modicum_server.transports.api import Api
    from modicum_server.transports.use_cases import Adapters
    from modicum_server.usecases.refused_attempts import RefusedAttempts
    from modicum_server.usecases.store_identity import Place

#: How long a process waits for a database that is started at the same time, and how often it looks.
SCHEMA_SECONDS = 60.0
SCHEMA_POLL_SECONDS = 0.1

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def open_store(database_url: str, *, pooled: bool = False) -> AsyncIterator["PostgresStore"]:
    """Open the store for the length of the context. `pooled` says that the address is that of a pooler."""
    from modicum_server.store.postgres import PostgresStore  # noqa: PLC0415 - a worker starts its TorchServe first

    store = PostgresStore(database_url, pooled=pooled)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def open_copies(database_url: str) -> AsyncIterator["PostgresCopies"]:
    """Open what copies a database out and in, for the length of the context."""
    from modicum_server.store.database_copies import PostgresCopies  # noqa: PLC0415 - only backups need it

    copies = PostgresCopies(database_url)
    try:
        yield copies
    finally:
        await copies.close()


def open_backup(path: "Path") -> "FolderBackup":
    """Open the folder of a backup, which exists."""
    from modicum_server.backups.folder import ARTIFACTS, FolderBackup  # noqa: PLC0415 - as above

    return FolderBackup(path, open_artifact_store(str((path / ARTIFACTS).absolute())))


async def require_one_store(store: Store, artifacts: ArtifactStore, settings: Settings) -> None:
    """Check that database and artifact store belong together.

    Raises:
        StoresMixed, DependencyUnavailable
    """
    from modicum_server.usecases import store_identity  # noqa: PLC0415 - as for the store

    await store_identity.require_one_store(store, artifacts, _place_of(settings))


async def refuse_mixed_stores(store: Store, artifacts: ArtifactStore, settings: Settings) -> None:
    """Check that database and artifact store do not belong to different stores, and change nothing.

    Raises:
        StoresMixed, DependencyUnavailable
    """
    from modicum_server.usecases import store_identity  # noqa: PLC0415 - as for the store

    await store_identity.refuse_mixed_stores(store, artifacts, _place_of(settings))


def _place_of(settings: Settings) -> "Place":
    from modicum_server.postgres.addresses import shown_address  # noqa: PLC0415 - as for the store
    from modicum_server.usecases.store_identity import Place  # noqa: PLC0415

    return Place(shown_address(settings.database_url.get_secret_value()), settings.artifacts_url)


async def schema_appears(settings: Settings, stop: asyncio.Event) -> bool:
    """Wait until a database has been created and migrated; False when `stop` was set first.

    Raises:
        DependencyUnavailable, SchemaOutdated: it was not ready within `SCHEMA_SECONDS`; this is the last error.
    """
    async with open_store(settings.database_url.get_secret_value(), pooled=settings.pooled) as store:
        return await done_before(stop, _schema_within(store, SCHEMA_SECONDS))


async def _schema_within(store: "PostgresStore", seconds: float) -> None:
    """Check the schema again and again for this long; once if that is 0."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while True:
        try:
            return await store.require_schema()
        except (DependencyUnavailable, SchemaOutdated):
            if loop.time() >= end:
                raise
        await asyncio.sleep(SCHEMA_POLL_SECONDS)


def api_adapters(store: Store, changes: Changes, artifacts: ArtifactStore, settings: Settings) -> "Adapters":
    """Choose what stands behind the other protocols of the API.

    Raises:
        OSError: the file of the secret with which people are signed in cannot be read, or is empty.
    """
    from modicum_server.issuers.identity_tokens import JwtIdentityTokens  # noqa: PLC0415 - a worker serves no calls
    from modicum_server.issuers.openid_provider import OpenIdProvider  # noqa: PLC0415
    from modicum_server.reports.renderer import Renderer  # noqa: PLC0415
    from modicum_server.transports.use_cases import Adapters  # noqa: PLC0415

    return Adapters(
        store=store,
        changes=changes,
        artifacts=artifacts,
        renderer=Renderer(),
        identity_tokens=JwtIdentityTokens(settings),
        endpoints=EntriesFile(settings.endpoints_file),
        sign_in_provider=OpenIdProvider(settings) if settings.sign_in_issuer else None,
    )


def build_api(
    store: Store,
    changes: Changes,
    artifacts: ArtifactStore,
    settings: Settings,
    *,
    metrics: "ApiMetrics | None" = None,
    bounds: Bounds = BOUNDS,
    refused: "RefusedAttempts | None" = None,
    traces: Traces = NO_TRACES,
) -> "Api":
    """Build the API process over these adapters. It counts in `refused`, which the caller writes into the trail.

    Raises:
        ValueError: the settings name a certificate without its key, or a key without its certificate.
        OSError: the file of the secret with which people are signed in cannot be read, or is empty.
    """
    from modicum_server.metrics.api import ApiMetrics  # noqa: PLC0415 - a worker serves no calls
    from modicum_server.metrics.scrapes import Scrapes  # noqa: PLC0415
    from modicum_server.transports.api import Api  # noqa: PLC0415
    from modicum_server.transports.readiness import Readiness  # noqa: PLC0415
    from modicum_server.transports.services import build_services  # noqa: PLC0415

    metrics = metrics or ApiMetrics()
    readiness = Readiness(store, artifacts)
    adapters = api_adapters(store, changes, artifacts, settings)
    return Api(
        build_services(adapters, settings=settings, metrics=metrics, refused=refused, traces=traces),
        store,
        readiness=readiness,
        exposition=Scrapes(store, artifacts, readiness.check, settings=settings, metrics=metrics),
        settings=settings,
        metrics=metrics,
        bounds=bounds,
    )


@asynccontextmanager
async def running_api(settings: Settings) -> AsyncIterator[tuple[int, int]]:
    """Serve gRPC and HTTP while the context is open; yields their ports."""
    with _opened_traces(settings, "modicum-api") as traces:
        async with _running_api(settings, traces) as ports:
            yield ports


@asynccontextmanager
async def _running_api(settings: Settings, traces: Traces) -> AsyncIterator[tuple[int, int]]:
    from modicum_server.store.changes import PostgresChanges  # noqa: PLC0415 - as for the store
    from modicum_server.usecases.refused_attempts import RefusedAttempts, keep_writing  # noqa: PLC0415
    from modicum_server.usecases.trail_sealing import keep_sealing  # noqa: PLC0415

    database_url = settings.database_url.get_secret_value()
    changes = PostgresChanges(settings.session_url, notified_at=database_url)
    async with open_store(database_url, pooled=settings.pooled) as store:
        await store.require_schema()
        artifacts = open_artifact_store(settings.artifacts_url)
        await require_one_store(store, artifacts, settings)
        await _warn_of_one_role(store)
        refused = RefusedAttempts(store)
        api = build_api(store, changes, artifacts, settings, refused=refused, traces=traces)
        grpc_port, http_port = await api.start()
        changes.listen()
        _log.info("api_started", grpc_port=grpc_port, http_port=http_port)
        sealing = asyncio.create_task(keep_sealing(store, _say_trail_failed))
        writing = asyncio.create_task(keep_writing(refused, _say_trail_failed))
        try:
            yield grpc_port, http_port
        finally:
            await api.stop(settings.grace_seconds)
            await cancelled(sealing, writing)
            await _write_last(refused)
            await changes.close()
            _log.info("api_stopped")


async def _warn_of_one_role(store: "PostgresStore") -> None:
    """Say in the log where the role that serves could change the trail (audit log), and what to do."""
    if await store.may_change_trail():
        _log.warning(
            "trail_not_protected",
            why="the database role of this server owns its tables, so it could change or delete entries of the trail",
            do="set MODICUM_OWNER_DATABASE_URL for `modicum-server migrate`, and name another role in "
            "MODICUM_DATABASE_URL; docs/how-to/operate.md has the steps",
        )


def _say_trail_failed(error: Exception) -> None:
    """Log that entries wait for their seal, or refused attempts for being written. Both are tried again."""
    _log.warning("trail_behind", exc_info=error)


async def _write_last(refused: "RefusedAttempts") -> None:
    """Write the attempts of the last minute, where the database can still be reached."""
    try:
        await refused.write()
    except DependencyUnavailable as error:
        _say_trail_failed(error)


async def run_worker(settings: Settings, stop: asyncio.Event, *, schema_seconds: float = 0.0) -> None:
    """Work until `stop` is set, with a TorchServe of our own, which starts during the wait for the database."""
    from modicum_server.endpoints.calls import EndpointCalls  # noqa: PLC0415 - the API calls no endpoint
    from modicum_server.torchserve.adapter import TorchServe  # noqa: PLC0415 - only the `worker` extra has it

    artifacts = open_artifact_store(settings.artifacts_url)
    with (
        _opened_traces(settings, "modicum-worker") as traces,
        kept_artifacts(artifacts, settings.run_folder, settings.kept_artifacts_bytes) as kept,
    ):
        endpoints = EndpointCalls(EntriesFile(settings.endpoints_file), hang_seconds=settings.hang_seconds)
        model_server = TorchServe(settings, kept or artifacts, endpoints=endpoints, traces=traces)
        model_server.begin()  # this takes longest, so it comes before the other imports
        try:
            await asyncio.to_thread(_read_worker)
            await _run_beside(
                model_server, artifacts, settings, stop, kept=kept, traces=traces, schema_seconds=schema_seconds
            )
        finally:
            await model_server.stop()


async def _run_beside(
    model_server: "TorchServe",
    artifacts: ArtifactStore,
    settings: Settings,
    stop: asyncio.Event,
    *,
    kept: KeptArtifacts | None,
    traces: Traces,
    schema_seconds: float,
) -> None:
    from modicum_server.store.wakeups import PostgresWakeups  # noqa: PLC0415 - only a worker listens
    from modicum_server.worker.worker import Worker  # noqa: PLC0415

    database_url = settings.database_url.get_secret_value()
    wakeups = PostgresWakeups(settings.session_url, notified_at=database_url)
    async with open_store(database_url, pooled=settings.pooled) as store, AsyncExitStack() as opened:

        async def prepare() -> None:
            await _schema_within(store, schema_seconds)
            await require_one_store(store, artifacts, settings)
            await opened.enter_async_context(wakeups)

        worker = Worker(store, wakeups, artifacts, model_server, settings, kept=kept, traces=traces, prepare=prepare)
        await worker.run(stop)


def _opened_traces(settings: Settings, service: str) -> AbstractContextManager[Traces]:
    return opened_traces(os.environ, service, follow_callers=settings.traces_follow_callers)


def _read_worker() -> None:
    """Import what a worker needs besides its model server."""
    import modicum_server.store.postgres  # noqa: PLC0415
    import modicum_server.store.wakeups  # noqa: PLC0415
    import modicum_server.worker.worker  # noqa: F401, PLC0415
