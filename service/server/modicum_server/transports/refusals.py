"""What a caller sees of an error, the same for gRPC and HTTP: code, text, reason, facts.

Of an exception of another library, or an error that is not public, the caller sees nothing but the request id.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import grpc

from modicum_server.errors import FieldInvalid, ModicumError
from modicum_server.transports.errors import DEADLINE, DEADLINE_REASON, INTERNAL_REASON, ErrorStatus, status_of_error

LONGEST_MESSAGE_CHARACTERS = 1500
"""A whole gRPC status travels in trailing metadata, of which clients accept 8 KiB."""
LONGEST_FACT_CHARACTERS = 300
SHORTEST_SECONDS = 0.001
"""A call with less time than this had no time left when it came."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A field that breaks its rule."""

    field: str
    description: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error for the caller. `reason` and `metadata` are for programs; `retry_seconds` says when to try again."""

    code: grpc.StatusCode
    http_status: int
    text: str
    reason: str
    request_id: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    violations: tuple[Violation, ...] = ()
    retry_seconds: float | None = None


def refusal_of(error: BaseException, request_id: str) -> Refusal:
    """Return what the caller sees of an error."""
    status = status_of_error(type(error))
    if isinstance(error, ModicumError) and status.public:
        return _refusal(
            status,
            _cut(str(error), LONGEST_MESSAGE_CHARACTERS),
            error.reason,
            request_id,
            metadata={key: _cut(value, LONGEST_FACT_CHARACTERS) for key, value in error.metadata.items()},
            violations=_violations(error),
        )
    text = f"the server has a fault; its operator finds the details in the log under the request id {request_id}"
    return _refusal(status, text, INTERNAL_REASON, request_id)


def deadline_refusal(limit_seconds: float, request_id: str) -> Refusal:
    """Return what the caller sees of a call that did not end in time."""
    if limit_seconds < SHORTEST_SECONDS:
        text = "the deadline of the call had already passed; set a later deadline"
    else:
        text = f"the call did not finish within {limit_seconds:.3g} s; set a later deadline, or ask for less at once"
    return _refusal(DEADLINE, text, DEADLINE_REASON, request_id)


def _refusal(
    status: ErrorStatus,
    text: str,
    reason: str,
    request_id: str,
    *,
    metadata: Mapping[str, str] | None = None,
    violations: tuple[Violation, ...] = (),
) -> Refusal:
    return Refusal(
        code=status.code,
        http_status=status.http_status,
        text=text,
        reason=reason,
        request_id=request_id,
        metadata=metadata or {},
        violations=violations,
        retry_seconds=status.retry_seconds,
    )


def _violations(error: ModicumError) -> tuple[Violation, ...]:
    if not isinstance(error, FieldInvalid):
        return ()
    return (Violation(error.field, _cut(error.rule, LONGEST_MESSAGE_CHARACTERS)),)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."
