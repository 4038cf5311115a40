"""The one table of errors: class -> gRPC code, HTTP status, whether its text is shown, when to try again.

A class without a row takes that of its nearest ancestor, so a family needs one row. Programs decide by the reason,
which is the class's own (`ModicumError.reason`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import grpc

from modicum_server import errors
from modicum_server.postgres.addresses import AddressUnreadable
from modicum_server.usecases.backup_errors import BackupError
from modicum_server.usecases.fleet_errors import FleetAway, FleetInvalid
from modicum_server.usecases.limit_errors import ProjectFull, TooManyPasses, TooManyQueued
from modicum_server.usecases.store_identity import StoresMixed

Code = grpc.StatusCode

DOMAIN = "modicum"
INTERNAL_REASON = "INTERNAL"


@dataclass(frozen=True, slots=True)
class ErrorStatus:
    """What a caller gets for an error. `public`: its message may be shown. `retry_seconds`: when to try again."""

    code: grpc.StatusCode
    http_status: int
    public: bool = True
    retry_seconds: float | None = None


TABLE: Mapping[type[errors.ModicumError], ErrorStatus] = {
    errors.ModicumError: ErrorStatus(Code.INTERNAL, 500, public=False),
    errors.InvalidArgument: ErrorStatus(Code.INVALID_ARGUMENT, 400),
    errors.MediaTypeUnknown: ErrorStatus(Code.INVALID_ARGUMENT, 415),
    errors.NotFound: ErrorStatus(Code.NOT_FOUND, 404),
    errors.AlreadyExists: ErrorStatus(Code.ALREADY_EXISTS, 409),
    errors.FailedPrecondition: ErrorStatus(Code.FAILED_PRECONDITION, 400),
    errors.Unauthenticated: ErrorStatus(Code.UNAUTHENTICATED, 401),
    errors.PermissionDenied: ErrorStatus(Code.PERMISSION_DENIED, 403),
    errors.HostUnknown: ErrorStatus(Code.PERMISSION_DENIED, 421),
    errors.ResourceExhausted: ErrorStatus(Code.RESOURCE_EXHAUSTED, 429),
    errors.ArtifactTooLarge: ErrorStatus(Code.RESOURCE_EXHAUSTED, 413),
    errors.RequestTooLarge: ErrorStatus(Code.RESOURCE_EXHAUSTED, 413),
    errors.DiskFull: ErrorStatus(Code.RESOURCE_EXHAUSTED, 507),
    errors.TooManyCalls: ErrorStatus(Code.RESOURCE_EXHAUSTED, 429, retry_seconds=1.0),
    TooManyQueued: ErrorStatus(Code.RESOURCE_EXHAUSTED, 429, retry_seconds=60.0),
    TooManyPasses: ErrorStatus(Code.RESOURCE_EXHAUSTED, 429, retry_seconds=60.0),
    ProjectFull: ErrorStatus(Code.RESOURCE_EXHAUSTED, 429, retry_seconds=60.0),
    errors.TooManyWatchers: ErrorStatus(Code.RESOURCE_EXHAUSTED, 429, retry_seconds=5.0),
    errors.ShareExceeded: ErrorStatus(Code.RESOURCE_EXHAUSTED, 429, retry_seconds=1.0),
    errors.Aborted: ErrorStatus(Code.ABORTED, 409, retry_seconds=1.0),
    errors.OutOfRange: ErrorStatus(Code.OUT_OF_RANGE, 400),
    errors.OffsetInvalid: ErrorStatus(Code.OUT_OF_RANGE, 416),
    errors.DataLoss: ErrorStatus(Code.DATA_LOSS, 422),
    errors.ArtifactCorrupt: ErrorStatus(Code.INTERNAL, 500),
    errors.Unavailable: ErrorStatus(Code.UNAVAILABLE, 503, retry_seconds=1.0),
    BackupError: ErrorStatus(Code.INTERNAL, 500, public=False),
    FleetInvalid: ErrorStatus(Code.INTERNAL, 500, public=False),
    FleetAway: ErrorStatus(Code.INTERNAL, 500, public=False),
    AddressUnreadable: ErrorStatus(Code.INTERNAL, 500, public=False),
    StoresMixed: ErrorStatus(Code.INTERNAL, 500, public=False),
    errors.ModelServerError: ErrorStatus(Code.INTERNAL, 500, public=False),
}

UNKNOWN = TABLE[errors.ModicumError]
"""The row of every other exception: a bug, or an error of another library."""

DEADLINE_REASON = "DEADLINE_EXCEEDED"
DEADLINE = ErrorStatus(Code.DEADLINE_EXCEEDED, 504)


def status_of_error(kind: type[BaseException]) -> ErrorStatus:
    """Return the row of a class: its own, or that of its nearest ancestor."""
    return next((TABLE[parent] for parent in kind.__mro__ if parent in TABLE), UNKNOWN)


def raised_kinds(kind: type[errors.ModicumError] = errors.ModicumError) -> Iterator[type[errors.ModicumError]]:
    """Yield every kind of error that is raised; the families directly below the root are not."""
    for child in kind.__subclasses__():
        if kind is not errors.ModicumError or not child.__subclasses__():
            yield child
        yield from raised_kinds(child)


def reason_of(kind: type[errors.ModicumError]) -> str:
    """Return the reason by which programs know a kind of error."""
    return kind.__new__(kind).reason
