"""Artifacts of a project: bytes by their SHA-256, with what refers to each. `transfers` brings and fetches them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from modicum.connection import Connection
from modicum.replaced_files import replacing
from modicum.resource_names import checked_text
from modicum.sources.contents import file_content
from modicum.timestamps import time_value
from modicum.transfers import pieces, upload_again
from modicum.v1 import artifact_pb2, artifact_service_pb2


@dataclass(frozen=True, slots=True)
class Artifact:
    """Bytes that a project holds.

    `used_by` names at most 10 versions, data sets, audits, verdicts and swaps that refer to it, in this order.
    """

    name: str
    digest: str
    size_bytes: int
    create_time: datetime
    used_by: tuple[str, ...]


class AsyncArtifacts:
    """Artifacts of a project."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self, digest: str = "") -> AsyncIterator[Artifact]:
        """List the artifacts with what refers to each, by digest.

        Args:
            digest: list only artifacts whose digest begins with these digits.
        """
        request = artifact_service_pb2.ListArtifactsRequest(
            parent=self._connection.project, digest=checked_text(digest, "digest")
        )
        stub = self._connection.artifacts
        async for message in self._connection.pages(stub.ListArtifacts, request, lambda page: page.artifacts):
            yield _artifact(message)

    async def upload(self, file: str | Path) -> str:
        """Store a file under its SHA-256, and return that.

        If the project holds the file already, nothing is sent. Stored bytes that are damaged or missing are replaced,
        so this repairs what made an audit fail with ARTIFACT_CORRUPT.

        Raises:
            InvalidSource: the file cannot be read.
            ResourceExhausted: the project may not store so much, or the file is too large.
        """
        content = await asyncio.to_thread(file_content, Path(file))
        await upload_again(self._connection, content)
        return content.digest

    async def download(self, digest: str, into: str | Path) -> None:
        """Write an artifact to a file, completely or not at all. Memory stays bounded, whatever its size.

        Args:
            digest: its SHA-256, in hexadecimal digits.
            into: the file, which is replaced if it exists.

        Raises:
            NotFound: the project does not hold it.
            DataLoss: the bytes that came do not have the digest.
            OSError: the file cannot be written.
        """
        with replacing(Path(into)) as file:
            async for piece in pieces(self._connection, checked_text(digest, "digest")):
                await asyncio.to_thread(file.write, piece)


def _artifact(message: artifact_pb2.Artifact) -> Artifact:
    return Artifact(
        name=message.name,
        digest=message.digest,
        size_bytes=message.size_bytes,
        create_time=time_value(message.create_time),
        used_by=tuple(message.used_by),
    )
