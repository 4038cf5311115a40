"""A call while it is served, as the layers see it, the same for gRPC and HTTP.

Each call is a task of its own, so a context variable holds it. A `Wire` hides what differs between the transports.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, ExitStack, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import grpc

from modicum_server.domain.projects import Origin, Principal
from modicum_server.transports.refusals import Refusal


class CallerLeft(Exception):
    """The caller has disconnected, so no reply can reach it."""


class Wire(Protocol):
    """What a transport does for the layers of one call."""

    transport: ClassVar[str]
    """Name of the transport in the log."""

    def header(self, name: str) -> str:
        """Return a header of the request by its lower-case name; empty when it has none."""

    def client_address(self) -> str:
        """Return the caller's network address; empty if unknown. A proxy that no setting trusts is a caller."""

    def remaining_seconds(self) -> float | None:
        """Return the time until the caller's deadline; None without a deadline.

        Raises:
            FieldInvalid: the deadline cannot be read.
        """

    def identify(self, request_id: str) -> None:
        """Put the request id into the reply."""

    async def refuse(self, refusal: Refusal) -> None:
        """Reply with an error."""

    def code(self) -> grpc.StatusCode:
        """Return the code of a call that ended by itself."""


@dataclass(slots=True)
class Call:
    """One call.

    `code` says how it ended, and `reason` why it was refused. `resource` is the name in the request, as the caller
    wrote it, once that was read. `enter` counts the call in a project, and refuses one too many. `turn` is a context in
    which its principal's calls go on, some at a time. `places` is what it holds until its reply has been sent; gRPC
    closes them. `guessed` says that it gave a wrong secret, so that its answer comes late. `failure` is the exception
    that ended it, if that was a fault of ours.
    """

    method: str
    streaming: bool
    wire: Wire
    probe: bool = False
    """Whether it is a probe, which needs no token and is only logged when it fails."""
    open: bool = False
    """Whether it needs no token, because it is how a job gets one."""
    reads: bool = False
    """Whether it changes nothing. Of a method of the contract, the name says so, too."""
    request_id: str = ""
    traceparent: str = ""
    """Its place in a trace; empty where nobody collects traces."""
    principal: Principal | None = None
    code: grpc.StatusCode = grpc.StatusCode.OK
    reason: str = ""
    resource: str = ""
    enter: Callable[[str], None] = lambda _project: None
    turn: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
    places: ExitStack = field(default_factory=ExitStack)
    guessed: bool = False
    failure: BaseException | None = None

    @property
    def origin(self) -> Origin:
        """Where it comes from, for the trail."""
        return Origin(self.request_id, self.wire.client_address(), self.traceparent)


NOBODY = Principal(name="a caller without a token", roles={})
"""The caller of an open call. All of them share one principal's limits."""

CURRENT: ContextVar[Call] = ContextVar("modicum_call")


def note_resource(request: Any) -> None:
    """Note for the trail which resource the request of the current call names, and count the call in its project.

    Raises:
        ShareExceeded
    """
    call, fields = CURRENT.get(), request.DESCRIPTOR.fields_by_name
    call.resource = next((getattr(request, field) for field in ("name", "parent") if field in fields), "")
    call.enter("/".join(call.resource.split("/", 2)[:2]))


def in_turn() -> AbstractAsyncContextManager[None]:
    """Return the context in which the current call is worked on, once its request was read: it waits for its turn.

    Raises:
        ShareExceeded: too many calls of its principal wait.
    """
    return CURRENT.get().turn()


def note_guess() -> None:
    """Note that the current call gave a wrong secret. Its answer waits once its turn has ended."""
    CURRENT.get().guessed = True


def current_principal() -> Principal:
    """Return the principal of the call that is being served."""
    principal = CURRENT.get().principal
    assert principal is not None, "the authentication layer lets no other call through"
    return principal
