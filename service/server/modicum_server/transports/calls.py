"""A call while it is served, as its layers know it, through whichever door it came.

Each call is a task of its own, so a context variable holds it. Knows nothing of metadata or of HTTP: a `Wire` does.
"""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import ClassVar, Protocol

import grpc

from modicum_server.domain.projects import Principal
from modicum_server.transports.refusals import Refusal


class CallerLeft(Exception):
    """The caller is gone: there is nobody to be answered."""


class Wire(Protocol):
    """What a door does for the layers of one call."""

    door: ClassVar[str]
    """Name of the door in the log."""

    def header(self, name: str) -> str:
        """Return a header of the request by its lower-case name; empty when it has none."""

    def remaining_seconds(self) -> float | None:
        """Return the time that the caller still gives; None when they named no deadline.

        Raises:
            FieldInvalid: they named one that cannot be read.
        """

    def identify(self, request_id: str) -> None:
        """See that the answer carries the request id."""

    async def refuse(self, refusal: Refusal) -> None:
        """Answer with an error."""

    def code(self) -> grpc.StatusCode:
        """Return how a call ended that answered by itself."""


@dataclass(slots=True)
class Call:
    """One call. `code` is how it ended, `failure` what it ended by if that was no error of ours."""

    method: str
    streaming: bool
    wire: Wire
    probe: bool = False
    """Whether it is a probe: no token, and no line in the log unless it fails."""
    request_id: str = ""
    principal: Principal | None = None
    code: grpc.StatusCode = grpc.StatusCode.OK
    failure: BaseException | None = None


CURRENT: ContextVar[Call] = ContextVar("modicum_call")


def current_principal() -> Principal:
    """Return who makes the call that is being served."""
    principal = CURRENT.get().principal
    assert principal is not None, "the authentication layer lets no other call through"
    return principal
