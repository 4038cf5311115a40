"""Puts layers around every call of a grpc.aio server, whatever its kind."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import Any, TypeAlias

import grpc

from modicum_server.transports.grpc.calls import Call
from modicum_server.transports.grpc.layers import Layer

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"  # generic in the stubs only
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class Layering(grpc.aio.ServerInterceptor):
    """One interceptor that opens every layer, from outside in, before the method runs."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = layers

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], "Awaitable[Handler | None]"],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "Handler | None":
        """Return the method's handler with the layers around it; None for a method that the server does not have."""
        handler = await continuation(handler_call_details)
        return None if handler is None else self._layered(handler, handler_call_details.method)

    def _layered(self, handler: Handler, method: str) -> Handler:
        behaviour: Any = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
        streaming = handler.request_streaming or handler.response_streaming

        async def answer(request: Any, context: Context) -> Any:
            async with AsyncExitStack() as stack:
                await self._open(stack, Call(method=method, streaming=streaming, context=context))
                return await behaviour(request, context)

        async def stream(request: Any, context: Context) -> None:
            async with AsyncExitStack() as stack:
                await self._open(stack, Call(method=method, streaming=streaming, context=context))
                await _stream(behaviour(request, context), context)

        make: Any = _MAKERS[handler.request_streaming, handler.response_streaming]
        layered: Handler = make(
            stream if handler.response_streaming else answer, handler.request_deserializer, handler.response_serializer
        )
        return layered

    async def _open(self, stack: AsyncExitStack, call: Call) -> None:
        for layer in self._layers:
            await stack.enter_async_context(layer(call))


_MAKERS = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


async def _stream(answers: Any, context: Context) -> None:
    """Write what a method yields, each once the one before is on its way; health writes by itself."""
    if not hasattr(answers, "__aiter__"):
        await answers
        return
    async with aclosing(answers):
        async for message in answers:
            await context.write(message)
