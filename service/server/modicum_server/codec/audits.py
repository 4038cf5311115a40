"""Audits and their specifications."""

from dataclasses import asdict, replace

from modicum.stopping import stopping_message, stopping_value
from modicum.v1 import audit_pb2

from modicum_server.codec.records import message_of
from modicum_server.codec.searches import (
    canvas_message,
    canvas_value,
    control_plan_message,
    control_plan_value,
    search_message,
    search_value,
)
from modicum_server.codec.timestamps import time_message
from modicum_server.domain.audits import Audit, AuditProgress, AuditSpecification
from modicum_server.domain.controls import EXTRA
from modicum_server.domain.searches import Canvas
from modicum_server.domain.statistics import DEFAULTS, Statistics

NO_CANVAS = Canvas(channels=0, height=0, width=0)


def specification_message(value: AuditSpecification) -> audit_pb2.AuditSpecification:
    """Specification. One without controls says so."""
    return audit_pb2.AuditSpecification(
        model_versions=value.model_versions,
        dataset=value.dataset,
        canvas=canvas_message(value.canvas),
        searches=[search_message(search) for search in value.searches],
        controls=[control_plan_message(plan) for plan in value.controls],
        seed=value.seed,
        sample=value.sample,
        device=value.device,
        no_controls=all(plan.control in EXTRA for plan in value.controls),
        out_of_distribution_dataset=value.out_of_distribution_dataset,
        statistics=statistics_message(value.statistics),
        counterfactual_dataset=value.counterfactual_dataset,
        stopping=None if value.stopping is None else stopping_message(value.stopping),
    )


def specification_value(message: audit_pb2.AuditSpecification) -> AuditSpecification:
    """Specification as it came: NO_CANVAS if it has none. Unknown controls are left out."""
    plans = (control_plan_value(plan) for plan in message.controls)
    return AuditSpecification(
        model_versions=tuple(message.model_versions),
        dataset=message.dataset,
        canvas=canvas_value(message.canvas) if message.HasField("canvas") else NO_CANVAS,
        searches=tuple(search_value(search) for search in message.searches),
        controls=tuple(plan for plan in plans if plan is not None),
        seed=message.seed,
        sample=message.sample,
        device=message.device,
        out_of_distribution_dataset=message.out_of_distribution_dataset,
        statistics=statistics_value(message.statistics),
        counterfactual_dataset=message.counterfactual_dataset,
        stopping=stopping_value(message.stopping) if message.HasField("stopping") else None,
    )


def statistics_message(value: Statistics) -> audit_pb2.Statistics:
    """Statistics, all of them."""
    return audit_pb2.Statistics(**asdict(value))


def statistics_value(message: audit_pb2.Statistics) -> Statistics:
    """Statistics. A missing number has its default."""
    return replace(DEFAULTS, **{field.name: value for field, value in message.ListFields()})


def progress_message(
    value: AuditProgress,
    remaining_seconds: float | None = None,
    audits_ahead: int | None = None,
    *,
    waits_for_worker: bool = False,
    waiting_reason: str = "",
) -> audit_pb2.AuditProgress:
    """Progress, with an estimate of the remaining time if there is one, and what the audit waits for."""
    return audit_pb2.AuditProgress(
        images_done=value.images_done,
        images_total=value.images_total,
        passes_done=value.passes_done,
        passes_planned=value.passes_planned,
        mean_subset_fraction=value.mean_subset_fraction,
        images_failed=value.images_failed,
        remaining_seconds=remaining_seconds,
        audits_ahead=audits_ahead,
        waits_for_worker=waits_for_worker,
        waiting_reason=waiting_reason,
    )


def audit_message(
    value: Audit,
    remaining_seconds: float | None = None,
    audits_ahead: int | None = None,
    *,
    waits_for_worker: bool = False,
    waiting_reason: str = "",
) -> audit_pb2.Audit:
    """Audit as it stands."""
    failure = value.failure
    stage = "STAGE_UNSPECIFIED" if value.stage is None else f"STAGE_{value.stage.name}"
    return audit_pb2.Audit(
        name=value.name,
        specification=specification_message(value.specification),
        state=audit_pb2.Audit.State.Value(f"STATE_{value.state.name}"),
        stage=audit_pb2.Audit.Stage.Value(stage),
        progress=progress_message(
            value.progress,
            remaining_seconds,
            audits_ahead,
            waits_for_worker=waits_for_worker,
            waiting_reason=waiting_reason,
        ),
        failure=None if failure is None else audit_pb2.AuditFailure(reason=failure.reason, detail=failure.detail),
        result_digest=value.result_digest,
        sequence=value.sequence,
        reused_from=value.reused_from,
        principal=value.principal,
        create_time=time_message(value.create_time),
        start_time=time_message(value.start_time),
        end_time=time_message(value.end_time),
        item_count=value.item_count,
        erased=value.erased,
        outcome=None if value.outcome is None else message_of(value.outcome, audit_pb2.AuditOutcome),
        findings_delete_time=time_message(value.findings_delete_time),
        report_delete_time=time_message(value.report_delete_time),
    )
