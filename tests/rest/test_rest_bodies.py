"""A body is read only of a caller who may send it, and all bodies that are being read share a budget."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tests.rest.rest_stage import PROJECT, TOKENS

PATIENCE_SECONDS = 60
ALMOST_4_MIB = 4 * 1024 * 1024 - 1000


@asynccontextmanager
async def unfinished(
    served, who: str, size: int, project: str = PROJECT
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A request of which `size` bytes of the body have come, and one more is due."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.http_port)
    head = f"POST /v1/{project}/models?modelId=m HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {TOKENS[who]}\r\n"
    writer.write(f"{head}content-type: application/json\r\ncontent-length: {size + 1}\r\n\r\n".encode())
    writer.write(b" " * size)
    await writer.drain()
    yield reader, writer
    writer.close()


async def head_of(reader: asyncio.StreamReader) -> bytes:
    return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_SECONDS)


async def test_a_viewer_is_refused_before_the_body_has_come(served):
    async with unfinished(served, "viewer", 0) as (reader, _):
        assert b" 403 " in await head_of(reader)


async def test_a_stranger_is_refused_before_the_body_has_come(served):
    async with unfinished(served, "auditor", 0, "projects/elsewhere") as (reader, _):
        assert b" 404 " in await head_of(reader)


async def test_one_principal_cannot_hold_more_than_its_budget_and_others_go_on(served):
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(unfinished(served, "auditor", ALMOST_4_MIB)) for _ in range(5)]
        waiting = [asyncio.create_task(head_of(reader)) for reader, _ in opened]
        refused, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)

        async with unfinished(served, "admin", ALMOST_4_MIB) as (answered, writer):
            writer.write(b" ")
            other = await head_of(answered)
        for task in waiting:
            task.cancel()

    head = refused.pop().result()
    assert b" 429 " in head
    assert b"retry-after: 1" in head.lower()
    assert b" 429 " not in other
    assert served.metrics.registry.get_sample_value("modicum_limits_reached_total", {"reason": "SHARE_EXCEEDED"}) == 1


@pytest.mark.parametrize(
    ("named", "status"),
    [
        ("projects/elsewh%65re", b" 404 "),
        ("projects/team%2Db", b" 404 "),
        ("projects/team%2db", b" 404 "),
        ("projects/def%61ul%74", b" 403 "),
    ],
)
async def test_a_project_is_known_however_it_is_percent_encoded(served, named, status):
    async with unfinished(served, "viewer", 0, named) as (reader, _):
        assert status in await head_of(reader)


async def test_a_project_that_is_encoded_twice_is_a_name_that_no_project_has(served):
    async with unfinished(served, "auditor", 0, "projects/team%252Db") as (reader, writer):
        writer.write(b" ")
        assert b" 400 " in await head_of(reader)
