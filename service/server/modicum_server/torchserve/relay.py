"""Relays the batches of a model's process, which has no network, to the endpoint that its version names.

The process listens on a Unix socket in its own folder, and the worker connects: the confinement stays as it is, and
refuses every connection that the process would make itself.
"""

import asyncio
import contextlib
import math
import os
import socket
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import structlog
from google.protobuf.message import DecodeError

from modicum_server.domain.endpoints import RELAY_LENGTH_BYTES, RELAY_SOCKET
from modicum_server.domain.models import Endpoint
from modicum_server.generated.worker_pb2 import EndpointAnswer, EndpointBatch, Failure
from modicum_server.model_server import Endpoints, OpenEndpoint, TaskFailed
from modicum_server.torchserve.stream_errors import HANDLER_BUG

FLOAT_BYTES = 4
BATCH_AXES = 4
LARGEST_BATCH_BYTES = 512 * 1024 * 1024

log = structlog.get_logger(__name__)


class Relay:
    """The relay of one task with an endpoint."""

    def __init__(self, endpoints: Endpoints, source: Endpoint, version: str, *, folder: Path) -> None:
        """Take the endpoint, the name of the version that uses it, and the folder in which the process listens."""
        self._endpoints, self._source, self._version = endpoints, source, version
        self._socket = folder / RELAY_SOCKET
        self._relaying: asyncio.Task[None] | None = None

    def begin(self, alive: Callable[[], None]) -> None:
        """Begin when the process has said that it has the task, because it listens before that."""
        if self._relaying is None:
            self._relaying = asyncio.create_task(self._relay(alive), name="endpoint-relay")

    async def end(self) -> None:
        """End it."""
        if self._relaying is not None:
            self._relaying.cancel()
            await asyncio.gather(self._relaying, return_exceptions=True)

    async def _relay(self, alive: Callable[[], None]) -> None:
        """Answer batch after batch. If this fails, the process sees its socket closed."""
        try:
            reader, writer = await asyncio.open_unix_connection(sock=connected(self._socket))
        except OSError as error:
            log.warning("endpoint_relay_lost", error=str(error))
            return
        try:
            async with AsyncExitStack() as opened:
                await self._answer_all(reader, writer, opened, alive)
        except (OSError, asyncio.IncompleteReadError) as error:
            log.warning("endpoint_relay_lost", error=str(error))
        except Exception:
            log.exception("endpoint_relay_failed")
        finally:
            writer.transport.abort()

    async def _answer_all(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        opened: AsyncExitStack,
        alive: Callable[[], None],
    ) -> None:
        endpoint: OpenEndpoint | None = None
        while (data := await _received(reader)) is not None:
            try:
                batch = _batch_of(data)
                if endpoint is None:
                    opening = self._endpoints.opened(self._source, self._version, alive)
                    endpoint = await opened.enter_async_context(opening)
                scores = await endpoint.scores(tuple(batch.shape), batch.values)
                answer = EndpointAnswer(class_count=scores.class_count, scores=scores.values)
            except TaskFailed as error:
                failure = Failure(reason=error.task_reason, detail=str(error), model_at_fault=error.model_at_fault)
                answer = EndpointAnswer(failure=failure)
            message = answer.SerializeToString()
            writer.write(len(message).to_bytes(RELAY_LENGTH_BYTES, "big") + message)
            await writer.drain()


@asynccontextmanager
async def relay_of(relay: Relay | None) -> AsyncIterator[Relay | None]:
    """End the relay of a task with the context; most tasks have none."""
    try:
        yield relay
    finally:
        if relay is not None:
            await relay.end()


def connected(path: Path) -> socket.socket:
    """Connect to the socket of a model's process. A link there is refused: it could lead to another program's socket.

    Raises:
        OSError
    """
    held = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not stat.S_ISSOCK(os.fstat(held).st_mode):
            raise OSError(f"{path.name} is not a socket")
        with contextlib.ExitStack() as opened:
            line = opened.enter_context(socket.socket(socket.AF_UNIX))
            line.setblocking(False)
            line.connect(f"/proc/self/fd/{held}")
            opened.pop_all()
            return line
    finally:
        os.close(held)


async def _received(reader: asyncio.StreamReader) -> bytes | None:
    """Return the next message, or None at the end.

    Raises:
        OSError: it is too long.
    """
    head = await reader.read(RELAY_LENGTH_BYTES)
    if not head:
        return None
    head += await reader.readexactly(RELAY_LENGTH_BYTES - len(head))
    length = int.from_bytes(head, "big")
    if length > LARGEST_BATCH_BYTES:
        raise OSError(f"a batch of {length:,} bytes; expected at most {LARGEST_BATCH_BYTES:,}")
    return await reader.readexactly(length)


def _batch_of(data: bytes) -> EndpointBatch:
    """Read a batch, which the model's process may have written in any way. Raises TaskFailed."""
    try:
        batch = EndpointBatch.FromString(data)
    except DecodeError:
        batch = EndpointBatch()
    sizes = tuple(batch.shape)
    if len(sizes) != BATCH_AXES or min(sizes) < 1 or math.prod(sizes) * FLOAT_BYTES != len(batch.values):
        raise TaskFailed(HANDLER_BUG, "the model's process sent a batch without its shape", model_at_fault=False)
    return batch
