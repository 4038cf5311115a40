"""Puts the layers around every call of a grpc.aio server, with or without streams."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, aclosing
from typing import Any, TypeAlias

import grpc

from modicum_server.domain.trusted_proxies import TrustedProxies
from modicum_server.errors import FieldInvalid
from modicum_server.transports.calls import Call
from modicum_server.transports.contract import OPEN_METHODS
from modicum_server.transports.grpc.wire import OPEN_SERVICES, GrpcWire
from modicum_server.transports.layers import REQUEST_ID_HEADER, Layer, open_layers, request_id_of
from modicum_server.transports.unrouted_log import UnroutedRequests

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"  # generic in the stubs only
Metadata: TypeAlias = "grpc.aio.Metadata | Sequence[tuple[str, str | bytes]]"
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class Layering(grpc.aio.ServerInterceptor):
    """One interceptor that opens all layers, from outside in, before the method runs."""

    def __init__(self, layers: Sequence[Layer], unrouted: UnroutedRequests, proxies: TrustedProxies) -> None:
        self._layers = layers
        self._unrouted = unrouted
        self._proxies = proxies
        self.pages = ""
        """Where browsers find the pages, which is known once HTTP is served."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], "Awaitable[Handler | None]"],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "Handler | None":
        """Return the method's handler inside the layers; None for a method that the server does not have."""
        handler = await continuation(handler_call_details)
        if handler is None:
            self._tell_unrouted(handler_call_details.method, handler_call_details.invocation_metadata)
            return None
        return self._layered(handler, handler_call_details.method)

    def _tell_unrouted(
        self, path: str, metadata: "grpc.aio.Metadata | Sequence[tuple[str, str | bytes]] | None"
    ) -> None:
        """Log and count a call of an unknown method; gRPC itself replies to it."""
        given = next((str(value) for key, value in metadata or () if key == REQUEST_ID_HEADER), "")
        request_id, status = request_id_of(given), grpc.StatusCode.UNIMPLEMENTED.name
        self._unrouted.tell(
            "path_unknown", transport=GrpcWire.transport, verb="POST", path=path, status=status, request_id=request_id
        )

    def _layered(self, handler: Handler, method: str) -> Handler:
        behaviour: Any = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
        streaming = handler.request_streaming or handler.response_streaming

        read: Any = _reads if handler.request_streaming else _first

        def call_of(context: Context) -> Call:
            probe = method.startswith(OPEN_SERVICES)
            wire = GrpcWire(context, self.pages, self._proxies)
            places = ExitStack()
            release: Any = lambda _: places.close()  # noqa: E731 - the stubs have no type for a function here
            context.add_done_callback(release)  # it knows the places only: the call would be kept in a cycle
            return Call(
                method=method,
                streaming=streaming,
                wire=wire,
                probe=probe,
                open=method in OPEN_METHODS,
                places=places,
            )

        async def reply(parts: Any, context: Context) -> Any:
            async with AsyncExitStack() as stack:
                await open_layers(stack, self._layers, call_of(context))
                return await behaviour(await read(handler, parts), context)
            return await GrpcWire(context).end_without_reply()

        async def stream(parts: Any, context: Context) -> None:
            async with AsyncExitStack() as stack:
                await open_layers(stack, self._layers, call_of(context))
                await _stream(behaviour(await read(handler, parts), context), context)

        make: Any = _MAKERS[handler.response_streaming]
        # no deserializer: bytes that are not a message are then an error inside the layers, like any other
        layered: Handler = make(
            stream if handler.response_streaming else reply, response_serializer=handler.response_serializer
        )
        return layered


_MAKERS = {False: grpc.stream_unary_rpc_method_handler, True: grpc.stream_stream_rpc_method_handler}
"""By whether the response is a stream. To gRPC every request is one: it waits for a single message before the layers,
where a caller without a token could let it wait for ever."""


def _read(handler: Handler, data: bytes) -> Any:
    """Return the message in the bytes.

    Raises:
        FieldInvalid: the bytes are not a message.
    """
    if handler.request_deserializer is None:
        return data
    try:
        return handler.request_deserializer(data)
    except Exception:  # noqa: BLE001 - protobuf's error type differs between its implementations
        cause = "they are damaged, nested too deeply, or have text that is not UTF-8"
        raise FieldInvalid(
            "request", f"the {len(data):,} bytes cannot be read as a message of this method's type: {cause}"
        ) from None


async def _first(handler: Handler, parts: AsyncIterator[bytes]) -> Any:
    """Return the only message of a request.

    Raises:
        FieldInvalid: it cannot be read, or there is none.
    """
    async for data in parts:
        return _read(handler, data)
    raise FieldInvalid("request", "the call ended without a message")


async def _reads(handler: Handler, parts: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    async def read() -> AsyncIterator[Any]:
        async for data in parts:
            yield _read(handler, data)

    return read()


async def _stream(messages: Any, context: Context) -> None:
    """Write what a method yields, one message after the other. Health writes its messages itself."""
    if not hasattr(messages, "__aiter__"):
        await messages
        return
    async with aclosing(messages):
        async for message in messages:
            try:
                await context.write(message)
            except grpc.aio.InternalError as error:  # the caller has gone; its cancellation may come later
                raise asyncio.CancelledError from error
