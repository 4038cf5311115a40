"""Makes one consistent copy of a database and its artifacts while the service goes on.

Bytes are in their place before the transaction that records them ends, they never change, and none are deleted while a
backup runs. So the rows of one moment are copied first, and then the bytes that they name, all of which are there.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from modicum_server.domain.backups import FORM, ArtifactList, Backup, Damaged, HeldBytes, TableCopy
from modicum_server.errors import ArtifactCorrupt, ArtifactNotFound, DependencyUnavailable
from modicum_server.ports import ArtifactStore, BackupFolder, DatabaseCopies
from modicum_server.usecases.verifying import State, Throttle

#: The name under which an artifact store keeps copies in progress, in place of a project's.
COPYING = "backup"

Show = Callable[[str, int, int], None]
"""Takes a step ("tables" or "artifacts"), how many tables or bytes of it are done, and how many there are."""


class _Unreadable(Exception):
    """The disk or the driver fails on one artifact."""


async def back_up(
    database: DatabaseCopies,
    artifacts: ArtifactStore,
    folder: BackupFolder,
    *,
    release: str,
    throttle: Throttle,
    show: Show,
) -> tuple[Backup, str]:
    """Write a backup; return its manifest and the SHA-256 of that. What is damaged in the store is named there.

    Raises:
        BackupUnderWay, SchemaOutdated, DiskFull, DependencyUnavailable
    """
    async with database.deleting_nothing():
        async with database.snapshot() as snapshot:
            tables: list[TableCopy] = []
            for shape in snapshot.tables:
                show("tables", len(tables), len(snapshot.tables))
                tables.append(await folder.write_table(shape, snapshot.rows(shape)))
            show("tables", len(tables), len(tables))
            listed = await folder.write_artifact_list(snapshot.held_bytes())
        damaged = [one async for one in _copy(artifacts, folder, listed, throttle=throttle, show=show)]
    backup = Backup(
        form=FORM,
        release=release,
        schema=snapshot.schema,
        store_id=snapshot.store_id,
        create_time=snapshot.moment,
        tables=tuple(tables),
        artifacts=listed,
        damaged=tuple(damaged),
    )
    return backup, await folder.finish(backup)


async def _copy(
    artifacts: ArtifactStore, folder: BackupFolder, listed: ArtifactList, *, throttle: Throttle, show: Show
) -> AsyncGenerator[Damaged]:
    """Copy the bytes of the list that the folder does not have, and yield what cannot be copied."""
    done = 0
    async with aclosing(folder.artifact_list(listed)) as held, aclosing(folder.artifacts.stored("")) as there:
        present = await anext(there, None)
        async for one in held:
            while present is not None and present < one.digest:
                present = await anext(there, None)
            show("artifacts", done, listed.total_bytes)
            if present != one.digest and (state := await _copied(artifacts, folder, one, throttle)) is not State.WHOLE:
                yield Damaged(one.digest, state)
            done += one.size_bytes
    show("artifacts", done, listed.total_bytes)


async def _copied(artifacts: ArtifactStore, folder: BackupFolder, one: HeldBytes, throttle: Throttle) -> State:
    try:
        await copy_bytes(_readable(artifacts, one.digest), folder.artifacts, one, throttle)
    except ArtifactNotFound:
        return State.MISSING
    except ArtifactCorrupt:
        return State.CORRUPT
    except _Unreadable:
        return State.UNREADABLE
    return State.WHOLE


async def copy_bytes(pieces: AsyncGenerator[bytes], target: ArtifactStore, one: HeldBytes, throttle: Throttle) -> None:
    """Store what comes as the bytes of a digest. Nothing stands under the digest until all of it has come.

    Raises:
        DigestMismatch, UploadTruncated, UploadInvalid: other bytes came.
    """
    async with target.upload(COPYING, one.digest, size_bytes=one.size_bytes, offset=0) as upload:
        async with aclosing(pieces):
            async for piece in pieces:
                await upload.write(piece)
                await throttle.passed(len(piece))
        await upload.commit()


async def _readable(artifacts: ArtifactStore, digest: str) -> AsyncGenerator[bytes]:
    """Yield the bytes of an artifact.

    Raises:
        _Unreadable: the disk fails on it alone; DependencyUnavailable: the whole store is away.
    """
    async with aclosing(artifacts.read(digest)) as pieces:
        try:
            async for piece in pieces:
                yield piece
        except DependencyUnavailable as error:
            await artifacts.store_id()  # raises the same where the whole store is away
            raise _Unreadable from error
