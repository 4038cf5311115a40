"""Artifacts: bytes by SHA-256. A project holds only what it uploaded itself, even where the store has the bytes."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass
from functools import partial

from modicum_server.domain.datasets import Artifact, UsedArtifact
from modicum_server.domain.digests import digest_of
from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.trail import Verb
from modicum_server.errors import (
    ArtifactCorrupt,
    ArtifactNotFound,
    ArtifactTooLarge,
    ModicumError,
    OffsetInvalid,
    UploadInvalid,
    UploadTruncated,
)
from modicum_server.ports import ArtifactStore, Store, Transaction, Upload
from modicum_server.settings import Settings
from modicum_server.usecases.access import authorise
from modicum_server.usecases.limit_errors import ProjectFull
from modicum_server.usecases.missing_artifacts import MissingArtifact, check_digests, missing_artifacts
from modicum_server.usecases.models import refuse_in_use
from modicum_server.usecases.open_downloads import OpenDownloads
from modicum_server.usecases.pages import Page, PageRequest, read_page
from modicum_server.usecases.resource_names import project_of
from modicum_server.usecases.rules import check
from modicum_server.usecases.shares import Share, Shares
from modicum_server.usecases.stored_results import require_undamaged
from modicum_server.usecases.stored_shares import StoredShares
from modicum_server.usecases.trail import record, record_all
from modicum_server.usecases.turns import Turns
from modicum_server.usecases.unfinished_uploads import require_another

MEBIBYTE = 1024 * 1024
LARGEST_MESSAGE_BYTES = MEBIBYTE
MOST_SMALL_BYTES = 2 * MEBIBYTE
#: Longest wait for the next bytes of an upload. Until then no other client can resume it.
IDLE_SECONDS = 60.0
#: Records that are read and stored at once of a project. A hundred downloads that began together, or uploads that ended
#: together, would take every connection of the process to the database.
GETS_OF_PROJECT, ADDS_OF_PROJECT = 4, 8


@dataclass(frozen=True, slots=True)
class UploadHeader:
    """What an upload announces."""

    parent: str
    digest: str
    size_bytes: int
    offset: int


class Artifacts:
    """What can be done with artifacts."""

    def __init__(
        self, store: Store, artifacts: ArtifactStore, settings: Settings, *, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        self._store = store
        self._artifacts = artifacts
        self._settings = settings
        self._idle_seconds = idle_seconds
        self._uploading = Shares(
            Share("open uploads", settings.max_uploads_per_principal, settings.max_uploads_per_project)
        )
        self._downloads = OpenDownloads(
            Share("open downloads", settings.max_downloads_per_principal, settings.max_downloads_per_project)
        )
        self._gets, self._adds, self._looks = Turns(GETS_OF_PROJECT), Turns(ADDS_OF_PROJECT), Turns(1)

    async def get(self, principal: Principal, name: str) -> Artifact:
        """Get the record of an artifact.

        Raises:
            FieldInvalid, ProjectNotFound, ArtifactNotFound
        """
        project = project_of("artifact", name)
        authorise(principal, project, Role.VIEWER)
        async with self._gets.taken(project), self._store.transaction() as transaction:
            return await _require(transaction, project, name)

    async def page(
        self, principal: Principal, parent: str, request: PageRequest, *, beginning: str = ""
    ) -> Page[UsedArtifact]:
        """List the artifacts of a project whose digest begins so, each with what refers to it.

        Raises:
            FieldInvalid, ProjectNotFound, PageTokenInvalid
        """
        project = project_of("project", parent, "parent")
        authorise(principal, project, Role.VIEWER)
        check("digest", beginning, "digest_beginning")
        async with self._store.transaction() as transaction:
            fetch = partial(transaction.artifacts.page, project, beginning=beginning)
            return await read_page(request, f"artifacts of {project} that begin with {beginning}", fetch, weigh=_weight)

    async def stored_bytes(self, principal: Principal, parent: str) -> int:
        """Return the bytes of all artifacts of a project.

        Raises:
            FieldInvalid, ProjectNotFound
        """
        project = project_of("project", parent, "parent")
        authorise(principal, project, Role.VIEWER)
        async with self._store.transaction() as transaction:
            return await transaction.artifacts.stored_bytes(project)

    async def find_missing(self, principal: Principal, parent: str, digests: Sequence[str]) -> list[MissingArtifact]:
        """Return the digests that the project does not hold, each once, in the order of the request.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient
        """
        project = project_of("project", parent, "parent")
        authorise(principal, project, Role.AUDITOR)
        await check_digests(digests)
        return await missing_artifacts(self._store, self._artifacts, project, digests)

    async def upload(self, principal: Principal, header: UploadHeader, chunks: AsyncIterator[bytes]) -> Artifact:
        """Store the bytes of an artifact; when the project holds it already, return its record and read nothing.

        Held bytes that are damaged or gone are replaced, so whoever has the right ones can mend them. Each chunk is
        read only after the one before was written. This is the back-pressure.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, ArtifactTooLarge, UploadInvalid, UploadBusy,
            UploadTruncated, DigestMismatch, DiskFull, ShareExceeded, ProjectFull
        """
        project = self._checked(principal, header)
        with self._uploading.taken(principal, project):
            return await self._store_bytes(principal, header, chunks)

    async def _store_bytes(self, principal: Principal, header: UploadHeader, chunks: AsyncIterator[bytes]) -> Artifact:
        project = header.parent
        async with self._gets.taken(project), self._store.transaction() as transaction:
            await transaction.artifacts.use(project, [header.digest])
            present = await transaction.artifacts.get(project, header.digest)
        if present is not None and await self._is_whole(project, header.digest):
            return present
        async with AsyncExitStack() as uploading:
            upload = await uploading.enter_async_context(
                self._artifacts.upload(project, header.digest, size_bytes=header.size_bytes, offset=header.offset)
            )
            await self._begin(principal, header, added=0 if present else header.size_bytes)
            try:
                await _copy(chunks, upload, header, idle_seconds=self._idle_seconds)
                await upload.commit()
                return await self._record(principal, header, uploading)
            except BaseException as error:
                await asyncio.shield(self._leave(project, header.digest))
                if isinstance(error, ProjectFull):
                    await delete_unheld(self._store, self._artifacts, header.digest)
                raise

    async def _is_whole(self, project: str, digest: str) -> bool:
        """Return whether the stored bytes are there and have their digest. One at a time of a project is read."""
        async with self._looks.taken(project):
            try:
                await require_undamaged(self._artifacts, digest)
            except (ArtifactCorrupt, ArtifactNotFound):
                return False
        return True

    async def _begin(self, principal: Principal, header: UploadHeader, *, added: int) -> None:
        """Count the upload from now on, if there is room for the bytes that it adds to the project.

        Raises:
            ProjectFull
        """
        project = header.parent
        async with self._gets.taken(project), self._store.transaction() as transaction:
            await transaction.uploads.begin_in_turn(project)
            others = await transaction.uploads.others(project, principal.name, but=header.digest)
            require_another(others, project, principal.name, self._settings)
            stored = await StoredShares.read(transaction, principal, project)
            stored.require(self._settings, added, unfinished=others)
            await transaction.uploads.begin(project, header.digest, principal=principal.name, size_bytes=added)

    async def _leave(self, project: str, digest: str) -> None:
        """Count what a broken upload left, where that can be stored. Otherwise it counts with its announced bytes."""
        with suppress(ModicumError):
            received = await self._artifacts.received(project, [digest])
            async with self._adds.taken(project), self._store.transaction() as transaction:
                await transaction.uploads.leave(project, digest, received.get(digest, 0))

    async def upload_small(self, principal: Principal, parent: str, contents: Sequence[bytes]) -> list[Artifact]:
        """Store some small artifacts whole, all or none, and return their records in the order of `contents`.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, ArtifactTooLarge, DiskFull, ShareExceeded, ProjectFull
        """
        project = project_of("project", parent, "parent")
        authorise(principal, project, Role.AUDITOR)
        check("contents", contents)
        together = sum(map(len, contents))
        if together > MOST_SMALL_BYTES:
            raise ArtifactTooLarge(f"expected at most {MOST_SMALL_BYTES:,} bytes together, got {together:,}")
        for data in contents:
            self._refuse_large(len(data))
        with self._uploading.taken(principal, project):
            digests = await asyncio.to_thread(lambda: list(map(digest_of, contents)))
            records = await self._store_small(principal, project, dict(zip(digests, contents, strict=True)))
        return [records[digest] for digest in digests]

    async def _store_small(
        self, principal: Principal, project: str, contents: Mapping[str, bytes]
    ) -> dict[str, Artifact]:
        async with self._store.transaction() as transaction:
            held = await transaction.artifacts.use(project, list(contents))
            records = await transaction.artifacts.get_all(project, sorted(held))
            stored = await StoredShares.read(transaction, principal, project)
            others = await transaction.uploads.others(project, principal.name)
        damaged = {digest for digest in sorted(held) if not await self._is_whole(project, digest)}
        new = {digest: contents[digest] for digest in sorted((contents.keys() - held) | damaged)}
        if new:
            added = sum(len(data) for digest, data in new.items() if digest not in damaged)
            stored.require(self._settings, added, unfinished=others)
            # a caller that goes away leaves no bytes without their records
            records += await asyncio.shield(self._record_small(principal, project, new))
        return {record.digest: record for record in records}

    async def _record_small(self, principal: Principal, project: str, new: Mapping[str, bytes]) -> list[Artifact]:
        try:
            async with self._store.transaction() as transaction:
                await transaction.artifacts.lock_all(new)
                await self._artifacts.put_all(list(new.values()))
                names = [f"{project}/artifacts/{digest}" for digest in new]
                await record_all(transaction, principal, Verb.UPLOAD_ARTIFACT, names)
                sizes = {each: len(data) for each, data in new.items()}
                added = await transaction.artifacts.add_all(project, sizes, principal=principal.name)
                (await StoredShares.read(transaction, principal, project, alone=True)).require(self._settings)
                return added
        except ModicumError:
            for digest in new:
                await delete_unheld(self._store, self._artifacts, digest)
            raise

    async def _record(self, principal: Principal, header: UploadHeader, uploading: AsyncExitStack) -> Artifact:
        project = header.parent
        async with self._adds.taken(project), self._store.transaction() as transaction:
            await transaction.artifacts.lock(header.digest)
            # puts the bytes in their place, so that no deletion comes between them and the record
            await uploading.aclose()
            await record(transaction, principal, Verb.UPLOAD_ARTIFACT, f"{project}/artifacts/{header.digest}")
            await transaction.uploads.end(project, header.digest)
            added = await transaction.artifacts.add(project, header.digest, header.size_bytes, principal=principal.name)
            (await StoredShares.read(transaction, principal, project, alone=True)).require(self._settings)
            return added

    async def hold_made(
        self, transaction: Transaction, principal: Principal, project: str, files: Mapping[str, bytes]
    ) -> None:
        """Store files by their digests, as `hold_files` does. They count for the principal, as if it had uploaded them.

        Raises:
            ProjectFull: nothing was stored.
        """
        await transaction.artifacts.lock_all(files)
        sizes = {digest: len(data) for digest, data in files.items()}
        await transaction.artifacts.add_all(project, sizes, principal=principal.name)
        (await StoredShares.read(transaction, principal, project, alone=True)).require(self._settings)
        await self._artifacts.put_all(list(files.values()))

    def _checked(self, principal: Principal, header: UploadHeader) -> str:
        project = project_of("project", header.parent, "header.parent")
        check("header.digest", header.digest)
        check("header.size_bytes", header.size_bytes)
        check("header.offset", header.offset)
        authorise(principal, project, Role.AUDITOR)
        self._refuse_large(header.size_bytes)
        if header.offset > header.size_bytes:
            raise UploadInvalid(
                f"the offset {header.offset:,} is past the end of the artifact, which has {header.size_bytes:,} bytes"
            )
        return project

    def _refuse_large(self, size_bytes: int) -> None:
        most = self._settings.max_upload_bytes
        if size_bytes > most:
            raise ArtifactTooLarge(f"expected an artifact of at most {most:,} bytes, got {size_bytes:,}")

    async def download(self, principal: Principal, name: str, offset: int) -> AsyncGenerator[bytes]:
        """Yield the bytes of an artifact from `offset`.

        Raises:
            FieldInvalid, ProjectNotFound, ArtifactNotFound, ArtifactCorrupt, OffsetInvalid, ShareExceeded
        """
        artifact = await self.get(principal, name)
        check("offset", offset)
        if offset > artifact.size_bytes:
            raise OffsetInvalid(
                f"the offset {offset:,} is past the end of the artifact, which has {artifact.size_bytes:,} bytes",
                size_bytes=str(artifact.size_bytes),
            )
        pieces = self._artifacts.read(artifact.digest, offset=offset)
        async with aclosing(self._downloads.served(principal, artifact.project, pieces)) as served:
            async for data in served:
                yield data

    async def download_part(self, principal: Principal, name: str, first: int, end: int) -> AsyncGenerator[bytes]:
        """Yield the bytes of an artifact from `first` to before `end`, which lie within it.

        Raises:
            FieldInvalid, ProjectNotFound, ArtifactNotFound, ArtifactCorrupt, ShareExceeded
        """
        artifact = await self.get(principal, name)
        pieces = self._artifacts.read_part(artifact.digest, first=first, end=end)
        async with aclosing(self._downloads.served(principal, artifact.project, pieces)) as served:
            async for data in served:
                yield data

    async def delete(self, principal: Principal, name: str) -> None:
        """Delete an artifact that nothing refers to.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, ArtifactNotFound, ResourceInUse
        """
        project = project_of("artifact", name)
        authorise(principal, project, Role.ADMIN)
        async with self._store.transaction() as transaction:
            artifact = await _require(transaction, project, name)
            await transaction.artifacts.lock(artifact.digest)  # who stores what refers to it holds this, too
            refuse_in_use(name, await transaction.artifacts.referrers(project, artifact.digest))
            unheld = await transaction.artifacts.delete(project, artifact.digest)
            await record(transaction, principal, Verb.DELETE_ARTIFACT, name)
        if unheld:
            await delete_unheld(self._store, self._artifacts, artifact.digest)


async def delete_unheld(store: Store, artifacts: ArtifactStore, digest: str) -> bool:
    """Delete bytes that no project holds, and return whether it did. Call it after the release was committed.

    Bytes stay if another upload has brought them back, or while a backup runs, because its moment may be one at which a
    project held them.
    """
    async with store.transaction() as transaction:
        if not await transaction.artifacts.may_delete_bytes() or await transaction.artifacts.lock(digest):
            return False
        await artifacts.delete(digest)
    return True


async def hold_files(transaction: Transaction, artifacts: ArtifactStore, project: str, files: Iterable[bytes]) -> None:
    """Store files and their records for a project. All are locked first, so that no deletion comes between the two."""
    held = {digest_of(data): data for data in files}
    if held:
        await transaction.artifacts.lock_all(held)
        await artifacts.put_all(list(held.values()))
        await transaction.artifacts.add_all(project, {digest: len(data) for digest, data in held.items()})


async def _copy(chunks: AsyncIterator[bytes], upload: Upload, header: UploadHeader, *, idle_seconds: float) -> None:
    left = header.size_bytes - header.offset
    while (data := await _next(chunks, received=header.size_bytes - left, idle_seconds=idle_seconds)) is not None:
        if len(data) > LARGEST_MESSAGE_BYTES:
            raise UploadInvalid(f"expected at most {LARGEST_MESSAGE_BYTES:,} bytes in a message, got {len(data):,}")
        left -= len(data)
        if left < 0:
            raise UploadInvalid("got more bytes than the header announced; announce the artifact's whole length")
        await upload.write(data)


async def _next(chunks: AsyncIterator[bytes], *, received: int, idle_seconds: float) -> bytes | None:
    """Return the next bytes, or None at the end.

    Raises:
        UploadTruncated: the client sent nothing for too long.
    """
    try:
        async with asyncio.timeout(idle_seconds):
            return await anext(chunks, None)
    except TimeoutError as error:
        raise UploadTruncated(
            f"no bytes came for {idle_seconds:g} s; resume the upload after the first {received:,} bytes",
            received_bytes=str(received),
        ) from error


async def _require(transaction: Transaction, project: str, name: str) -> Artifact:
    digest = name.rsplit("/", 1)[-1]
    artifact = await transaction.artifacts.get(project, digest)
    if artifact is None:
        raise ArtifactNotFound(f"{project} does not hold the artifact {digest}", digest=digest)
    return artifact


def _weight(listed: UsedArtifact) -> int:
    return sum(map(len, listed.used_by))
