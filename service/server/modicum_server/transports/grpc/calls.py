"""A call while it is served, as its layers know it. Each call is a task of its own: a context variable holds it."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import grpc

from modicum_server.ports import Principal

OPEN_SERVICES = ("/grpc.health.v1.Health/",)
"""Probes: no token, and no line in the log unless they fail."""


@dataclass(slots=True)
class Call:
    """One call. `code` is how it ended, `failure` what it ended by if that was no error of ours."""

    method: str
    streaming: bool
    context: "grpc.aio.ServicerContext[Any, Any]"
    request_id: str = ""
    principal: Principal | None = None
    code: grpc.StatusCode = grpc.StatusCode.OK
    failure: BaseException | None = None

    @property
    def probe(self) -> bool:
        """Whether it is a probe."""
        return self.method.startswith(OPEN_SERVICES)

    def header(self, name: str) -> str:
        """Return a text header of the request; empty when it has none."""
        for key, value in self.context.invocation_metadata() or ():
            if key == name and isinstance(value, str):
                return value
        return ""


CURRENT: ContextVar[Call] = ContextVar("modicum_call")


def current_principal() -> Principal:
    """Return who makes the call that is being served."""
    principal = CURRENT.get().principal
    assert principal is not None, "the authentication layer lets no other call through"
    return principal
