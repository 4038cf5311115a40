"""`modicum-server up`: an embedded Postgres (unless a database is given), the API and a worker on one machine."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from modicum_server.local.children import Child
from modicum_server.local.folder import ENDPOINTS_FILE, DataFolder, ServerAddresses
from modicum_server.local.log_files import keep_small
from modicum_server.model_server import ModelServerDown
from modicum_server.settings import Settings
from modicum_server.traces.opening import require_traces
from modicum_server.usecases.operator_tokens import admit_local

if TYPE_CHECKING:
    from modicum_server.store.postgres import PostgresStore

START_SECONDS = 60.0
POLL_SECONDS = 0.05
USE_POLL_SECONDS = 0.5
#: Children get their own grace, and a little more time to end.
GOODBYE_SECONDS = 5.0
AWAIT_SCHEMA = "--await-schema"
LOGS = ("api.log", "worker.log", "server.log", "postgres/postgres.log")


Ready = Callable[[ServerAddresses, str], None]
"""Takes the addresses of the server once it serves, and the secret of a link that signs in to its pages."""


class StartFailed(Exception):
    """A part of the local server did not start; its log says why."""


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A local server. Everything that it stores is in `folder`."""

    folder: DataFolder
    settings: Settings
    until_unused: bool = False

    async def run(self, stop: asyncio.Event, ready: Ready) -> None:
        """Run until `stop`, or (if requested) until no command uses it.

        Raises:
            StartFailed: Postgres, the API or the worker did not start, or Postgres died again and again.
        """
        _see_parts(self.settings)
        self.folder.close_to_others()
        async with self._database() as database, self._children(database.url) as children:
            link = await self._prepare(database)
            serving = self._serve(children, stop, lambda addresses: ready(addresses, link))
            await _first_of(database.keep(), keep_small([self.folder.path / name for name in LOGS]), serving)

    async def _serve(
        self, children: "_Children", stop: asyncio.Event, ready: Callable[[ServerAddresses], None]
    ) -> None:
        """Announce the addresses of the API, and keep it and the worker running until the stop."""
        addresses = await children.keep_listening()
        self.folder.announce(addresses)
        ready(addresses)
        try:
            await self._until_told(stop)
        finally:
            self.folder.withdraw()

    @asynccontextmanager
    async def _database(self) -> AsyncIterator["_Database"]:
        """Yield the database while it starts, so that what needs it can start at the same time."""
        given = self.settings.database_url.get_secret_value()
        if given:
            yield _Database(given, self.settings.migration_url, _nothing, asyncio.Event().wait)
            return
        from modicum_server.local.postgres import EmbeddedPostgres  # noqa: PLC0415
        from modicum_server.local.postgres_binaries import LocalPostgresError  # noqa: PLC0415
        from modicum_server.local.postgres_keeper import keep_running  # noqa: PLC0415

        postgres = EmbeddedPostgres(self.folder.path / "postgres")
        try:
            await postgres.reserve()
            yield _Database(postgres.service_url, postgres.url, postgres.start, partial(keep_running, postgres))
        except LocalPostgresError as error:
            raise StartFailed(str(error)) from error
        finally:
            await postgres.stop()

    async def _prepare(self, database: "_Database") -> str:
        """Start the database, migrate it, and add the administrator's token; returns the secret of a sign-in link."""
        reading = asyncio.create_task(asyncio.to_thread(_read_store))  # a second, while Postgres creates its files
        try:
            await database.start()
        finally:
            await reading
        from modicum_server.bootstrap import open_store  # noqa: PLC0415 - the store is not needed to say "in use"
        from modicum_server.store.migrate import migrate  # noqa: PLC0415
        from modicum_server.usecases.sessions import new_link  # noqa: PLC0415

        await asyncio.to_thread(migrate, database.owner_url, service_url=database.url)
        token = self.folder.token()
        async with open_store(database.url, pooled=self.settings.pooled) as store:
            await self._require_one_store(store, database.url)
            await admit_local(store, token)
            return await new_link(store, token)

    async def _require_one_store(self, store: "PostgresStore", database_url: str) -> None:
        """Check that the database and the artifacts belong together; only here is there somebody to read why not.

        Raises:
            StoresMixed
        """
        from modicum_server.artifacts.store import open_artifact_store  # noqa: PLC0415 - as for the store
        from modicum_server.bootstrap import require_one_store  # noqa: PLC0415

        place = {"database_url": SecretStr(database_url), "artifacts_url": self._artifacts_url}
        settings = self.settings.model_copy(update=place)
        await require_one_store(store, open_artifact_store(self._artifacts_url), settings)

    @property
    def _artifacts_url(self) -> str:
        return self.settings.artifacts_url or str(self.folder.path / "artifacts")

    @property
    def _metrics_names(self) -> bool:
        """Whoever uses this machine is trusted with names, unless the setting says otherwise."""
        return self.settings.metrics_names or "metrics_names" not in self.settings.model_fields_set

    @asynccontextmanager
    async def _children(self, database_url: str) -> AsyncIterator["_Children"]:
        """Start API and worker together. They wait for the schema of the database themselves."""
        children = self._described(database_url)
        try:
            await children.worker.start()  # first, because its TorchServe takes longest
            await children.api.start()
            yield children
        finally:
            await children.stop(self.settings.grace_seconds + GOODBYE_SECONDS)

    def _described(self, database_url: str) -> "_Children":
        folder, settings = self.folder.path, self.settings
        environment = {
            "MODICUM_DATABASE_URL": database_url,
            "MODICUM_OWNER_DATABASE_URL": "",  # not for those who serve
            "MODICUM_ARTIFACTS_URL": self._artifacts_url,
            "MODICUM_METRICS_NAMES": str(self._metrics_names).lower(),
            "MODICUM_ENDPOINTS_FILE": str((settings.endpoints_file or folder / ENDPOINTS_FILE).absolute()),
        }
        ready_file = folder / "api.json"
        ready_file.unlink(missing_ok=True)
        serve = _serve(ready_file, settings.grpc_port, settings.http_port)
        worker_environment = {**environment, "MODICUM_RUN_FOLDER": str(folder / "run")}
        worker = ["worker", AWAIT_SCHEMA, "--metrics-port", "0"]
        return _Children(
            api=Child("api", serve, environment, folder / "api.log"),
            worker=Child("worker", worker, worker_environment, folder / "worker.log"),
            ready_file=ready_file,
        )

    async def _until_told(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), USE_POLL_SECONDS)
            if self.until_unused and self.folder.withdraw_if_unused():
                return


def _see_parts(settings: Settings) -> None:
    """Check that API and worker can start. They would restart again and again, with the reason only in their logs."""
    from modicum_server.torchserve.java import find_java, torchserve_home  # noqa: PLC0415 - as for the store

    require_traces(os.environ)
    try:
        find_java(settings.java)
        torchserve_home()
    except ModelServerDown as error:
        raise StartFailed(str(error)) from error


@dataclass(frozen=True, slots=True)
class _Database:
    """A database: its addresses, to serve and for the owner of its tables; what starts it, and keeps it running."""

    url: str
    owner_url: str
    start: Callable[[], Awaitable[None]]
    keep: Callable[[], Coroutine[Any, Any, object]]


@dataclass(frozen=True, slots=True)
class _Children:
    """The two children, and the file with the addresses of the API."""

    api: Child
    worker: Child
    ready_file: Path
    _keepers: list[asyncio.Task[None]] = field(default_factory=list)

    async def keep_listening(self) -> ServerAddresses:
        """Wait for the addresses of the API. From then on, both children are restarted whenever they end."""
        end = asyncio.get_running_loop().time() + START_SECONDS
        while not self.ready_file.exists():
            ended = self.api.process is not None and self.api.process.returncode is not None
            if ended or asyncio.get_running_loop().time() > end:
                raise StartFailed(f"the API did not start; its log ends with:\n{last_lines(self.api.log_file)}")
            await asyncio.sleep(POLL_SECONDS)
        announced = json.loads(self.ready_file.read_text())
        addresses = ServerAddresses(pid=os.getpid(), started=datetime.now(UTC).isoformat(), **announced)
        # After a restart it must listen on the same ports, which its clients know.
        self.api.arguments = _serve(self.ready_file, addresses.grpc_port, addresses.http_port)
        self._keepers.extend(asyncio.create_task(child.keep_running()) for child in (self.api, self.worker))
        return addresses

    async def stop(self, grace_seconds: float) -> None:
        """Stop both for good."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(self.api.stop(grace_seconds), self.worker.stop(grace_seconds))


def _serve(ready_file: Path, grpc_port: int | str, http_port: int | str) -> list[str]:
    """Return the command line of the API, which waits for the schema at every start."""
    ports = ["--grpc-port", str(grpc_port), "--http-port", str(http_port)]
    return ["serve", AWAIT_SCHEMA, "--ready-file", str(ready_file), *ports]


async def _first_of(*works: Coroutine[Any, Any, object]) -> None:
    """Run all until one ends, with its error if it has one; the others are cancelled."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _nothing() -> None:
    """Do nothing: a database that was given runs already."""


def _read_store() -> None:
    """Import the modules that prepare the database."""
    import modicum_server.store.migrate  # noqa: PLC0415 - as above
    import modicum_server.store.postgres  # noqa: F401, PLC0415


def last_lines(path: Path, count: int = 15) -> str:
    """Return the last lines of a log."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-count:]) if path.exists() else "(none)"
