"""How a shard is to end, and how it ended: what `plan` and `run` decide, `settle` does."""

from dataclasses import dataclass
from enum import StrEnum

from modicum_server.domain.audits import AuditFailure
from modicum_server.domain.findings import FindingReason
from modicum_server.domain.models import ModelCheck
from modicum_server.domain.spot_swaps import SwapScore


@dataclass(frozen=True, slots=True)
class EndShard:
    """The shard's work is done. The last shard of a stage opens the next stage."""


@dataclass(frozen=True, slots=True)
class DropShard:
    """Nobody needs the shard any more. Nothing follows."""


@dataclass(frozen=True, slots=True)
class HandBack:
    """Another attempt is to take the shard, after a delay.

    `away_seconds` is how long it has waited for something that is away; None if it does not wait. `away_reason` says
    for what, in words for people; of a check that does not wait, why the last try failed.
    """

    failed_tries: int
    delay_seconds: float
    away_seconds: float | None = None
    away_reason: str = ""


@dataclass(frozen=True, slots=True)
class IsolateImage:
    """The model fails on one of the shard's images: halve the shard, or record the failure of its only image."""

    reason: FindingReason


@dataclass(frozen=True, slots=True)
class FailAudit:
    """The audit, or the swap of a spot, cannot be done."""

    failure: AuditFailure


@dataclass(frozen=True, slots=True)
class AcceptVersion:
    """The version can be audited."""

    check: ModelCheck


@dataclass(frozen=True, slots=True)
class RejectVersion:
    """The version cannot be audited."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class EndSwap:
    """A version has scored all pictures of a swap."""

    scores: tuple[SwapScore, ...]


Ending = EndShard | DropShard | HandBack | IsolateImage | FailAudit | AcceptVersion | RejectVersion | EndSwap


class Outcome(StrEnum):
    """How the work on a claim ended."""

    DONE = "done"
    LOST = "lost"
    CANCELLED = "cancelled"
    HANDED_BACK = "handed_back"
    SPLIT = "split"
    REJECTED = "rejected"
    FAILED = "failed"
