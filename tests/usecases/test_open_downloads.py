"""Downloads of a project that run at once send their pieces by turns, so that calls of others go on in between."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from itertools import pairwise

from modicum_server.domain.projects import Principal
from modicum_server.usecases.open_downloads import PIECES_AT_ONCE, OpenDownloads
from modicum_server.usecases.shares import Share

DOWNLOADS, PIECES = 20, 5
EVE = Principal("eve", {})
SHARE = Share("open downloads", 2 * DOWNLOADS, 2 * DOWNLOADS)


async def pieces() -> AsyncGenerator[bytes]:
    for _ in range(PIECES):
        yield b"piece"


async def test_downloads_of_a_project_send_few_pieces_in_one_round_of_the_loop():
    open_downloads, sent = OpenDownloads(SHARE), Counter()

    async def download() -> None:
        async for piece in open_downloads.served(EVE, "projects/busy", pieces()):
            sent[piece] += 1

    tasks = [asyncio.create_task(download()) for _ in range(DOWNLOADS)]
    counts = [0]
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0)
        counts.append(sent.total())

    assert sent.total() == DOWNLOADS * PIECES
    assert max(after - before for before, after in pairwise(counts)) <= PIECES_AT_ONCE


async def test_a_download_of_another_project_does_not_wait_for_those():
    open_downloads, sent = OpenDownloads(SHARE), Counter()

    async def download(project: str) -> None:
        async for _ in open_downloads.served(EVE, project, pieces()):
            sent[project] += 1

    busy = [asyncio.create_task(download("projects/busy")) for _ in range(DOWNLOADS)]
    await asyncio.sleep(0)

    await download("projects/quiet")

    assert sent["projects/busy"] <= (PIECES + 1) * PIECES_AT_ONCE
    await asyncio.gather(*busy)
