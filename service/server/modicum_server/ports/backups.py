"""A backup: the database as it was at one moment, and the files that it is written to."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from modicum_server.domain.backups import ArtifactList, Backup, HeldBytes, TableCopy, TableShape
from modicum_server.ports.artifacts import ArtifactStore


class DatabaseSnapshot(Protocol):
    """The database as it was at one moment, while others go on writing."""

    schema: str
    store_id: str
    moment: datetime
    tables: Sequence[TableShape]
    """Each after those that it refers to."""

    def rows(self, table: TableShape) -> AsyncGenerator[bytes]:
        """Yield the rows in the text form of COPY: one line each."""

    def held_bytes(self) -> AsyncGenerator[HeldBytes]:
        """Yield what any project holds, by rising digest."""


class DatabaseCopies(Protocol):
    """Copies a database out and in."""

    def deleting_nothing(self) -> AbstractAsyncContextManager[None]:
        """Let no process delete the bytes of an artifact while the context is open.

        Raises BackupUnderWay beside another backup; DependencyUnavailable at its end if it was not so all the time.
        """

    def snapshot(self) -> AbstractAsyncContextManager[DatabaseSnapshot]:
        """Raises SchemaOutdated where the schema is not exactly that of this release."""

    async def require_empty(self) -> None:
        """Raises StoreNotEmpty where the database has a schema of Modicum."""

    async def load(self, schema: str, tables: Sequence[tuple[TableShape, AsyncGenerator[bytes]]]) -> None:
        """Make the schema, fill its tables and bring it to that of this release: all of it, or nothing.

        Raises StoreNotEmpty, or BackupDamaged where the rows do not fit; DependencyUnavailable.
        """


class BackupFolder(Protocol):
    """The files of one backup."""

    artifacts: ArtifactStore

    async def write_table(self, shape: TableShape, rows: AsyncGenerator[bytes]) -> TableCopy: ...
    async def write_artifact_list(self, held: AsyncGenerator[HeldBytes]) -> ArtifactList: ...
    async def finish(self, backup: Backup) -> str:
        """Write the manifest, durably, and return its SHA-256, which is that of the whole backup."""

    def table_rows(self, table: TableCopy) -> AsyncGenerator[bytes]:
        """Yield the rows of a table. Raises BackupDamaged, at the latest after the last of them."""

    def artifact_list(self, artifacts: ArtifactList) -> AsyncGenerator[HeldBytes]:
        """Yield the list of artifacts. Raises BackupDamaged, at the latest after the last of them."""
