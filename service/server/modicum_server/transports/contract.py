"""The services of the contract by their descriptors, and the functions of `methods` that serve them."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from modicum.v1 import (
    access_service_pb2,
    artifact_service_pb2,
    audit_service_pb2,
    dataset_service_pb2,
    erasure_service_pb2,
    hold_service_pb2,
    model_service_pb2,
    project_service_pb2,
    review_service_pb2,
    trust_service_pb2,
    verdict_service_pb2,
)

from modicum_server.transports.services import Services

_MODULES: Mapping[str, Any] = {
    "projects": project_service_pb2,
    "access": access_service_pb2,
    "trust": trust_service_pb2,
    "models": model_service_pb2,
    "datasets": dataset_service_pb2,
    "artifacts": artifact_service_pb2,
    "audits": audit_service_pb2,
    "verdicts": verdict_service_pb2,
    "reviews": review_service_pb2,
    "erasures": erasure_service_pb2,
    "holds": hold_service_pb2,
}
"""By attribute of `Services`, the module whose service it serves."""

OPEN_METHODS = frozenset({"/modicum.v1.TrustService/ExchangeToken"})
"""Methods that need no token."""


@dataclass(frozen=True, slots=True)
class ServedMethod:
    """A method of the contract, and the function of (principal, request) that serves it."""

    descriptor: MethodDescriptor
    function: Callable[..., Any]

    @property
    def path(self) -> str:
        """The method's path in gRPC. It is also its name in metrics and logs, for both transports."""
        return path_of(self.descriptor)

    @property
    def open(self) -> bool:
        """Whether it needs no token."""
        return self.path in OPEN_METHODS

    @property
    def streaming(self) -> bool:
        """Whether it streams in either direction, and may therefore last as long as it needs."""
        return bool(self.descriptor.client_streaming or self.descriptor.server_streaming)


def services_of_contract() -> tuple[ServiceDescriptor, ...]:
    """Return the contract's services."""
    return tuple(service for module in _MODULES.values() for service in _services(module))


def served_methods(services: Services) -> Iterator[ServedMethod]:
    """Yield every method of the contract with its function. A missing function is a bug and fails the start."""
    for attribute, module in _MODULES.items():
        functions = getattr(services, attribute)
        for service in _services(module):
            for method in service.methods:
                yield ServedMethod(method, getattr(functions, snake_case(method.name)))


def path_of(method: MethodDescriptor) -> str:
    """GetAudit -> /modicum.v1.AuditService/GetAudit."""
    return f"/{method.containing_service.full_name}/{method.name}"


def snake_case(name: str) -> str:
    """GetAudit -> get_audit."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _services(module: Any) -> tuple[ServiceDescriptor, ...]:
    return tuple(module.DESCRIPTOR.services_by_name.values())
