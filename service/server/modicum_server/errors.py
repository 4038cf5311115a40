"""Every error that a caller can see, as one tree. `transports.errors` maps them to codes.

Here are the branches and the older errors. A new one stands beside its resource or task: in a module of `ports` or of
`usecases`, such as `ports.trust_errors` and `usecases.limit_errors`.

    ModicumError
    ├── InvalidArgument ─ FieldInvalid ─ PolicyInvalid
    │                     PageTokenInvalid, FilterInvalid, ManifestInvalid, ObjectsInvalid, DatasetEmpty, FormatUnknown,
    │                     DatasetTooLarge, AuditTooLarge, ArchitectureUnknown, UploadInvalid, MediaTypeUnknown,
    │                     AddressUnreadable, EndpointUnknown,
    │                     FleetInvalid ─ RayAddressInvalid, RayNotPrivate, SettingsFileUnfit
    ├── NotFound ─ ProjectNotFound, ModelNotFound, ModelVersionNotFound, DatasetNotFound, ArtifactNotFound,
    │              AuditNotFound, FindingNotFound, VerdictNotFound, PageNotFound, MemberNotFound, TokenNotFound,
    │              ReviewNotFound, SpotSwapNotFound, TrustRuleNotFound, PictureUnknown, ErasureNotFound, HoldNotFound
    ├── AlreadyExists ─ ProjectExists, DatasetDiffers, RequestIdReused, AuditExists, MemberExists, TrustRuleExists,
    │                   HoldExists
    ├── FailedPrecondition ─ ResourceInUse, ResourceHeld, ArtifactMissing, ExecutableNotAllowed, ModelRejected,
    │                        ArchitectureUnavailable, LabelUnknown, CanvasUnfit, GradientMissing, AuditNotEnded,
    │                        AuditNotSucceeded, AuditNotStoppable, ResultIncomplete, ResultErased, LastAdmin,
    │                        TokenShared, ReviewImpossible, ReviewFull, TrustRulesFull, RetentionPassed
    ├── Unauthenticated ─ TokenMissing, TokenInvalid, SessionMissing, SignInLinkUsed, ReviewLinkUsed, ReviewerUnknown,
    │                     IdentityTokenInvalid, IdentityNotTrusted, IdentityTokenUsed, SignInRefused
    ├── PermissionDenied ─ RoleInsufficient, FormForeign, HostUnknown
    ├── ResourceExhausted ─ ArtifactTooLarge, RequestTooLarge, DiskFull, TooManyCalls, TooManyQueued,
    │                        TooManyWatchers, ShareExceeded, TooManyPasses, ProjectFull
    ├── Aborted ─ UploadBusy;  DataLoss ─ DigestMismatch
    ├── OutOfRange ─ UploadTruncated, OffsetInvalid;  ArtifactCorrupt;  StoresMixed
    ├── BackupError ─ BackupUnderWay, BackupPlaceTaken, BackupUnknown, BackupDamaged, StoreNotEmpty
    ├── Unavailable ─ DependencyUnavailable ─ DatabaseFull, SchemaOutdated, ServerStopping, IssuerUnavailable,
    │               │                       ProviderUnavailable, EndpointsUnreadable
    │               └ FleetAway ─ RayAway, RayUnfit
    └── ModelServerError (never leaves the worker; its kinds are in `model_server`) ─
              ModelDied, ModelOutOfMemory, ModelHung, ModelServerDown, TaskFailed ─ ExecutableNotEnclosed,
              EndpointRefused

A message says what is wrong, what was expected, what came and what to do. It is safe to show to any caller.
"""

import re
from collections.abc import Mapping
from typing import Self


def _message_of(docstring: str) -> str:
    """Return a docstring as a message: these begin with a small letter and end without a full stop."""
    text = docstring.strip().removesuffix(".")
    return text[:1].lower() + text[1:]


class ModicumError(Exception):
    """Something went wrong."""

    def __init__(self, message: str = "", **metadata: str) -> None:
        """Take the message to show (the class's docstring if empty) and facts for programs, e.g. `digest=...`."""
        super().__init__(message or _message_of(self.__doc__ or ""))
        self.metadata: Mapping[str, str] = metadata

    @property
    def reason(self) -> str:
        """The class's name in upper case with underscores: what programs decide on."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).upper()


class InvalidArgument(ModicumError):
    """The request is not valid."""


class FieldInvalid(InvalidArgument):
    """A field has an invalid value. `also`: mistakes in other fields, where they were sought."""

    def __init__(self, field: str, rule: str) -> None:
        """Name the field by its path, and the rule with what came."""
        super().__init__(f"{field}: {rule}", field=field)
        self.field = field
        self.rule = rule
        self.also: tuple[FieldInvalid, ...] = ()


class PolicyInvalid(FieldInvalid):
    """The policy is not valid, or needs something that the result cannot have."""


class PageTokenInvalid(InvalidArgument):
    """The page token is not valid for this list. Start again without one."""


class FilterInvalid(InvalidArgument):
    """The filter cannot be read."""


class ManifestInvalid(InvalidArgument):
    """The manifest must be JSON Lines with `item` and `image` in every line."""


class ObjectsInvalid(InvalidArgument):
    """The boxes or the mask of an item do not fit its picture."""


class DatasetEmpty(InvalidArgument):
    """The data set has no items."""


class DatasetTooLarge(InvalidArgument):
    """The data set has more items than this server accepts."""


class AuditTooLarge(InvalidArgument):
    """The audit needs more shards than this server accepts. Audit a sample, or run fewer searches at once."""


class ArchitectureUnknown(InvalidArgument):
    """This server does not know the architecture."""


class UploadInvalid(InvalidArgument):
    """Send a header first, then the bytes from the offset that the server reported."""


class FormatUnknown(InvalidArgument):
    """This server does not write reports in this format."""


class MediaTypeUnknown(InvalidArgument):
    """This method does not accept a body of this media type."""


class NotFound(ModicumError):
    """Nothing has this name."""


class ProjectNotFound(NotFound):
    """This project does not exist, or the caller has no role in it."""


class ModelNotFound(NotFound):
    """There is no model with this name."""


class ModelVersionNotFound(NotFound):
    """There is no model version with this name."""


class DatasetNotFound(NotFound):
    """There is no data set with this name."""


class ArtifactNotFound(NotFound):
    """The project holds no artifact with this digest."""


class AuditNotFound(NotFound):
    """There is no audit with this name."""


class FindingNotFound(NotFound):
    """There is no finding with this name."""


class VerdictNotFound(NotFound):
    """There is no verdict with this name."""


class PageNotFound(NotFound):
    """There is no such page: begin at the overview."""


class SpotSwapNotFound(NotFound):
    """There is no swap of a spot with this name."""


class MemberNotFound(NotFound):
    """The principal has no role in this project."""


class TokenNotFound(NotFound):
    """There is no token with this id."""


class AlreadyExists(ModicumError):
    """Something else already has this name."""


class ProjectExists(AlreadyExists):
    """A project with this name already exists."""


class DatasetDiffers(AlreadyExists):
    """A data set with this name exists and has other content. Give the changed data set a new name."""


class AuditExists(AlreadyExists):
    """An audit with this name already exists."""


class MemberExists(AlreadyExists):
    """The principal has another role in this project."""


class RequestIdReused(AlreadyExists):
    """The request id was used for a different request. Use a new one."""


class FailedPrecondition(ModicumError):
    """The request is not possible in the current state."""


class ResourceInUse(FailedPrecondition):
    """Something still refers to it."""


class ArtifactMissing(FailedPrecondition):
    """The project does not hold an artifact that the request refers to. Upload it first."""


class ExecutableNotAllowed(FailedPrecondition):
    """This server accepts no programs (MODICUM_ALLOW_EXECUTABLES is false)."""


class ModelRejected(FailedPrecondition):
    """The model version was rejected."""


class LabelUnknown(FailedPrecondition):
    """A label of the data set does not name a class of the model."""


class CanvasUnfit(FailedPrecondition):
    """A model version does not accept images of the size of this canvas."""


class GradientMissing(FailedPrecondition):
    """The version has no useful gradient. Search with mask_optimization, which can do without one."""


class AuditNotEnded(FailedPrecondition):
    """The audit has not ended. Cancel it first."""


class AuditNotSucceeded(FailedPrecondition):
    """The audit has not succeeded, so it has no result."""


class AuditNotStoppable(FailedPrecondition):
    """The audit was created without `stopping`, so it ends only when all its images are done."""


class ResultIncomplete(FailedPrecondition):
    """The stored result lacks what the policy needs. Audit again."""


class LastAdmin(FailedPrecondition):
    """This is the project's only admin. Make another principal an admin first."""


class TokenShared(FailedPrecondition):
    """The token is also valid in other projects. Remove its principal from this project, or ask the operator."""


class Unauthenticated(ModicumError):
    """The request does not say who the caller is."""


class TokenMissing(Unauthenticated):
    """A bearer token is required: set MODICUM_TOKEN, or use the local server's token file."""


class TokenInvalid(Unauthenticated):
    """The bearer token is not known to this server, was revoked, or has expired."""


class SessionMissing(Unauthenticated):
    """This page needs a sign-in, or the earlier sign-in has ended."""


class SignInLinkUsed(Unauthenticated):
    """The sign-in link was used or is older than five minutes: sign in with a token."""


class PermissionDenied(ModicumError):
    """The caller is not allowed to do this."""


class RoleInsufficient(PermissionDenied):
    """The token's role in this project does not allow this."""


class FormForeign(PermissionDenied):
    """The form belongs to another session. Open the page again, and send the form from there."""


class HostUnknown(PermissionDenied):
    """The pages are not served under this name: add it to MODICUM_HTTP_HOSTS."""


class ResourceExhausted(ModicumError):
    """A limit is reached."""


class ArtifactTooLarge(ResourceExhausted):
    """The artifact is larger than this server accepts."""


class RequestTooLarge(ResourceExhausted):
    """The request is larger than this server accepts. Upload large data as artifacts."""


class DiskFull(ResourceExhausted):
    """The artifact store is full."""


class TooManyCalls(ResourceExhausted):
    """This server has reached its limit of calls at once. Try again in a moment."""


class TooManyWatchers(ResourceExhausted):
    """This server has reached its limit of open watches. Call GetAudit instead, or wait."""


class ShareExceeded(ResourceExhausted):
    """The principal or the project has reached its share of this server. Try again in a moment."""


class Aborted(ModicumError):
    """Another request is changing the same resource. Try again."""


class UploadBusy(Aborted):
    """Another upload of this artifact is running. Wait for it, then ask again which artifacts are missing."""


class OutOfRange(ModicumError):
    """A position is out of range."""


class UploadTruncated(OutOfRange):
    """The upload ended before the announced length. Resume it."""


class OffsetInvalid(OutOfRange):
    """The offset is past the end."""


class DataLoss(ModicumError):
    """The bytes differ from what the upload announced."""


class DigestMismatch(DataLoss):
    """The bytes do not have the announced SHA-256. Send them again from the start."""


class ArtifactCorrupt(ModicumError):
    """A stored file is damaged: its bytes do not match its SHA-256. The operator must put the right bytes back."""

    @classmethod
    def of(cls, digest: str, found_digest: str) -> Self:
        """Return the error of an artifact whose bytes have another digest."""
        found = f"the stored bytes of the artifact {digest} are damaged: their SHA-256 is {found_digest}"
        told = f"{found}. The server's operator must put the right bytes back"
        return cls(told, digest=digest, found_digest=found_digest)


class Unavailable(ModicumError):
    """The service is not available now. Try again."""


class DependencyUnavailable(Unavailable):
    """The database or the artifact store is not available now. Try again."""


class DatabaseFull(DependencyUnavailable):
    """The database is full. Waiting audits continue by themselves once its operator has freed some space."""


class SchemaOutdated(Unavailable):
    """The database has the schema of an earlier release. Its operator must run modicum-server migrate."""


class ServerStopping(Unavailable):
    """The server is stopping. Connect again."""


class ModelServerError(ModicumError):
    """The model server did not finish a task."""
