"""`modicum-server up`: an embedded Postgres (unless a database is given), the API and a worker, on one machine."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from modicum_server.errors import ModelServerDown
from modicum_server.local.children import Child
from modicum_server.local.folder import DataFolder, Listening
from modicum_server.ports import Role
from modicum_server.settings import Settings
from modicum_server.usecases.access import token_digest

START_SECONDS = 60.0
POLL_SECONDS = 0.05
USE_POLL_SECONDS = 0.5
#: Children get their own grace, and some time to say goodbye.
GOODBYE_SECONDS = 5.0


class StartFailed(Exception):
    """A part of the local server did not start; its log says why."""


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A local server: `folder` holds everything that it keeps."""

    folder: DataFolder
    settings: Settings
    until_unused: bool = False

    async def run(self, stop: asyncio.Event, ready: Callable[[Listening], None]) -> None:
        """Run until `stop`, or until no command uses it if that was asked for.

        Raises:
            StartFailed: Postgres, the API or the worker did not come up.
        """
        _see_parts(self.settings)
        async with self._database() as database_url, self._children(database_url) as listening:
            self.folder.announce(listening)
            ready(listening)
            try:
                await self._until_told(stop)
            finally:
                self.folder.withdraw()

    @asynccontextmanager
    async def _database(self) -> AsyncIterator[str]:
        given = self.settings.database_url.get_secret_value()
        if given:
            await self._prepare(given)
            yield given
            return
        from modicum_server.local.postgres import EmbeddedPostgres, LocalPostgresError  # noqa: PLC0415

        postgres = EmbeddedPostgres(self.folder.path / "postgres")
        try:
            await postgres.start()
        except LocalPostgresError as error:
            raise StartFailed(str(error)) from error
        try:
            await self._prepare(postgres.url)
            yield postgres.url
        finally:
            await postgres.stop()

    async def _prepare(self, database_url: str) -> None:
        """Apply migrations, and make the administrator's token known."""
        from modicum_server.bootstrap import open_store  # noqa: PLC0415 - the store is not needed to say "in use"
        from modicum_server.store.migrate import migrate  # noqa: PLC0415

        await asyncio.to_thread(migrate, database_url)
        digest = token_digest(self.folder.token())
        async with open_store(database_url) as store, store.transaction() as transaction:
            await transaction.projects.add_token(digest, principal="local", project="projects/default", role=Role.ADMIN)

    @asynccontextmanager
    async def _children(self, database_url: str) -> AsyncIterator[Listening]:
        environment = {
            "MODICUM_DATABASE_URL": database_url,
            "MODICUM_ARTIFACTS_URL": self.settings.artifacts_url or str(self.folder.path / "artifacts"),
        }
        ready_file = self.folder.path / "api.json"
        ready_file.unlink(missing_ok=True)
        settings = self.settings
        serve = ["serve", "--ready-file", str(ready_file)]
        ports = ["--grpc-port", str(settings.grpc_port), "--http-port", str(settings.http_port)]
        api = Child("api", [*serve, *ports], environment, self.folder.path / "api.log")
        worker_environment = {**environment, "MODICUM_RUN_FOLDER": str(self.folder.path / "run")}
        worker = Child("worker", ["worker", "--metrics-port", "0"], worker_environment, self.folder.path / "worker.log")
        children = (api, worker)
        keepers: list[asyncio.Task[None]] = []
        try:
            for child in children:
                await child.start()
            listening = await _listening(api, ready_file)
            # Started again, it listens where its clients know it: a port that was free is now ours to keep.
            api.arguments = [*serve, "--grpc-port", listening.grpc_port, "--http-port", listening.http_port]
            keepers += [asyncio.create_task(child.keep_running()) for child in children]
            yield listening
        finally:
            for keeper in keepers:
                keeper.cancel()
            grace = settings.grace_seconds + GOODBYE_SECONDS
            await asyncio.gather(*(child.stop(grace) for child in children))

    async def _until_told(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), USE_POLL_SECONDS)
            if self.until_unused and self.folder.leave_if_unused():
                return


def _see_parts(settings: Settings) -> None:
    """See that a worker can start at all: it would be started again and again, and say why in its log only."""
    from modicum_server.torchserve.java import find_java, torchserve_home  # noqa: PLC0415 - as for the store

    try:
        find_java(settings.java)
        torchserve_home()
    except ModelServerDown as error:
        raise StartFailed(str(error)) from error


async def _listening(api: Child, ready_file: Path) -> Listening:
    """Wait until the API says where it listens."""
    end = asyncio.get_running_loop().time() + START_SECONDS
    while not ready_file.exists():
        ended = api.process is not None and api.process.returncode is not None
        if ended or asyncio.get_running_loop().time() > end:
            raise StartFailed(f"the API did not start; its last words:\n{last_lines(api.log_file)}")
        await asyncio.sleep(POLL_SECONDS)
    addresses = json.loads(ready_file.read_text())
    return Listening(pid=os.getpid(), started=datetime.now(UTC).isoformat(), **addresses)


def last_lines(path: Path, count: int = 15) -> str:
    """Return the last lines of a log."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-count:]) if path.exists() else "(none)"
