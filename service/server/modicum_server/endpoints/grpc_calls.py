"""The Open Inference Protocol over gRPC, at the addresses of the entry alone."""

from collections.abc import Awaitable, Iterable
from ipaddress import IPv4Address, ip_address
from typing import TYPE_CHECKING, TypeVar

import grpc
import grpc.aio
import numpy as np

from modicum_server.domain.endpoints import Description, Tensor
from modicum_server.endpoints.answers import (
    TAKEN,
    Busy,
    EndpointRefused,
    NotReady,
    Scores,
    checked_scores,
    dtype_of,
    invalid,
)
from modicum_server.endpoints.connection import LARGEST_ANSWER_BYTES, Access, Batch
from modicum_server.generated import open_inference_pb2 as messages
from modicum_server.generated import open_inference_pb2_grpc

if TYPE_CHECKING:
    from modicum_server.generated.open_inference_pb2_grpc import GRPCInferenceServiceAsyncStub as Stub

T = TypeVar("T")
Code = grpc.StatusCode
AGAIN = frozenset({Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED, Code.DEADLINE_EXCEEDED, Code.ABORTED})
PUSHBACK = "grpc-retry-pushback-ms"
MILLISECONDS = 1000.0
OPTIONS = (
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    ("grpc.service_config_disable_resolution", 1),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", LARGEST_ANSWER_BYTES),
    ("grpc.max_send_message_length", -1),
)


class Grpc:
    """An endpoint over gRPC."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._channel = _channel(access)
        self._stub: Stub = open_inference_pb2_grpc.GRPCInferenceServiceStub(self._channel)
        token = access.credential
        self._seconds = access.entry.timeout_seconds
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()

    async def require_ready(self) -> None:
        """See that the model is ready. An endpoint that does not know the question passes. Raises Busy."""
        target = self._access.target
        request = messages.ModelReadyRequest(name=target.model, version=target.version)
        try:
            said = await _answer(self._stub.ModelReady(request, timeout=self._seconds, metadata=self._metadata))
        except EndpointRefused:
            return
        if not said.ready:
            raise NotReady

    async def describe(self) -> Description:
        """Ask what the model is. Raises Busy, TaskFailed."""
        target = self._access.target
        request = messages.ModelMetadataRequest(name=target.model, version=target.version)
        said = await _answer(self._stub.ModelMetadata(request, timeout=self._seconds, metadata=self._metadata))
        return Description(said.name, tuple(said.versions), _tensors(said.inputs), _tensors(said.outputs))

    async def scores(self, batch: Batch) -> Scores:
        """Return the scores (N, K) of a batch. Raises Busy, TaskFailed."""
        entry, target = self._access.entry, self._access.target
        request = messages.ModelInferRequest(
            model_name=target.model,
            model_version=target.version,
            inputs=[
                messages.ModelInferRequest.InferInputTensor(name=entry.input_name, datatype=TAKEN, shape=batch.shape)
            ],
            raw_input_contents=[batch.values],
        )
        answer = await _answer(self._stub.ModelInfer(request, timeout=self._seconds, metadata=self._metadata))
        return self._scores(answer, batch.shape[0])

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()

    def _scores(self, answer: messages.ModelInferResponse, images: int) -> Scores:
        name = self._access.entry.output_name
        found = [place for place, one in enumerate(answer.outputs) if one.name == name]
        if len(found) != 1:
            raise invalid(f"expected one output {name}; got {len(found)}")
        output, dtype = answer.outputs[found[0]], dtype_of(answer.outputs[found[0]].datatype)
        if len(answer.raw_output_contents) > found[0]:
            raw = answer.raw_output_contents[found[0]]
            if len(raw) % dtype.itemsize:
                raise invalid(f"expected whole values of type {output.datatype}; got {len(raw)} bytes")
            values = np.frombuffer(raw, dtype)
        else:
            typed = output.contents.fp32_contents if dtype.itemsize == np.float32().itemsize else None
            values = np.asarray(output.contents.fp64_contents if typed is None else typed, dtype)
        return checked_scores(values, output.shape, images)


async def _answer(call: Awaitable[T]) -> T:
    """Return what a call answers. Raises Busy, TaskFailed."""
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        if error.code() in AGAIN:
            raise Busy(f"gRPC status {error.code().name}", _pushback(error)) from None
        raise EndpointRefused(f"gRPC status {error.code().name}", error.code().name) from None


def _channel(access: Access) -> grpc.aio.Channel:
    """Open a channel to addresses in figures: no name is looked up. A certificate must be that of the host."""
    target, options = access.target, [*OPTIONS, ("grpc.default_authority", access.target.authority)]
    if not target.tls:
        return grpc.aio.insecure_channel(_places(access), options=options)
    options.append(("grpc.ssl_target_name_override", target.host))
    credentials = grpc.ssl_channel_credentials(root_certificates=access.authorities)
    return grpc.aio.secure_channel(_places(access), credentials, options=options)


def _places(access: Access) -> str:
    """The addresses in gRPC's form, which holds one family: IPv4 where there is any."""
    found, port = [ip_address(one) for one in access.entry.addresses], access.target.port
    if narrow := [one for one in found if isinstance(one, IPv4Address)]:
        return "ipv4:" + ",".join(f"{one}:{port}" for one in narrow)
    return "ipv6:" + ",".join(f"[{one}]:{port}" for one in found)


def _tensors(told: Iterable["messages.ModelMetadataResponse.TensorMetadata"]) -> tuple[Tensor, ...]:
    return tuple(Tensor(one.name, one.datatype, tuple(one.shape)) for one in told)


def _pushback(error: grpc.aio.AioRpcError) -> float:
    """The seconds that the endpoint asks to wait; 0 if it does not say."""
    for key, value in error.trailing_metadata() or ():
        if key == PUSHBACK and str(value).isdecimal():
            return float(str(value)) / MILLISECONDS
    return 0.0
