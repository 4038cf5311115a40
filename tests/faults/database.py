"""The embedded Postgres of a stage. It can stop and start again at the same address."""

import asyncio
from pathlib import Path

from modicum_server.bootstrap import open_store
from modicum_server.domain.projects import Role
from modicum_server.local.postgres import EmbeddedPostgres, _end
from modicum_server.store.migrate import migrate

from tests.tokens import add_token


class Database:
    """A migrated database with projects. Its address stays the same while it is stopped."""

    def __init__(self, folder: Path) -> None:
        self._postgres = EmbeddedPostgres(folder)

    @property
    def url(self) -> str:
        """Address of the form `postgresql://`."""
        return self._postgres.url

    @property
    def pid(self) -> int:
        """Process id of the postmaster."""
        assert self._postgres.pid is not None, "it is away"
        return self._postgres.pid

    @property
    def pids(self) -> frozenset[int]:
        """Process ids of every postmaster."""
        return frozenset({self.pid})

    def start(self) -> None:
        """Start it with the current schema. The calling thread must outlive the database."""
        asyncio.run(self._postgres.start())
        migrate(self.url)

    def halt(self) -> None:
        """Stop it as an operator does. A fast shutdown rolls back transactions and closes connections."""
        process, self._postgres._process = self._postgres._process, None
        assert process is not None, "it is away already"
        asyncio.run(_end(process))

    def resume(self) -> None:
        """Start it again at the same address."""
        asyncio.run(self._postgres.start())

    def stop(self) -> None:
        """Stop it for good."""
        asyncio.run(self._postgres.stop())

    def add_project(self, project: str, token: str) -> None:
        """Create a project and an administrator's token, unless they exist."""
        asyncio.run(self._add_project(project, token))

    async def _add_project(self, project: str, token: str) -> None:
        principal = f"admin of {project}"
        async with open_store(self.url) as store, store.transaction() as transaction:
            await transaction.projects.create(project, admin=principal)
            await add_token(transaction, token, principal=principal, project=project, role=Role.ADMIN)
