"""A data folder that no server has used, with its Postgres running: what a backup is restored to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from modicum_server.local.folder import DataFolder, FolderInUse
from modicum_server.local.postgres import EmbeddedPostgres
from modicum_server.local.postgres_binaries import LocalPostgresError
from modicum_server.local.supervisor import StartFailed


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of a database: for the owner of its tables, and for the role that serves."""

    owner: str
    service: str


@asynccontextmanager
async def empty_server(path: Path) -> AsyncIterator[Addresses]:
    """Hold a data folder and run its Postgres; yield the addresses of its database. That it is empty is not checked.

    Raises:
        StartFailed: a server runs in the folder, or Postgres does not start.
    """
    folder = DataFolder.create(path)
    postgres = EmbeddedPostgres(folder.path / "postgres")
    try:
        with folder.held():
            folder.close_to_others()
            await postgres.start()
            yield Addresses(postgres.url, postgres.service_url)
    except (FolderInUse, LocalPostgresError) as error:
        raise StartFailed(str(error)) from error
    finally:
        await postgres.stop()
