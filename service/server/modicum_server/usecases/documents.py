"""Result documents, as they are read back from the artifact store."""

import json
from typing import Any

from modicum_server.ports import ArtifactStore


async def read_whole(artifacts: ArtifactStore, digest: str) -> bytes:
    """Return the bytes of an artifact."""
    return b"".join([data async for data in artifacts.read(digest)])


async def read_document(artifacts: ArtifactStore, digest: str) -> dict[str, Any]:
    """Return a result document."""
    document: dict[str, Any] = json.loads(await read_whole(artifacts, digest))
    return document
