"""Fills an empty database and an empty artifact store from a backup. The database is filled last, and at once.

A restore that was interrupted is repeated: nothing of it can be seen in the database, and the bytes that it brought are
those of the same backup.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from modicum_server.domain.backups import Backup, HeldBytes
from modicum_server.errors import ArtifactCorrupt, ArtifactNotFound
from modicum_server.ports import ArtifactStore, BackupFolder, DatabaseCopies
from modicum_server.usecases.backing_up import Show, copy_bytes
from modicum_server.usecases.backup_errors import BackupDamaged, StoreNotEmpty
from modicum_server.usecases.verifying import Throttle


async def restore(
    folder: BackupFolder,
    backup: Backup,
    database: DatabaseCopies,
    artifacts: ArtifactStore,
    *,
    throttle: Throttle,
    show: Show,
) -> None:
    """Bring all bytes, then all rows. Both are a store without an id then: the next step gives them a new one.

    Raises:
        StoreNotEmpty, BackupDamaged, DiskFull, DependencyUnavailable
    """
    await database.require_empty()
    await _require_empty(folder, backup, artifacts)
    await _check_tables(folder, backup, show)
    await _bring_artifacts(folder, backup, artifacts, throttle, show)
    await database.load(backup.schema, [(each.shape, folder.table_rows(each)) for each in backup.tables])


async def _require_empty(folder: BackupFolder, backup: Backup, artifacts: ArtifactStore) -> None:
    """Check that the artifact store has no id, and no bytes but those that this backup has."""
    if (store_id := await artifacts.store_id()) is not None:
        raise StoreNotEmpty(
            f"the artifact store already belongs to the store {store_id}. Restore into an empty folder or prefix"
        )
    async with aclosing(artifacts.stored("")) as digests, aclosing(folder.artifact_list(backup.artifacts)) as listed:
        known = await anext(listed, None)
        async for digest in digests:
            while known is not None and known.digest < digest:
                known = await anext(listed, None)
            if known is None or known.digest != digest:
                raise StoreNotEmpty(
                    f"the artifact store holds {digest}, which this backup does not contain. Restore into an empty "
                    "artifact store"
                )


async def _check_tables(folder: BackupFolder, backup: Backup, show: Show) -> None:
    """Read every table once, before anything is changed."""
    for number, table in enumerate(backup.tables):
        show("checking tables", number, len(backup.tables))
        async with aclosing(folder.table_rows(table)) as rows:
            async for _ in rows:
                pass
    show("checking tables", len(backup.tables), len(backup.tables))


async def _bring_artifacts(
    folder: BackupFolder, backup: Backup, artifacts: ArtifactStore, throttle: Throttle, show: Show
) -> None:
    absent, done = {one.digest for one in backup.damaged}, 0
    async with aclosing(folder.artifact_list(backup.artifacts)) as listed:
        async for one in listed:
            show("artifacts", done, backup.artifacts.total_bytes)
            if one.digest not in absent:
                await copy_bytes(_sound(folder, one), artifacts, one, throttle)
            done += one.size_bytes
    show("artifacts", done, backup.artifacts.total_bytes)


async def _sound(folder: BackupFolder, one: HeldBytes) -> AsyncGenerator[bytes]:
    async with aclosing(folder.artifacts.read(one.digest)) as pieces:
        try:
            async for piece in pieces:
                yield piece
        except ArtifactNotFound as error:
            raise BackupDamaged(f"the backup lacks the artifact {one.digest}; restore another copy of it") from error
        except ArtifactCorrupt as error:
            raise BackupDamaged(
                f"the backup is damaged: the bytes of the artifact {one.digest} do not match its SHA-256. Restore "
                "another copy of the backup"
            ) from error
