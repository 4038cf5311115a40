"""Uploads with the client's own code, which resumes broken uploads. A fault can strike when half is sent."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc
from modicum.connection import Connection, opened
from modicum.endpoints import parsed_endpoint
from modicum.sources.contents import Content, bytes_content
from modicum.transfers import TransferProgress, download, find_missing, upload
from modicum.v1 import artifact_service_pb2

from tests.faults.calls import caller, metadata
from tests.faults.fault import Trial
from tests.faults.stage import SUBJECT, TOKENS, Stage
from tests.waiting import PATIENCE_SECONDS

MEBIBYTE = 1024 * 1024


@contextmanager
def drawn(trial: Trial, size_bytes: int) -> Iterator[Content]:
    """Yield random bytes that nobody has uploaded. The service's copy is deleted at the end."""
    content = bytes_content(trial.random.randbytes(size_bytes), "bytes of a fault")
    try:
        yield content
    finally:
        forget(trial.stage, content)


def connection(stage: Stage) -> Connection:
    """A connection of the subject on the current event loop."""
    return opened(parsed_endpoint(stage.address, TOKENS[SUBJECT]), project=SUBJECT, timeout_seconds=30.0)


def send(stage: Stage, content: Content, *, half_sent: Callable[[], object] = lambda: None) -> int:
    """Upload the content. Call `half_sent` once, while nothing is sent. Return the bytes held at the start."""
    seen: list[TransferProgress] = []

    def progress(state: TransferProgress) -> None:
        """Call `half_sent` when the first half is passed. After a resume it may be passed again."""
        half = content.size_bytes // 2
        first = seen and all(earlier.bytes_done < half for earlier in seen)
        seen.append(state)
        if first and half <= state.bytes_done < content.size_bytes:
            half_sent()

    async def run() -> None:
        opened_here = connection(stage)
        await upload(opened_here, [content], progress)
        await opened_here.channel.close()

    asyncio.run(run())
    return seen[0].bytes_done


def received(stage: Stage, content: Content) -> int:
    """Bytes that the service holds of an incomplete upload."""

    async def run() -> dict[str, int]:
        opened_here = connection(stage)
        missing = await find_missing(opened_here, [content.digest])
        await opened_here.channel.close()
        return missing

    return asyncio.run(run()).get(content.digest, content.size_bytes)


def stored_bytes(stage: Stage, content: Content) -> int:
    """Bytes of an incomplete upload in the API's folder, whether an API runs or not."""
    (path,) = (stage.artifacts / "uploads").glob(f"*/{content.digest}")
    return path.stat().st_size


def require_whole(stage: Stage, content: Content) -> None:
    """Check that every byte arrived. The client compares the digest."""

    async def run() -> int:
        opened_here = connection(stage)
        data = await download(opened_here, content.digest)
        await opened_here.channel.close()
        return len(data)

    assert asyncio.run(run()) == content.size_bytes


def forget(stage: Stage, content: Content) -> None:
    """Delete an artifact that nothing refers to."""
    with caller(stage) as calling:
        request = artifact_service_pb2.DeleteArtifactRequest(name=f"{SUBJECT}/artifacts/{content.digest}")
        deleted = calling.artifacts.DeleteArtifact.future(
            request, timeout=PATIENCE_SECONDS, metadata=metadata(), wait_for_ready=True
        )
        assert deleted.code() in {grpc.StatusCode.OK, grpc.StatusCode.NOT_FOUND}, deleted.details()
