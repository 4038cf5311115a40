"""The Postgres of a stage: the embedded one, which can go away and come back at the same address."""

import asyncio
from pathlib import Path

from modicum_server.bootstrap import open_store
from modicum_server.domain.projects import Role
from modicum_server.local.postgres import EmbeddedPostgres, _end
from modicum_server.store.migrate import migrate
from modicum_server.usecases.access import token_digest


class Database:
    """A migrated database with projects in it; the address stays while it is away."""

    def __init__(self, folder: Path) -> None:
        self._postgres = EmbeddedPostgres(folder)

    @property
    def url(self) -> str:
        """`postgresql://` address."""
        return self._postgres.url

    @property
    def pid(self) -> int:
        """Process id of the postmaster."""
        assert self._postgres.pid is not None, "it is away"
        return self._postgres.pid

    def start(self) -> None:
        """Start it with a current schema, from the thread that lives as long as it shall."""
        asyncio.run(self._postgres.start())
        migrate(self.url)

    def halt(self) -> None:
        """Stop it as an operator does (fast: transactions are rolled back, connections end); it stays away."""
        process, self._postgres._process = self._postgres._process, None
        assert process is not None, "it is away already"
        asyncio.run(_end(process))

    def resume(self) -> None:
        """Start it again where it was."""
        asyncio.run(self._postgres.start())

    def stop(self) -> None:
        """Stop it for good."""
        asyncio.run(self._postgres.stop())

    def add_project(self, project: str, token: str) -> None:
        """Make a project, if it is not there, and a token of an administrator of it."""
        asyncio.run(self._add_project(project, token))

    async def _add_project(self, project: str, token: str) -> None:
        principal = f"admin of {project}"
        async with open_store(self.url) as store, store.transaction() as transaction:
            await transaction.projects.create(project, admin=principal)
            await transaction.projects.add_token(
                token_digest(token), principal=principal, project=project, role=Role.ADMIN
            )
