"""One StreamPredictions call. A read with a timeout does not cancel it."""

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import grpc.aio

from modicum_server.generated import inference_pb2
from modicum_server.model_server import ModelServerDown
from modicum_server.torchserve.access_keys import Keys
from modicum_server.torchserve.progress import SHARD_SECONDS

if TYPE_CHECKING:
    from modicum_server.generated.inference_pb2_grpc import InferenceAPIsServiceAsyncStub as InferenceStub

#: `progress` ends a task before that, and frees its process. A call needs some deadline.
DEADLINE_SECONDS = 2 * SHARD_SECONDS


Call = grpc.aio.UnaryStreamCall[inference_pb2.PredictionsRequest, inference_pb2.PredictionResponse]


class Stream:
    """A call and its replies, message by message."""

    def __init__(self, call: Call) -> None:
        """Take a call; use `open_stream`."""
        self._call = call
        self._messages = aiter(call)
        self._reading: asyncio.Task[bytes | None] | None = None
        self.over = False

    async def read(self, timeout_seconds: float) -> bytes | None:
        """Return the next message, or None at the end.

        Raises:
            TimeoutError: none came in this time; it can be read later.
            grpc.aio.AioRpcError: the call ended with an error.
            ModelServerDown: the channel was closed, because its TorchServe ended.
        """
        if self._reading is None:
            self._reading = asyncio.create_task(self._next())
        done, _ = await asyncio.wait({self._reading}, timeout=timeout_seconds)
        if not done:
            raise TimeoutError
        reading, self._reading = self._reading, None
        if reading.cancelled():  # a closed channel; this must not pass for a cancellation of our task
            self.over = True
            raise ModelServerDown
        return reading.result()

    async def drain(self, timeout_seconds: float) -> bool:
        """Read and drop messages until the call ends; return whether it ended in this time."""
        with contextlib.suppress(TimeoutError, grpc.aio.AioRpcError, ModelServerDown):
            async with asyncio.timeout(timeout_seconds):
                while not self.over:
                    await self.read(timeout_seconds)
        return self.over

    async def cancel(self) -> None:
        """Give the call up."""
        self._call.cancel()
        if self._reading is not None:
            await asyncio.wait({self._reading})
            with contextlib.suppress(grpc.aio.AioRpcError, asyncio.CancelledError):
                self._reading.result()
            self._reading = None

    async def _next(self) -> bytes | None:
        try:
            return (await anext(self._messages)).prediction
        except StopAsyncIteration:
            self.over = True
            return None
        except grpc.aio.AioRpcError:
            self.over = True
            raise


def open_stream(
    inference: "InferenceStub", keys: Keys, *, model: str, folder: Path, attempt: int, shard: str
) -> Stream:
    """Call the handler of a slot's model."""
    request = inference_pb2.PredictionsRequest(
        model_name=model,
        input={"slot_folder": bytes(folder), "attempt": str(attempt).encode(), "shard": shard.encode()},
    )
    return Stream(
        inference.StreamPredictions(request, metadata=keys.metadata("inference"), timeout=DEADLINE_SECONDS),
    )
