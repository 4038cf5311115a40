"""TorchServe's management over gRPC: registers the few fixed models, one call at a time."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import grpc
import grpc.aio

from modicum_server.generated import management_pb2, management_pb2_grpc
from modicum_server.model_server import ModelServerDown
from modicum_server.torchserve.access_keys import Keys

CALL_SECONDS = 5.0
READY = "READY"
#: TorchServe replies to a registration a moment before it reports the worker as ready: `WorkerThread.setState` first
#: ends the waiting call and then sets the state.
READY_SECONDS = 10.0
READY_LOOK_SECONDS = 0.05

A = TypeVar("A")
Metadata = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """TorchServe's report on a model: whether one of its workers takes requests."""

    ready: bool


class Management(Protocol):
    """The part of the generated stub that is used here."""

    DescribeModel: Callable[..., Awaitable[management_pb2.ManagementResponse]]
    RegisterModel: Callable[..., Awaitable[management_pb2.ManagementResponse]]


class Controller:
    """The models of one TorchServe. A lock allows one call at a time."""

    def __init__(self, channel: grpc.aio.Channel, keys: Keys) -> None:
        """Take a channel to its management port and its keys."""
        self._stub: Management = management_pb2_grpc.ManagementAPIsServiceStub(channel)  # type: ignore[assignment]
        self._keys = keys
        self._lock = asyncio.Lock()

    async def describe(self, model: str) -> ModelStatus | None:
        """Return the report on a model; None for an unknown name.

        Raises:
            ModelServerDown: it does not reply.
        """
        request = management_pb2.DescribeModelRequest(model_name=model)
        async with self._lock:
            return await self._describe(request)

    async def register(
        self, model: str, archive: str, *, startup_seconds: float, ready_seconds: float = READY_SECONDS
    ) -> None:
        """Register a model from the archive in the model store, and wait until its worker takes requests.

        A model that is registered already is left alone: TorchServe would refuse a duplicate without a message.

        Raises:
            ModelServerDown: it does not reply, or the worker does not start.
        """
        describe = management_pb2.DescribeModelRequest(model_name=model)
        request = management_pb2.RegisterModelRequest(
            model_name=model, url=archive, initial_workers=1, batch_size=1, synchronous=True
        )
        async with self._lock:
            if await self._describe(describe) is None:
                await self._call(self._stub.RegisterModel, request, startup_seconds)
            if not await self._becomes_ready(describe, ready_seconds):
                raise ModelServerDown(f"TorchServe registered {model}, but no process of the model became ready")

    async def _becomes_ready(self, request: management_pb2.DescribeModelRequest, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while True:
            status = await self._describe(request)
            if status is not None and status.ready:
                return True
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(READY_LOOK_SECONDS)

    async def _describe(self, request: management_pb2.DescribeModelRequest) -> ModelStatus | None:
        try:
            reply = await self._call(self._stub.DescribeModel, request, CALL_SECONDS)
        except ModelServerDown as error:
            cause = error.__cause__
            if isinstance(cause, grpc.aio.AioRpcError) and cause.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise
        workers = [worker for model in json.loads(reply.msg) for worker in model.get("workers", ())]
        return ModelStatus(ready=any(worker.get("status") == READY for worker in workers))

    async def _call(self, method: Callable[..., Awaitable[A]], request: object, timeout_seconds: float) -> A:
        try:
            return await self._ask(method, request, timeout_seconds)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.PERMISSION_DENIED:
                raise ModelServerDown(f"TorchServe replied {error.code().name}: {error.details()}") from error
        self._keys.reread()
        try:
            return await self._ask(method, request, timeout_seconds)
        except grpc.aio.AioRpcError as error:
            raise ModelServerDown(f"TorchServe replied {error.code().name}: {error.details()}") from error

    async def _ask(self, method: Callable[..., Awaitable[A]], request: object, timeout_seconds: float) -> A:
        """Call once. When the channel is closed during the call, gRPC raises "cancelled", though our task is not."""
        asking = asyncio.current_task()
        try:
            return await method(request, metadata=self._keys.metadata("management"), timeout=timeout_seconds)
        except asyncio.CancelledError:
            if asking is not None and asking.cancelling():
                raise
            raise ModelServerDown("TorchServe ended during the request") from None
