"""Serves the functions of `methods` under their names in the contract's descriptors."""

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from itertools import groupby
from typing import Any, TypeAlias

import grpc
from google.protobuf.message_factory import GetMessageClass

from modicum_server.transports.calls import current_principal, in_turn, note_resource
from modicum_server.transports.contract import ServedMethod, served_methods
from modicum_server.transports.list_limits import refuse_long_lists
from modicum_server.transports.services import Services

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"  # generic in the stubs only


def handlers_of(services: Services) -> Iterator[tuple[str, dict[str, Handler]]]:
    """Yield the full name of each service of the contract, and the handlers of its methods by their names."""
    for name, methods in groupby(served_methods(services), key=lambda one: one.descriptor.containing_service.full_name):
        yield name, {method.descriptor.name: _handler(method) for method in methods}


def _handler(method: ServedMethod) -> Handler:
    parse = GetMessageClass(method.descriptor.input_type).FromString
    serialize = GetMessageClass(method.descriptor.output_type).SerializeToString

    async def reply(request: Any, _context: Any) -> Any:
        if method.descriptor.client_streaming:
            return await method.function(current_principal(), request)
        note_resource(request)
        refuse_long_lists(request)
        async with in_turn():
            return await method.function(current_principal(), request)

    async def stream(request: Any, _context: Any) -> AsyncIterator[Any]:
        note_resource(request)
        refuse_long_lists(request)
        async with aclosing(method.function(current_principal(), request)) as messages:
            async for message in messages:
                yield message

    if method.descriptor.server_streaming:
        return grpc.unary_stream_rpc_method_handler(stream, parse, serialize)
    if method.descriptor.client_streaming:
        return grpc.stream_unary_rpc_method_handler(reply, parse, serialize)
    return grpc.unary_unary_rpc_method_handler(reply, parse, serialize)
