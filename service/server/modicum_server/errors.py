"""Every error that a caller can see, as one tree. They know no transport; a table maps them to codes.

    ModicumError
    ├── InvalidArgument ─ FieldInvalid, PageTokenInvalid, FilterInvalid, ManifestInvalid, ObjectsInvalid, DatasetEmpty,
    │                     DatasetTooLarge, AuditTooLarge, ArchitectureUnknown, UploadInvalid, FormatUnknown,
    │                     MediaTypeUnknown
    ├── NotFound ─ ProjectNotFound, ModelNotFound, ModelVersionNotFound, DatasetNotFound, ArtifactNotFound,
    │              AuditNotFound, FindingNotFound
    ├── AlreadyExists ─ ProjectExists, DatasetDiffers, RequestIdReused, AuditExists
    ├── FailedPrecondition ─ ResourceInUse, ArtifactMissing, ExecutableNotAllowed, ModelRejected, LabelUnknown,
    │                        CanvasUnfit, GradientMissing, AuditNotEnded, AuditNotSucceeded
    ├── Unauthenticated ─ TokenMissing, TokenInvalid
    ├── PermissionDenied ─ RoleInsufficient
    ├── ResourceExhausted ─ ArtifactTooLarge, RequestTooLarge, DiskFull, TooManyCalls, TooManyQueued,
    │                        TooManyWatchers
    ├── Aborted ─ UploadBusy
    ├── OutOfRange ─ UploadTruncated, OffsetInvalid
    ├── DataLoss ─ DigestMismatch
    ├── NotImplementedYet
    ├── Unavailable ─ DependencyUnavailable ─ DatabaseFull, SchemaOutdated, ServerStopping
    └── ModelServerError (never leaves the worker) ─ ModelDied, ModelOutOfMemory, ModelHung, ModelServerDown,
                                                     TaskFailed ─ ExecutableNotEnclosed

A message says what was expected, what came and what to do; it is safe to show.
"""

import errno
from collections.abc import Mapping
from typing import Final

#: What the system calls it where a file cannot grow.
NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class ModicumError(Exception):
    """Something went wrong."""

    def __init__(self, message: str = "", **metadata: str) -> None:
        """Take the message to show (the class's docstring if empty) and facts for programs, e.g. `digest=...`."""
        super().__init__(message or (self.__doc__ or "").strip())
        self.metadata: Mapping[str, str] = metadata

    @property
    def reason(self) -> str:
        """The class's name in upper case with underscores: what programs decide on."""
        name = type(self).__name__
        return "".join(
            f"_{letter}" if letter.isupper() and place else letter for place, letter in enumerate(name)
        ).upper()


class InvalidArgument(ModicumError):
    """The request is not valid."""


class FieldInvalid(InvalidArgument):
    """A field breaks its rule."""

    def __init__(self, field: str, rule: str) -> None:
        """Name the field by its path, and the rule with what came."""
        super().__init__(f"{field}: {rule}", field=field)
        self.field = field
        self.rule = rule


class PageTokenInvalid(InvalidArgument):
    """The page token is not one that this server gave for this list; begin again without one."""


class FilterInvalid(InvalidArgument):
    """The filter is not one that this server understands."""


class ManifestInvalid(InvalidArgument):
    """The manifest is not JSON Lines with `item` and `image` in every line."""


class ObjectsInvalid(InvalidArgument):
    """The boxes or the mask of an item are none of its picture."""


class DatasetEmpty(InvalidArgument):
    """The data set has no item."""


class DatasetTooLarge(InvalidArgument):
    """The data set has more items than this server takes."""


class AuditTooLarge(InvalidArgument):
    """The audit would be cut into more shards than this server takes; audit a sample, or fewer searches at once."""


class ArchitectureUnknown(InvalidArgument):
    """The architecture is not one that this server knows."""


class UploadInvalid(InvalidArgument):
    """An upload is a header and then bytes, from the offset that the server holds."""


class FormatUnknown(InvalidArgument):
    """The format is not one that this server writes."""


class MediaTypeUnknown(InvalidArgument):
    """The body is of a kind that this method does not take."""


class NotFound(ModicumError):
    """There is nothing of that name."""


class ProjectNotFound(NotFound):
    """There is no project of that name in which the caller has a role."""


class ModelNotFound(NotFound):
    """There is no model of that name."""


class ModelVersionNotFound(NotFound):
    """There is no model version of that name."""


class DatasetNotFound(NotFound):
    """There is no data set of that name."""


class ArtifactNotFound(NotFound):
    """The project holds no artifact of that digest."""


class AuditNotFound(NotFound):
    """There is no audit of that name."""


class FindingNotFound(NotFound):
    """There is no finding of that name."""


class AlreadyExists(ModicumError):
    """There is something else of that name."""


class ProjectExists(AlreadyExists):
    """There is a project of that name."""


class DatasetDiffers(AlreadyExists):
    """There is a data set of that name with other content; a changed data set takes a new name."""


class AuditExists(AlreadyExists):
    """There is an audit of that name."""


class RequestIdReused(AlreadyExists):
    """The request id was used for a different request; take a new one."""


class FailedPrecondition(ModicumError):
    """The request does not fit the present state."""


class ResourceInUse(FailedPrecondition):
    """Something still refers to it."""


class ArtifactMissing(FailedPrecondition):
    """The project does not hold an artifact that is referred to; upload it first."""


class ExecutableNotAllowed(FailedPrecondition):
    """This server takes no programs (MODICUM_ALLOW_EXECUTABLES is not true); register safetensors and architecture."""


class ModelRejected(FailedPrecondition):
    """The model version was refused."""


class LabelUnknown(FailedPrecondition):
    """A label of the data set is no class of the model."""


class CanvasUnfit(FailedPrecondition):
    """A version cannot take the canvas."""


class GradientMissing(FailedPrecondition):
    """The version has no useful gradient; search with mask_optimization, which does without one there."""


class AuditNotEnded(FailedPrecondition):
    """The audit has not ended; cancel it first."""


class AuditNotSucceeded(FailedPrecondition):
    """The audit has not succeeded: there is no result to show."""


class Unauthenticated(ModicumError):
    """The caller is not known."""


class TokenMissing(Unauthenticated):
    """A bearer token is required: set MODICUM_TOKEN, or use the local server's token file."""


class TokenInvalid(Unauthenticated):
    """The bearer token is not one of this server's."""


class PermissionDenied(ModicumError):
    """The caller may not do this."""


class RoleInsufficient(PermissionDenied):
    """The token's role in this project does not allow this."""


class ResourceExhausted(ModicumError):
    """A limit is reached."""


class ArtifactTooLarge(ResourceExhausted):
    """The artifact is larger than this server takes."""


class RequestTooLarge(ResourceExhausted):
    """The request is larger than this server takes; bytes travel as artifacts."""


class DiskFull(ResourceExhausted):
    """The artifact store has no room left."""


class TooManyQueued(ResourceExhausted):
    """The project has as many queued audits as this server takes; wait for some to end."""


class TooManyCalls(ResourceExhausted):
    """This server answers as many calls as it takes at once; try again in a moment."""


class TooManyWatchers(ResourceExhausted):
    """This server holds as many watches as it takes; ask GetAudit instead, or wait."""


class Aborted(ModicumError):
    """Somebody else is at it at this moment; try again."""


class UploadBusy(Aborted):
    """Another upload of this artifact is going on; wait for it, then ask what is missing."""


class OutOfRange(ModicumError):
    """A position is outside what there is."""


class UploadTruncated(OutOfRange):
    """The upload ended before the announced length; resume it."""


class OffsetInvalid(OutOfRange):
    """The offset is past the end."""


class DataLoss(ModicumError):
    """Bytes are not what they were said to be."""


class DigestMismatch(DataLoss):
    """The bytes do not have the announced SHA-256; send them again from the start."""


class NotImplementedYet(ModicumError):
    """This server does not serve this yet."""

    @property
    def reason(self) -> str:
        """NOT_IMPLEMENTED, without the hope."""
        return "NOT_IMPLEMENTED"


class Unavailable(ModicumError):
    """The service cannot answer now; try again."""


class DependencyUnavailable(Unavailable):
    """Something that the service needs is away; try again."""


class DatabaseFull(DependencyUnavailable):
    """The database has no room left; once its operator has made room, what waits goes on by itself."""


class SchemaOutdated(Unavailable):
    """The database has an earlier release's schema; the operator runs modicum-server migrate."""


class ServerStopping(Unavailable):
    """The server is stopping; connect again."""


class ModelServerError(ModicumError):
    """The model server did not finish a task."""


class ModelDied(ModelServerError):
    """The model's process died."""


class ModelOutOfMemory(ModelServerError):
    """The model's process was killed, probably for memory."""


class ModelHung(ModelServerError):
    """The model's process gave no sign of progress in time."""


class ModelServerDown(ModelServerError):
    """The model server is not there."""


class TaskFailed(ModelServerError):
    """The handler ended the task with a reason."""

    def __init__(self, task_reason: str, detail: str, *, model_at_fault: bool) -> None:
        """Take the handler's reason and detail, and whether the model is at fault."""
        super().__init__(detail)
        self.task_reason = task_reason
        self.model_at_fault = model_at_fault


class ExecutableNotEnclosed(TaskFailed):
    """This worker's machine cannot enclose a program."""

    def __init__(self, isolation: str) -> None:
        """Take in words how models are confined here, and what stays open."""
        super().__init__(
            "EXECUTABLE_NOT_ENCLOSED",
            f"this worker's machine cannot enclose a program: it has {isolation}; register safetensors and an "
            "architecture, or run the worker where bubblewrap or Landlock work",
            model_at_fault=False,
        )
