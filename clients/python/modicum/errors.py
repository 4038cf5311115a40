"""Every error that this client raises, as one tree. `grpc_errors` maps what a server answers onto it.

    ModicumError
    ├── InvalidArgument ─ InvalidSource (a local file or folder), InsecureAddress
    ├── NotFound
    ├── AlreadyExists
    ├── FailedPrecondition ─ ModelRejected, DataRefused
    ├── Unauthenticated
    ├── PermissionDenied
    ├── ResourceExhausted
    ├── OutOfRange
    ├── DataLoss ─ SourceChanged
    ├── NotServed
    ├── AuditNotCompleted ─ AuditFailed, AuditCancelled
    ├── Unreachable
    ├── DeadlineExceeded
    ├── ServiceError
    ├── OutputNotWritten
    └── LocalServerError ─ ServerNotInstalled, ServerDidNotStart

`reason` is what programs decide on: the server's own where it gave one, else the class's name in capitals. `code`
is the name of the gRPC status, empty for errors that are found before anything is sent. `metadata` holds facts.
"""

import re
from collections.abc import Mapping


class ModicumError(Exception):
    """Something went wrong."""

    def __init__(
        self, message: str = "", *, reason: str = "", code: str = "", metadata: Mapping[str, str] | None = None
    ) -> None:
        """Take the message to show (the class's docstring if empty), the reason, the code and facts."""
        super().__init__(message or (self.__doc__ or "").strip())
        self.reason = reason or re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).upper()
        self.code = code
        self.metadata: Mapping[str, str] = dict(metadata or {})


class InvalidArgument(ModicumError):
    """An argument is not valid."""


class InvalidSource(InvalidArgument):
    """A local file or folder is not what was expected."""


class InsecureAddress(InvalidArgument):
    """A token would travel in clear beyond this machine: use https://, or set MODICUM_INSECURE=1 to allow it."""


class NotFound(ModicumError):
    """There is nothing of that name."""


class AlreadyExists(ModicumError):
    """There is something else of that name."""


class FailedPrecondition(ModicumError):
    """The request does not fit the present state."""


class ModelRejected(FailedPrecondition):
    """The model version was refused."""


class DataRefused(FailedPrecondition):
    """The data set does not fit the model."""


class Unauthenticated(ModicumError):
    """The server does not know the caller: set MODICUM_TOKEN."""


class PermissionDenied(ModicumError):
    """The token's role does not allow this."""


class ResourceExhausted(ModicumError):
    """A limit of the server is reached."""


class OutOfRange(ModicumError):
    """A position is outside what there is."""


class DataLoss(ModicumError):
    """Bytes are not what they were said to be."""


class SourceChanged(DataLoss):
    """A file changed while it was uploaded; run it again once the file is at rest."""


class NotServed(ModicumError):
    """This server does not serve this yet."""


class AuditNotCompleted(ModicumError):
    """The audit ended without a result."""


class AuditFailed(AuditNotCompleted):
    """The audit failed."""


class AuditCancelled(AuditNotCompleted):
    """The audit was cancelled."""


class Unreachable(ModicumError):
    """The server cannot be reached."""


class DeadlineExceeded(ModicumError):
    """There was no answer in time."""


class ServiceError(ModicumError):
    """The server failed; its log says more."""


class OutputNotWritten(ModicumError):
    """A file could not be written."""


class LocalServerError(ModicumError):
    """The local server cannot be used."""


class ServerNotInstalled(LocalServerError):
    """No server is set, and none is installed here. Set MODICUM_ADDRESS, or install modicum[local]."""


class ServerDidNotStart(LocalServerError):
    """The local server did not start."""
