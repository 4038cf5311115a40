"""Part: what it costs to hash bytes as they are served, and as they are staged. The bytes are random."""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from modicum_server.artifacts.folder_store import FolderArtifactStore

MEBIBYTE = 1024 * 1024
BYTES, QUICK_BYTES = 256 * MEBIBYTE, 32 * MEBIBYTE
ROUNDS = 7


def measure(*, quick: bool) -> dict[str, Any]:
    """Read one file with and without a look at its digest, in turns, and stage it. Return JSON values."""
    return measure_bytes(QUICK_BYTES if quick else BYTES)


def measure_bytes(size: int) -> dict[str, Any]:
    """Measure as `measure`, with a file of so many bytes."""
    with tempfile.TemporaryDirectory(prefix="mb-") as folder:
        return asyncio.run(_measured(Path(folder), size))


async def _measured(folder: Path, size: int) -> dict[str, Any]:
    store = FolderArtifactStore(folder / "artifacts")
    digest = await store.put(os.urandom(size))
    await _seconds(store.read_part(digest, first=0, end=size))  # verifies it, so that later parts are read alone
    rounds = []
    for _ in range(ROUNDS):
        hashed = await _seconds(store.read(digest))
        alone = await _seconds(store.read_part(digest, first=0, end=size))
        rounds.append({"hashed": hashed, "alone": alone, "staged": await _staging(store, digest, folder / "slot")})
    return {"bytes": size, "rounds": rounds}


async def _seconds(pieces: AsyncGenerator[bytes]) -> float:
    begun = time.perf_counter()
    async for _ in pieces:
        """Nothing is done with it."""
    return time.perf_counter() - begun


async def _staging(store: FolderArtifactStore, digest: str, slot: Path) -> float:
    """Stage it by a hard link, as a shard does: nearly all of the time is that of hashing."""
    begun = time.perf_counter()
    await store.fetch(digest, slot / digest)
    return time.perf_counter() - begun
