"""Maps a gRPC status to an error of this client. It reads google.rpc details itself, without grpcio-status."""

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from modicum import errors

DETAILS_KEY = "grpc-status-details-bin"
ADVICE_ON_TOKENS = (
    "set MODICUM_TOKEN to one that `modicum-server token create` printed, or unset it for the server of this machine"
)
#: Of the details of a failure that a server of HTTP/1 causes.
OF_HTTP = "http1.x server"
#: How the reasons begin for which the identity of a job was refused.
OF_JOBS = "IDENTITY_"

CLASS_OF_CODE: dict[grpc.StatusCode, type[errors.ModicumError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidArgument,
    grpc.StatusCode.NOT_FOUND: errors.NotFound,
    grpc.StatusCode.ALREADY_EXISTS: errors.AlreadyExists,
    grpc.StatusCode.FAILED_PRECONDITION: errors.FailedPrecondition,
    grpc.StatusCode.UNAUTHENTICATED: errors.Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: errors.PermissionDenied,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.ResourceExhausted,
    grpc.StatusCode.OUT_OF_RANGE: errors.OutOfRange,
    grpc.StatusCode.DATA_LOSS: errors.DataLoss,
    grpc.StatusCode.UNIMPLEMENTED: errors.NotServed,
    grpc.StatusCode.UNAVAILABLE: errors.Unreachable,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlineExceeded,
    grpc.StatusCode.UNKNOWN: errors.ServiceError,
    grpc.StatusCode.INTERNAL: errors.ServiceError,
    grpc.StatusCode.ABORTED: errors.ServiceError,
    grpc.StatusCode.CANCELLED: errors.ServiceError,
}

#: Reasons that have an error class of their own.
CLASS_OF_REASON: dict[str, type[errors.ModicumError]] = {
    "MODEL_REJECTED": errors.ModelRejected,
    "ARCHITECTURE_UNAVAILABLE": errors.ModelRejected,
    "ARCHITECTURE_UNKNOWN": errors.ModelRejected,
    "ENDPOINT_UNKNOWN": errors.ModelRejected,
    "EXECUTABLE_NOT_ALLOWED": errors.ModelRejected,
    "GRADIENT_MISSING": errors.ModelRejected,
    "LABEL_UNKNOWN": errors.DataRefused,
    "CANVAS_UNFIT": errors.DataRefused,
    "DATASET_EMPTY": errors.DataRefused,
    "DATASET_TOO_LARGE": errors.DataRefused,
    "MANIFEST_INVALID": errors.DataRefused,
    "OBJECTS_INVALID": errors.DataRefused,
    "POLICY_INVALID": errors.PolicyError,
    "ARTIFACT_CORRUPT": errors.DataLoss,
}

#: What to do, in the words of this client, which the server does not know.
ADVICE_OF_REASON = {"LABEL_UNKNOWN": "register the model with the names of its classes (--class-labels)"}


def error_of(failure: grpc.aio.AioRpcError, *, address: str) -> errors.ModicumError:
    """The error for a failed call to `address`."""
    information, violations = _details(failure)
    reason = information.reason if information else ""
    kind = CLASS_OF_REASON.get(reason) or CLASS_OF_CODE.get(failure.code(), errors.ServiceError)
    message = _message(failure, violations, address=address, reason=information and reason)
    metadata = dict(information.metadata) if information else {}
    return kind(message, reason=reason, code=failure.code().name, metadata=metadata)


def told_seconds(failure: grpc.aio.AioRpcError) -> float | None:
    """How long a server that has reached a limit tells its caller to wait; None if it tells nothing."""
    if failure.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
        return None
    for detail in _status(failure).details:
        if detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            told = error_details_pb2.RetryInfo()
            detail.Unpack(told)
            return float(told.retry_delay.seconds + told.retry_delay.nanos / 1e9)
    return None


def _message(failure: grpc.aio.AioRpcError, violations: list[str], *, address: str, reason: str | None) -> str:
    """The message. `reason` is None if the reply did not come from a Modicum server."""
    text = failure.details() or ""
    if reason is not None:
        by_token = failure.code() is grpc.StatusCode.UNAUTHENTICATED and not reason.startswith(OF_JOBS)
        advice = [ADVICE_ON_TOKENS] if by_token else []
        advice += [ADVICE_OF_REASON[reason]] if reason in ADVICE_OF_REASON else []
        parts = [text, *(violation for violation in violations if violation not in text), *advice]
        return "; ".join([*(part.removesuffix(".") for part in parts[:-1]), parts[-1]])
    if failure.code() is grpc.StatusCode.UNAVAILABLE and OF_HTTP in text:
        return (
            f"no gRPC server replies at {address}, but one of HTTP, perhaps that of Modicum's pages and REST: give the "
            "port of its gRPC API, which is 7400 by default"
        )
    if failure.code() is grpc.StatusCode.UNAVAILABLE:
        return (
            f"no Modicum server can be reached at {address} ({_shortened(text)}): check that it runs and that "
            "MODICUM_ADDRESS is right"
        )
    if failure.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return f"the server at {address} did not reply in time"
    return f"the server at {address} failed with {failure.code().name}: {text}"


def _shortened(text: str) -> str:
    """The last part of a connection error, which says what happened. The parts before it repeat it."""
    last = text.rsplit(": ", 1)[-1]
    return last.rstrip("]") if last.count("]") > last.count("[") else last


def _status(failure: grpc.aio.AioRpcError) -> status_pb2.Status:
    """The status with its details; empty if the reply has none that can be read."""
    status = status_pb2.Status()
    for key, value in failure.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                status.ParseFromString(value)
            except DecodeError:
                return status_pb2.Status()
    return status


def _details(failure: grpc.aio.AioRpcError) -> tuple[error_details_pb2.ErrorInfo | None, list[str]]:
    information: error_details_pb2.ErrorInfo | None = None
    violations: list[str] = []
    for detail in _status(failure).details:
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            information = error_details_pb2.ErrorInfo()
            detail.Unpack(information)
        elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            request = error_details_pb2.BadRequest()
            detail.Unpack(request)
            violations += [f"{violation.field}: {violation.description}" for violation in request.field_violations]
    return information, violations
