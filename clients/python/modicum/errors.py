"""Every error that this client raises, as one tree. `grpc_errors` maps the errors of a server onto it.

    ModicumError
    ├── InvalidArgument ─ InvalidSource (a local file or folder) ─ ModelFolderRefused, InsecureAddress, PolicyError
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
    ├── HubError (of a hub of models)
    ├── RegistryError ─ AliasMoved, VersionChanged (of a registry of models)
    └── LocalServerError ─ ServerNotInstalled, ServerDidNotStart

`reason` is for programs: the server's reason if it gave one, else the name of the class in capitals. `code` is the name
of the gRPC status; it is empty for errors that are found before anything is sent. `metadata` holds facts.
"""

import re
from collections.abc import Mapping
from datetime import datetime


def _message_of(docstring: str) -> str:
    """A docstring as a message: these begin with a small letter and end without a full stop."""
    text = docstring.strip().removesuffix(".")
    return text[:1].lower() + text[1:]


class ModicumError(Exception):
    """Something went wrong."""

    def __init__(
        self, message: str = "", *, reason: str = "", code: str = "", metadata: Mapping[str, str] | None = None
    ) -> None:
        """Take the message (default: the docstring of the class), the reason, the code and facts."""
        super().__init__(message or _message_of(self.__doc__ or ""))
        self.reason = reason or re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).upper()
        self.code = code
        self.metadata: Mapping[str, str] = dict(metadata or {})


class InvalidArgument(ModicumError):
    """An argument is not valid."""


class InvalidSource(InvalidArgument):
    """A local file or folder is not what was expected."""


class InsecureAddress(InvalidArgument):
    """The token would be sent unencrypted: use https://, or set MODICUM_INSECURE=1 if you trust the network."""


class ModelFolderRefused(InvalidSource):
    """The model in the folder cannot be read, or not safely."""


class PolicyError(InvalidArgument):
    """The policy is not valid, or cannot be judged by."""


class NotFound(ModicumError):
    """Nothing of that name exists."""


class AlreadyExists(ModicumError):
    """Something else of that name exists."""


class FailedPrecondition(ModicumError):
    """The request is not possible in the present state."""


class ModelRejected(FailedPrecondition):
    """The model version was rejected."""


class DataRefused(FailedPrecondition):
    """The data set does not fit the model."""


class Unauthenticated(ModicumError):
    """The server does not accept the token: set MODICUM_TOKEN."""


class PermissionDenied(ModicumError):
    """The role of the token does not allow this."""


class ResourceExhausted(ModicumError):
    """A limit of the server is reached."""


class OutOfRange(ModicumError):
    """A position is outside the valid range."""


class DataLoss(ModicumError):
    """The data do not match their digest."""


class SourceChanged(DataLoss):
    """A file changed while it was uploaded; run the command again once the file is complete."""


class NotServed(ModicumError):
    """This server does not offer this function."""


class AuditNotCompleted(ModicumError):
    """The audit ended without a result."""


class AuditFailed(AuditNotCompleted):
    """The audit failed."""


class AuditCancelled(AuditNotCompleted):
    """The audit was cancelled."""


class Unreachable(ModicumError):
    """The server cannot be reached."""


class DeadlineExceeded(ModicumError):
    """The server did not reply in time."""


class ServiceError(ModicumError):
    """The server failed; its log says why."""


class OutputNotWritten(ModicumError):
    """A file could not be written."""


class RegistryError(ModicumError):
    """The registry of models cannot be used."""


class HubError(ModicumError):
    """The hub of models cannot be used."""


class AliasMoved(RegistryError):
    """The alias of the registered model points elsewhere than it did."""


class VersionChanged(RegistryError):
    """The registered version is not the one that was audited."""


class LocalServerError(ModicumError):
    """The local server cannot be used."""


class ServerNotInstalled(LocalServerError):
    """No server is set, and none is installed here. Set MODICUM_ADDRESS, or install modicum[local]."""


class ServerDidNotStart(LocalServerError):
    """The local server did not start."""


def retention_passed(name: str, what: str, moment: datetime) -> FailedPrecondition:
    """Return the error of an audit whose result, or findings, the retention of its project deleted then."""
    return FailedPrecondition(
        f"{name}: the retention of the project deleted its {what} on {moment:%Y-%m-%d}; audit again",
        reason="RETENTION_PASSED",
    )
