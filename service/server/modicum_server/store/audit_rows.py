"""An audit as a row, and back."""

from typing import Any

from sqlalchemy import Row, func, literal, select
from sqlalchemy.sql.functions import coalesce

from modicum_server.domain.audits import Audit, AuditFailure, AuditOutcome, AuditProgress, AuditState, Stage
from modicum_server.domain.documents import OUTCOME, SPECIFICATION, Document, document_of, value_of
from modicum_server.store import tables
from modicum_server.store.projects import project_of

_AUDITS = tables.audits.c
_RUNNING_PASSES = (
    select(coalesce(func.sum(tables.shards.c.passes_done), 0))
    .where(tables.shards.c.audit == _AUDITS.name, tables.shards.c.lease_until.is_not(None))
    .correlate(tables.audits)
    .scalar_subquery()
)

#: Every audit, with the pass-equivalents that its shards have spent until now.
AUDIT = select(
    tables.audits,
    func.greatest(_AUDITS.passes_done + _RUNNING_PASSES, _AUDITS.passes_told).label("passes_spent"),
)


def audit_columns(audit: Audit) -> dict[str, Any]:
    """Return the columns of a new audit; its times are the database's, set where the value has one."""
    specification, progress = audit.specification, audit.progress
    return {
        "name": audit.name,
        "project": project_of(audit.name),
        "specification": document_of(SPECIFICATION, specification),
        "dataset": specification.dataset,
        "model_versions": list(specification.model_versions),
        "answer_key": audit.reuse_key,  # the column's name is of release 0.1.0
        "item_count": audit.item_count,
        "state": audit.state.value,
        "stage": audit.stage.value if audit.stage else None,
        "sequence": max(audit.sequence, 1),
        "principal": audit.principal,
        "start_time": func.now() if audit.start_time else None,
        "end_time": func.now() if audit.end_time or audit.state.terminal else None,
        "images_done": progress.images_done,
        "images_total": progress.images_total,
        "images_failed": progress.images_failed,
        "passes_done": progress.passes_done,
        "passes_planned": progress.passes_planned,
        # a new audit that reuses a result knows its mean alone: it is kept as that of one subset
        "subset_count": 0 if progress.mean_subset_fraction is None else 1,
        "subset_fraction_sum": progress.mean_subset_fraction or 0.0,
        "failure_reason": audit.failure.reason if audit.failure else None,
        "failure_detail": audit.failure.detail if audit.failure else None,
        "result_digest": audit.result_digest,
        "artifact_digests": _artifacts_of(audit),
        "reused_from": audit.reused_from,
        "erased": audit.erased,
        "outcome": outcome_column(audit.outcome),
    }


def outcome_column(outcome: AuditOutcome | None) -> Document | None:
    """Return what a result says as the value of its column."""
    return None if outcome is None else document_of(OUTCOME, outcome)


def _artifacts_of(audit: Audit) -> Any:
    """An audit that reuses the stored result of another refers to the same artifacts."""
    if not audit.reused_from:
        return [audit.result_digest] if audit.result_digest else []
    origin = tables.audits.alias("origin").c
    digests = select(origin.artifact_digests).where(origin.name == audit.reused_from).scalar_subquery()
    return coalesce(digests, literal([audit.result_digest], _AUDITS.artifact_digests.type))


def audit_of(row: Row[Any]) -> Audit:
    """Return the audit of a row of `AUDIT`."""
    return Audit(
        name=row.name,
        specification=value_of(SPECIFICATION, row.specification),
        reuse_key=row.answer_key,
        item_count=row.item_count,
        state=AuditState(row.state),
        sequence=row.sequence,
        principal=row.principal,
        create_time=row.create_time,
        stage=Stage(row.stage) if row.stage else None,
        progress=AuditProgress(
            images_done=row.images_done,
            images_total=row.images_total,
            images_failed=row.images_failed,
            passes_done=int(row.passes_spent),
            passes_planned=row.passes_planned,
            mean_subset_fraction=row.subset_fraction_sum / row.subset_count if row.subset_count else None,
        ),
        failure=AuditFailure(row.failure_reason, row.failure_detail or "") if row.failure_reason else None,
        result_digest=row.result_digest,
        reused_from=row.reused_from,
        start_time=row.start_time,
        end_time=row.end_time,
        erased=row.erased,
        outcome=value_of(OUTCOME, row.outcome) if row.outcome else None,
        findings_delete_time=row.findings_delete_time,
        report_delete_time=row.report_delete_time,
    )
