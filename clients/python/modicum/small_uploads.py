"""Uploads of small contents, many in one call, so that what a call costs beside its bytes is paid once."""

import asyncio
import hashlib
from collections.abc import Iterable, Iterator, Sequence

from modicum.connection import Connection
from modicum.errors import NotServed, SourceChanged
from modicum.sources.contents import Content
from modicum.v1 import artifact_service_pb2 as wire

SMALL_BYTES = 128 * 1024
"""Largest content that travels with others."""
TOGETHER_BYTES, MOST_TOGETHER = 1024 * 1024, 256
"""Most bytes and most contents of one call. The server takes twice the bytes."""


def batches(contents: Iterable[Content]) -> Iterator[list[Content]]:
    """Divide contents, each of at most `SMALL_BYTES`, into those of one call each."""
    batch, size = list[Content](), 0
    for content in contents:
        if batch and (len(batch) == MOST_TOGETHER or size + content.size_bytes > TOGETHER_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(content)
        size += content.size_bytes
    if batch:
        yield batch


async def send_together(connection: Connection, batch: Sequence[Content]) -> bool:
    """Send contents in one call. False, and none is sent, where the server is of a release without such calls.

    Raises:
        SourceChanged: a file has changed since it was hashed. None is sent.
        ModicumError: the error of the server. None is stored.
    """
    data = await asyncio.to_thread(lambda: list(map(unchanged, batch)))
    request = wire.UploadSmallArtifactsRequest(parent=connection.project, contents=data)
    try:
        await connection.call(connection.artifacts.UploadSmallArtifacts, request)
    except NotServed:
        return False
    return True


def unchanged(content: Content) -> bytes:
    """Read a content, which must be what it was when it was hashed.

    Raises:
        SourceChanged
    """
    try:
        with content.open() as stream:
            data = stream.read(content.size_bytes + 1)
    except OSError as error:
        raise SourceChanged(f"{content.label} could not be read while it was uploaded: {error.strerror}") from error
    if len(data) < content.size_bytes:
        raise SourceChanged(f"{content.label} became shorter while it was uploaded; upload it again")
    if hashlib.sha256(data).hexdigest() != content.digest:
        raise SourceChanged(f"{content.label} changed while it was uploaded; upload it again")
    return data
