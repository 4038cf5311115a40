"""Every public name of the package. `modicum` imports this module when one of the names is first used."""

from modicum.artifacts import Artifact
from modicum.audit import AsyncAudit
from modicum.client import AsyncClient, Audit, Client
from modicum.comparisons import CheckedVersion, Comparison, Mitigation, Transfer
from modicum.counterfactuals import CounterfactualClass, CounterfactualPrediction, CounterfactualTest
from modicum.datasets import Dataset, DatasetItem
from modicum.erasures import ErasedItem, ErasedOutcome, ErasedResult, Erasure, ErasureState
from modicum.errors import (
    AliasMoved,
    AlreadyExists,
    AuditCancelled,
    AuditFailed,
    AuditNotCompleted,
    DataLoss,
    DataRefused,
    DeadlineExceeded,
    FailedPrecondition,
    HubError,
    InsecureAddress,
    InvalidArgument,
    InvalidSource,
    LocalServerError,
    ModelFolderRefused,
    ModelRejected,
    ModicumError,
    NotFound,
    NotServed,
    OutOfRange,
    OutputNotWritten,
    PermissionDenied,
    PolicyError,
    RegistryError,
    ResourceExhausted,
    ServerDidNotStart,
    ServerNotInstalled,
    ServiceError,
    SourceChanged,
    Unauthenticated,
    Unreachable,
    VersionChanged,
)
from modicum.findings import Finding, Subset
from modicum.gate.fills import Fill
from modicum.gate.stopping import ShareLimit, Stopping
from modicum.holds import Hold
from modicum.masked_sets import MaskedSet
from modicum.measures import Measure
from modicum.members import Member, NewToken, Role, Token
from modicum.notebooks.progress import ProgressBar
from modicum.results import ModelResult, Result, SearchResult
from modicum.retention import Retention
from modicum.reviews import Invitation, PictureKind, PictureShare, Review, Reviewer, ReviewOutcome
from modicum.searches import Canvas, Control, ControlPlan, Search, SearchMethod, TargetRule
from modicum.snapshots import AuditOutcome, AuditSnapshot, AuditState
from modicum.sources.inputs import InputSpecification
from modicum.statistics import Statistics
from modicum.trail import TrailEntry, TrailOutcome
from modicum.transfers import TransferProgress
from modicum.trust import TrustRule
from modicum.verdicts import JudgedCheck, JudgedRule, Verdict
from modicum.version import VERSION as __version__  # noqa: N811  # the name that Python users expect
from modicum.versions import Combine, Model, ModelVerdict, ModelVersion, VersionState

__all__ = [
    "AliasMoved",
    "AlreadyExists",
    "Artifact",
    "AsyncAudit",
    "AsyncClient",
    "Audit",
    "AuditCancelled",
    "AuditFailed",
    "AuditNotCompleted",
    "AuditOutcome",
    "AuditSnapshot",
    "AuditState",
    "Canvas",
    "CheckedVersion",
    "Client",
    "Combine",
    "Comparison",
    "Control",
    "ControlPlan",
    "CounterfactualClass",
    "CounterfactualPrediction",
    "CounterfactualTest",
    "DataLoss",
    "DataRefused",
    "Dataset",
    "DatasetItem",
    "DeadlineExceeded",
    "ErasedItem",
    "ErasedOutcome",
    "ErasedResult",
    "Erasure",
    "ErasureState",
    "FailedPrecondition",
    "Fill",
    "Finding",
    "Hold",
    "HubError",
    "InputSpecification",
    "InsecureAddress",
    "InvalidArgument",
    "InvalidSource",
    "Invitation",
    "JudgedCheck",
    "JudgedRule",
    "LocalServerError",
    "MaskedSet",
    "Measure",
    "Member",
    "Mitigation",
    "Model",
    "ModelFolderRefused",
    "ModelRejected",
    "ModelResult",
    "ModelVerdict",
    "ModelVersion",
    "ModicumError",
    "NewToken",
    "NotFound",
    "NotServed",
    "OutOfRange",
    "OutputNotWritten",
    "PermissionDenied",
    "PictureKind",
    "PictureShare",
    "PolicyError",
    "ProgressBar",
    "RegistryError",
    "ResourceExhausted",
    "Result",
    "Retention",
    "Review",
    "ReviewOutcome",
    "Reviewer",
    "Role",
    "Search",
    "SearchMethod",
    "SearchResult",
    "ServerDidNotStart",
    "ServerNotInstalled",
    "ServiceError",
    "ShareLimit",
    "SourceChanged",
    "Statistics",
    "Stopping",
    "Subset",
    "TargetRule",
    "Token",
    "TrailEntry",
    "TrailOutcome",
    "Transfer",
    "TransferProgress",
    "TrustRule",
    "Unauthenticated",
    "Unreachable",
    "Verdict",
    "VersionChanged",
    "VersionState",
    "__version__",
]
