"""Uploads and downloads of artifacts. Sends only what the server lacks, and resumes broken transfers.

Small contents travel together. Memory is bounded: at most `CONCURRENT_UPLOADS` chunks, or calls of small contents, are
held at a time.
"""

import asyncio
import hashlib
import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass

import grpc
import grpc.aio

from modicum.connection import Connection
from modicum.errors import DataLoss, ModicumError, SourceChanged, Unreachable
from modicum.grpc_errors import error_of
from modicum.small_uploads import SMALL_BYTES, batches, send_together
from modicum.sources.contents import Content
from modicum.stream_attempts import StreamAttempts
from modicum.v1 import artifact_service_pb2 as wire

CHUNK_BYTES = 256 * 1024
CONCURRENT_UPLOADS = 8
DIGESTS_A_REQUEST = 5_000
#: The deadline of a transfer assumes at least this rate. A slower transfer is resumed.
SLOWEST_BYTES_PER_SECOND = 256 * 1024
#: Reasons after which an upload is resumed where the server has got to.
RESUMABLE = frozenset({"UPLOAD_BUSY", "UPLOAD_INVALID", "UPLOAD_TRUNCATED"})


@dataclass(frozen=True, slots=True)
class TransferProgress:
    """Progress of an upload. Bytes that the server already has count as done."""

    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int


ProgressCallback = Callable[[TransferProgress], None]


async def upload(connection: Connection, contents: Iterable[Content], progress: ProgressCallback | None = None) -> None:
    """Send the server those of the `contents` that it lacks.

    Raises:
        SourceChanged: a file has changed since it was hashed.
        ModicumError: the error of the server.
    """
    by_digest = {content.digest: content for content in contents}
    missing = await find_missing(connection, list(by_digest))
    counter = _ProgressCounter(by_digest.values(), missing, progress)
    limit = asyncio.Semaphore(CONCURRENT_UPLOADS)

    async def send(content: Content) -> None:
        async with limit:
            await _send_resuming(connection, content, missing[content.digest], counter)

    async def send_batch(batch: Sequence[Content]) -> None:
        async with limit:
            together = len(batch) > 1 and await send_together(connection, batch)
        for content in batch:
            if together:
                counter.finish(content)
            else:
                await send(content)

    def is_small(digest: str) -> bool:
        return not missing[digest] and by_digest[digest].size_bytes <= SMALL_BYTES

    try:
        async with asyncio.TaskGroup() as group:
            for digest in itertools.filterfalse(is_small, missing):
                group.create_task(send(by_digest[digest]))
            for batch in batches(by_digest[digest] for digest in filter(is_small, missing)):
                group.create_task(send_batch(batch))
    except* ModicumError as failures:
        raise failures.exceptions[0] from None


async def upload_again(connection: Connection, content: Content) -> None:
    """Send a content though the server may have it, whole and from its start. Damaged bytes there are replaced.

    Raises:
        SourceChanged: the file has changed since it was hashed.
        ModicumError: the error of the server.
    """
    counter = _ProgressCounter([content], {content.digest: 0}, None)
    await _send_resuming(connection, content, 0, counter, from_start=True)


async def find_missing(connection: Connection, digests: Sequence[str]) -> dict[str, int]:
    """The `digests` that the server lacks, each with the number of bytes that it has received."""
    missing: dict[str, int] = {}
    for start in range(0, len(digests), DIGESTS_A_REQUEST):
        request = wire.FindMissingArtifactsRequest(
            parent=connection.project, digests=digests[start : start + DIGESTS_A_REQUEST]
        )
        reply = await connection.call(connection.artifacts.FindMissingArtifacts, request)
        missing.update({entry.digest: entry.received_bytes for entry in reply.missing})
    return missing


class _ProgressCounter:
    """Counts what is done and calls the callback."""

    def __init__(self, contents: Iterable[Content], missing: dict[str, int], progress: ProgressCallback | None) -> None:
        sizes = {content.digest: content.size_bytes for content in contents}
        self._positions = dict(missing)
        self._progress = progress
        self._files_total, self._bytes_total = len(sizes), sum(sizes.values())
        self._files_done = len(sizes) - len(missing)
        self._bytes_done = self._bytes_total - sum(sizes[digest] - received for digest, received in missing.items())
        self._report()

    def reach(self, digest: str, position: int) -> None:
        """Note that the bytes before `position` are sent. The position goes back when a transfer breaks."""
        self._bytes_done += position - self._positions[digest]
        self._positions[digest] = position
        self._report()

    def finish(self, content: Content) -> None:
        self._files_done += 1
        self.reach(content.digest, content.size_bytes)

    def _report(self) -> None:
        if self._progress:
            self._progress(TransferProgress(self._files_done, self._files_total, self._bytes_done, self._bytes_total))


async def _send_resuming(
    connection: Connection, content: Content, offset: int, counter: _ProgressCounter, *, from_start: bool = False
) -> None:
    attempts = connection.stream_attempts()
    while True:
        try:
            await _send(connection, content, offset, counter)
            break
        except grpc.aio.AioRpcError as failure:
            error = error_of(failure, address=connection.endpoint.target)
            if error.reason == "DIGEST_MISMATCH":
                raise SourceChanged(f"{content.label} changed while it was uploaded; upload it again") from failure
            await attempts.after(failure, resumable=error.reason in RESUMABLE)
        resumed = 0 if from_start else await _resume_offset(connection, content, attempts)
        if resumed is None:
            break
        if resumed > offset:
            attempts.begin_anew()
        counter.reach(content.digest, resumed)
        offset = resumed
    counter.finish(content)


async def _resume_offset(connection: Connection, content: Content, attempts: StreamAttempts) -> int | None:
    """Where to resume; None if nothing is missing. A server that restarts is waited for as long as for a stream."""
    while True:
        try:
            return (await find_missing(connection, [content.digest])).get(content.digest)
        except Unreachable:
            if not await attempts.another():
                raise


async def _send(connection: Connection, content: Content, offset: int, counter: _ProgressCounter) -> None:
    """Send in one attempt. Errors of the file are collected and raised here: gRPC would report a cancelled call."""
    problems: list[SourceChanged] = []

    async def messages() -> AsyncIterator[wire.UploadArtifactRequest]:
        yield wire.UploadArtifactRequest(
            header=wire.UploadHeader(
                parent=connection.project, digest=content.digest, size_bytes=content.size_bytes, offset=offset
            )
        )
        position = offset
        try:
            with content.open() as stream:
                stream.seek(offset)
                while position < content.size_bytes:
                    chunk = await asyncio.to_thread(stream.read, min(CHUNK_BYTES, content.size_bytes - position))
                    if not chunk:
                        problems.append(
                            SourceChanged(f"{content.label} became shorter while it was uploaded; upload it again")
                        )
                        return
                    yield wire.UploadArtifactRequest(data=chunk)
                    position += len(chunk)
                    counter.reach(content.digest, position)
        except OSError as error:
            problems.append(SourceChanged(f"{content.label} could not be read while it was uploaded: {error.strerror}"))

    timeout = connection.timeout_seconds + (content.size_bytes - offset) / SLOWEST_BYTES_PER_SECOND
    try:
        await connection.artifacts.UploadArtifact(messages(), timeout=timeout, metadata=connection.metadata)
    except grpc.aio.AioRpcError:
        if problems:
            raise problems[0] from None
        raise


async def download(connection: Connection, digest: str) -> bytes:
    """Fetch an artifact into memory.

    Raises:
        DataLoss: the bytes do not match the digest.
        ModicumError: the error of the server.
    """
    return b"".join([piece async for piece in pieces(connection, digest)])


async def pieces(connection: Connection, digest: str) -> AsyncIterator[bytes]:
    """Yield the bytes of an artifact. Broken streams are resumed, and at the end the bytes are checked.

    Raises:
        DataLoss: the bytes do not match the digest.
        ModicumError: the error of the server.
    """
    received, hashed, attempts = 0, hashlib.sha256(), connection.stream_attempts()
    while True:
        before = received
        request = wire.DownloadArtifactRequest(name=f"{connection.project}/artifacts/{digest}", offset=before)
        try:
            timeout = connection.timeout_seconds * 10
            call = connection.artifacts.DownloadArtifact(request, timeout=timeout, metadata=connection.metadata)
            async for piece in call:
                received += len(piece.data)
                hashed.update(piece.data)
                yield piece.data
            break
        except grpc.aio.AioRpcError as failure:
            if received > before:
                attempts.begin_anew()
            await attempts.after(failure)
    if hashed.hexdigest() != digest:
        raise DataLoss(f"artifact {digest[:12]}: the bytes that the server sent do not match the digest; try again")
