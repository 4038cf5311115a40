"""Part: small files go up to a local server, many in one call and one after the other. The bytes are random."""

import asyncio
import os
import time
from collections.abc import Sequence
from typing import Any

from modicum import Client
from modicum.sources.contents import Content, bytes_content
from modicum.transfers import CONCURRENT_UPLOADS, upload

from benchmarks.local_server import local_client

FILES, QUICK_FILES = 10_000, 1_000
ALONE = 10
"""One file of so many is sent again, as another one, by a call of its own."""
FILE_BYTES = 2_500
"""About a picture of CIFAR as PNG."""


def measure(*, quick: bool) -> dict[str, Any]:
    """Measure the seconds of both ways on one server. Return JSON values."""
    files = QUICK_FILES if quick else FILES
    with local_client() as (client, _):
        _seconds(client, _contents(1))  # the connection
        together = _seconds(client, _contents(files))
        alone = _seconds_alone(client, _contents(files // ALONE))
    return {"files": files, "bytes": FILE_BYTES, "together": together, "alone_files": files // ALONE, "alone": alone}


def _contents(count: int) -> list[Content]:
    return [bytes_content(os.urandom(FILE_BYTES), f"{number}") for number in range(count)]


def _seconds(client: Client, contents: Sequence[Content]) -> float:
    begun = time.monotonic()
    client._portal.run(upload(client._connection, contents))  # noqa: SLF001 - what `datasets.upload` does first
    return time.monotonic() - begun


def _seconds_alone(client: Client, contents: Sequence[Content]) -> float:
    """A call for each file, as many at once as an upload of large files has."""
    limit = asyncio.Semaphore(CONCURRENT_UPLOADS)

    async def send(content: Content) -> None:
        async with limit:
            await upload(client._connection, [content])  # noqa: SLF001

    async def send_all() -> None:
        await asyncio.gather(*map(send, contents))

    begun = time.monotonic()
    client._portal.run(send_all())  # noqa: SLF001
    return time.monotonic() - begun
