"""What the use cases and the worker need from outside, as protocols: a store, an artifact store, wake-ups, reports.

Use cases see these and the values of `domain`. Adapters implement them, and `bootstrap` binds them. Each module here is
one part of the border; all names can be imported from the package.

A `Transaction` is one database transaction: all that it did exists when it has ended without an error, otherwise
nothing. Lists are read by key: `after` is the key of the last row seen ("" at the start), `limit` the most rows wanted,
and each row comes with its key.
"""

from modicum_server.ports.access import Access, Projects, RememberedRequest, Requests, Sessions
from modicum_server.ports.artifacts import (
    ArtifactSource,
    ArtifactStore,
    KeptArtifacts,
    KeptUse,
    ObjectsCheck,
    Upload,
)
from modicum_server.ports.audits import AuditFilter, Audits, Findings, Predictions, Shards, Spots
from modicum_server.ports.backups import BackupFolder, DatabaseCopies, DatabaseSnapshot
from modicum_server.ports.catalogue import Artifacts, Datasets, Models
from modicum_server.ports.collections import Collections
from modicum_server.ports.endpoints import EndpointEntries, EndpointsUnreadable, EndpointUnknown
from modicum_server.ports.erasures import (
    ErasureNotFound,
    Erasures,
    ErasureWork,
    NewResult,
    PictureUnknown,
    ResultErased,
)
from modicum_server.ports.holds import HoldExists, HoldNotFound, Holds, ResourceHeld
from modicum_server.ports.identity import Identity
from modicum_server.ports.lists import Keyed
from modicum_server.ports.needs import Needs
from modicum_server.ports.notices import Changes, Wakeups, Watch
from modicum_server.ports.overviews import Gauges, Overviews
from modicum_server.ports.reports import CanvasWriter, JsonWriter, ReportRenderer
from modicum_server.ports.retention import RetentionPassed, Retentions
from modicum_server.ports.reviews import Reviews
from modicum_server.ports.sign_in import ProviderUnavailable, SignInProvider, SignInRefused
from modicum_server.ports.spot_swaps import SpotSwaps
from modicum_server.ports.store import Store, Transaction
from modicum_server.ports.traces import NO_SPAN, NO_TRACES, Facts, Span, SpanKind, Traces, spanned
from modicum_server.ports.trail import Link, Trail, TrailFilter, Unsealed
from modicum_server.ports.trust import IdentityTokens, Trust
from modicum_server.ports.trust_errors import (
    IdentityNotTrusted,
    IdentityTokenInvalid,
    IdentityTokenUsed,
    IssuerUnavailable,
    TrustRuleExists,
    TrustRuleNotFound,
    TrustRulesFull,
)
from modicum_server.ports.uploads import FORGOTTEN_SECONDS, Unfinished, UnfinishedUploads
from modicum_server.ports.verdicts import VerdictFilter, Verdicts
from modicum_server.ports.workers import ArchitectureUnavailable, Workers

__all__ = [
    "FORGOTTEN_SECONDS",
    "NO_SPAN",
    "NO_TRACES",
    "Access",
    "ArchitectureUnavailable",
    "ArtifactSource",
    "ArtifactStore",
    "Artifacts",
    "AuditFilter",
    "Audits",
    "BackupFolder",
    "CanvasWriter",
    "Changes",
    "Collections",
    "DatabaseCopies",
    "DatabaseSnapshot",
    "Datasets",
    "EndpointEntries",
    "EndpointUnknown",
    "EndpointsUnreadable",
    "ErasureNotFound",
    "ErasureWork",
    "Erasures",
    "Facts",
    "Findings",
    "Gauges",
    "HoldExists",
    "HoldNotFound",
    "Holds",
    "Identity",
    "IdentityNotTrusted",
    "IdentityTokenInvalid",
    "IdentityTokenUsed",
    "IdentityTokens",
    "IssuerUnavailable",
    "JsonWriter",
    "KeptArtifacts",
    "KeptUse",
    "Keyed",
    "Link",
    "Models",
    "Needs",
    "NewResult",
    "ObjectsCheck",
    "Overviews",
    "PictureUnknown",
    "Predictions",
    "Projects",
    "ProviderUnavailable",
    "RememberedRequest",
    "ReportRenderer",
    "Requests",
    "ResourceHeld",
    "ResultErased",
    "RetentionPassed",
    "Retentions",
    "Reviews",
    "Sessions",
    "Shards",
    "SignInProvider",
    "SignInRefused",
    "Span",
    "SpanKind",
    "SpotSwaps",
    "Spots",
    "Store",
    "Traces",
    "Trail",
    "TrailFilter",
    "Transaction",
    "Trust",
    "TrustRuleExists",
    "TrustRuleNotFound",
    "TrustRulesFull",
    "Unfinished",
    "UnfinishedUploads",
    "Unsealed",
    "Upload",
    "VerdictFilter",
    "Verdicts",
    "Wakeups",
    "Watch",
    "Workers",
    "spanned",
]
