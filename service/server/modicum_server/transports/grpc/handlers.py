"""Serves the functions of `methods` under the names that the contract's descriptors give them."""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass
from modicum.v1 import (
    artifact_service_pb2,
    audit_service_pb2,
    dataset_service_pb2,
    model_service_pb2,
    project_service_pb2,
)

from modicum_server.transports.grpc.calls import current_principal
from modicum_server.transports.services import Services


def contract(services: Services) -> Mapping[ServiceDescriptor, object]:
    """Return the contract's services and the objects that have their methods."""
    return {
        _service(project_service_pb2, "ProjectService"): services.projects,
        _service(model_service_pb2, "ModelService"): services.models,
        _service(dataset_service_pb2, "DatasetService"): services.datasets,
        _service(artifact_service_pb2, "ArtifactService"): services.artifacts,
        _service(audit_service_pb2, "AuditService"): services.audits,
    }


def _service(module: Any, name: str) -> ServiceDescriptor:
    descriptor: ServiceDescriptor = module.DESCRIPTOR.services_by_name[name]
    return descriptor


def handler_of(service: ServiceDescriptor, methods: object) -> grpc.GenericRpcHandler:
    """Return the handler of a service; every method of the contract must be there."""
    handlers = {method.name: _method(method, getattr(methods, snake_case(method.name))) for method in service.methods}
    return grpc.method_handlers_generic_handler(service.full_name, handlers)


def snake_case(name: str) -> str:
    """GetAudit -> get_audit."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _method(descriptor: MethodDescriptor, function: Callable[..., Any]) -> "grpc.RpcMethodHandler[Any, Any]":
    parse = GetMessageClass(descriptor.input_type).FromString
    serialize = GetMessageClass(descriptor.output_type).SerializeToString

    async def answer(request: Any, _context: Any) -> Any:
        return await function(current_principal(), request)

    async def stream(request: Any, _context: Any) -> AsyncIterator[Any]:
        async with aclosing(function(current_principal(), request)) as answers:
            async for message in answers:
                yield message

    if descriptor.server_streaming:
        return grpc.unary_stream_rpc_method_handler(stream, parse, serialize)
    if descriptor.client_streaming:
        return grpc.stream_unary_rpc_method_handler(answer, parse, serialize)
    return grpc.unary_unary_rpc_method_handler(answer, parse, serialize)
