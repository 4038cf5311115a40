"""The state of an audit at one moment. A watch yields one snapshot after the other."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from modicum.notebooks.audits import snapshot_card
from modicum.searches import AuditSpecification, specification_value
from modicum.timestamps import optional_time, time_value
from modicum.v1 import audit_pb2


class AuditState(StrEnum):
    """The state of an audit."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def terminal(self) -> bool:
        """Whether the audit has ended."""
        return self in {AuditState.SUCCEEDED, AuditState.FAILED, AuditState.CANCELLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOutcome:
    """What the result of an audit says of the version with the worst outcome, in short.

    Attributes:
        model_version: full name of that version.
        outcome: the worst outcome of the controls that decide, e.g. DECISIVE; empty if none of them ran.
        headline: what was found, as the beginning of a sentence without its figures.
        spots: outcome of the spot test of the version; empty if no place could be tested.
        mitigation: outcome of the first check of an ensemble; empty if none was made.
    """

    model_version: str
    outcome: str
    headline: str
    spots: str = ""
    mitigation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSnapshot:
    """An audit at one moment. Later snapshots have a greater `sequence`.

    `stage` is SEARCH, SCORE or SUMMARISE while the audit runs, else empty. `images_*` count findings: items times
    versions times searches. `passes_planned` is the most that the audit can cost. `remaining_seconds` and
    `mean_subset_fraction` are None while they are unknown. While the audit is queued, `audits_ahead` counts the older
    audits of the project that have not ended; else it is None. `waits_for_worker`: it runs, and no worker works on it.
    `waiting_reason` says why its work waits, if something is unavailable or full, such as the artifact store; else it
    is empty. Lists have none of these. `failure_reason` is empty unless the audit failed. `reused_from` names the audit
    whose stored result was reused; else it is empty. `erased` counts pictures that were erased after it ended.
    `outcome` is what the result says, in short; None until the audit succeeds, and where a server of an earlier release
    wrote the result. `findings_delete_time` and `report_delete_time` say when the retention of the project deleted the
    findings and the result; None while they are kept.
    """

    name: str
    specification: AuditSpecification
    state: AuditState
    stage: str
    sequence: int
    images_done: int
    images_total: int
    images_failed: int
    passes_done: int
    passes_planned: int
    remaining_seconds: float | None
    mean_subset_fraction: float | None
    audits_ahead: int | None = None
    waits_for_worker: bool = False
    waiting_reason: str = ""
    failure_reason: str
    failure_detail: str
    result_digest: str
    reused_from: str
    item_count: int
    create_time: datetime
    start_time: datetime | None
    end_time: datetime | None
    erased: int = 0
    principal: str = ""
    outcome: AuditOutcome | None = None
    findings_delete_time: datetime | None = None
    report_delete_time: datetime | None = None

    def _repr_html_(self) -> str:
        return snapshot_card(self)


def snapshot_of(message: audit_pb2.Audit) -> AuditSnapshot:
    """The snapshot in a message."""
    stage = audit_pb2.Audit.Stage.Name(message.stage).removeprefix("STAGE_")
    progress = message.progress
    return AuditSnapshot(
        name=message.name,
        specification=specification_value(message.specification),
        state=_state(message),
        stage="" if stage == "UNSPECIFIED" else stage,
        sequence=message.sequence,
        images_done=progress.images_done,
        images_total=progress.images_total,
        images_failed=progress.images_failed,
        passes_done=progress.passes_done,
        passes_planned=progress.passes_planned,
        remaining_seconds=progress.remaining_seconds if progress.HasField("remaining_seconds") else None,
        mean_subset_fraction=progress.mean_subset_fraction if progress.HasField("mean_subset_fraction") else None,
        audits_ahead=progress.audits_ahead if progress.HasField("audits_ahead") else None,
        waits_for_worker=progress.waits_for_worker,
        waiting_reason=progress.waiting_reason,
        failure_reason=message.failure.reason,
        failure_detail=message.failure.detail,
        result_digest=message.result_digest,
        reused_from=message.reused_from,
        item_count=message.item_count,
        create_time=time_value(message.create_time),
        start_time=optional_time(message.start_time, present=message.HasField("start_time")),
        end_time=optional_time(message.end_time, present=message.HasField("end_time")),
        erased=message.erased,
        principal=message.principal,
        outcome=_outcome(message.outcome) if message.HasField("outcome") else None,
        findings_delete_time=optional_time(
            message.findings_delete_time, present=message.HasField("findings_delete_time")
        ),
        report_delete_time=optional_time(message.report_delete_time, present=message.HasField("report_delete_time")),
    )


def _outcome(message: audit_pb2.AuditOutcome) -> AuditOutcome:
    return AuditOutcome(
        model_version=message.model_version,
        outcome=message.outcome,
        headline=message.headline,
        spots=message.spots,
        mitigation=message.mitigation,
    )


def _state(message: audit_pb2.Audit) -> AuditState:
    """The state in a message. An audit that was only validated has none: QUEUED."""
    name = audit_pb2.Audit.State.Name(message.state).removeprefix("STATE_")
    return AuditState.QUEUED if name == "UNSPECIFIED" else AuditState(name)
