"""AuditService."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime

from google.protobuf.empty_pb2 import Empty
from modicum.v1 import audit_pb2, audit_service_pb2, finding_pb2

from modicum_server.codec.audits import audit_message, specification_value
from modicum_server.codec.enums import enum_value
from modicum_server.codec.findings import finding_message
from modicum_server.codec.verdicts import judgement_message
from modicum_server.domain.audits import Audit
from modicum_server.domain.projects import Principal
from modicum_server.errors import FieldInvalid
from modicum_server.transports.methods.enum_numbers import refuse_unknown_numbers
from modicum_server.usecases.audit_creation import AuditCreation, AuditOptions
from modicum_server.usecases.audits import Audits
from modicum_server.usecases.findings import Findings
from modicum_server.usecases.judging import AskedPolicy, Judging
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.reports import ReportFormat, Reports
from modicum_server.usecases.request_ids import CreateOptions
from modicum_server.usecases.specifications import FIELD, AuditDraft
from modicum_server.usecases.watching import Watched, Watching, remaining_seconds

PIECE_BYTES = 256 * 1024


class AuditMethods:
    """The methods of AuditService."""

    def __init__(
        self,
        *,
        audits: Audits,
        creation: AuditCreation,
        findings: Findings,
        watching: Watching,
        reports: Reports,
        judging: Judging,
    ) -> None:
        self._audits = audits
        self._creation = creation
        self._findings = findings
        self._watching = watching
        self._reports = reports
        self._judging = judging

    async def get_audit(self, principal: Principal, request: audit_service_pb2.GetAuditRequest) -> audit_pb2.Audit:
        """GetAudit."""
        return _watched_message(await self._watching.now(principal, request.name))

    async def list_audits(
        self, principal: Principal, request: audit_service_pb2.ListAuditsRequest
    ) -> audit_service_pb2.ListAuditsResponse:
        """ListAudits."""
        asked = PageRequest(request.page_size, request.page_token)
        page = await self._audits.page(principal, request.parent, request.filter, asked)
        audits = [_message(audit) for audit in page.rows]
        return audit_service_pb2.ListAuditsResponse(audits=audits, next_page_token=page.next_token)

    async def create_audit(
        self, principal: Principal, request: audit_service_pb2.CreateAuditRequest
    ) -> audit_pb2.Audit:
        """CreateAudit."""
        options = AuditOptions(
            request_id=request.request_id,
            validate_only=request.validate_only,
            audit_id=request.audit_id,
            no_reuse=request.no_reuse,
        )
        return _message(await self._creation.create(principal, request.parent, _draft(request), options))

    async def delete_audit(self, principal: Principal, request: audit_service_pb2.DeleteAuditRequest) -> Empty:
        """DeleteAudit."""
        await self._audits.delete(principal, request.name)
        return Empty()

    async def cancel_audit(
        self, principal: Principal, request: audit_service_pb2.CancelAuditRequest
    ) -> audit_pb2.Audit:
        """CancelAudit."""
        return _message(await self._audits.cancel(principal, request.name))

    async def stop_audit(self, principal: Principal, request: audit_service_pb2.StopAuditRequest) -> audit_pb2.Audit:
        """StopAudit."""
        stopped = await self._audits.stop(principal, request.name, request.why, without_scores=request.without_scores)
        return _message(stopped)

    async def watch_audit(
        self, principal: Principal, request: audit_service_pb2.WatchAuditRequest
    ) -> AsyncIterator[audit_service_pb2.WatchAuditResponse]:
        """WatchAudit."""
        async with aclosing(self._watching.watch(principal, request.name, request.after_sequence)) as snapshots:
            async for watched in snapshots:
                yield audit_service_pb2.WatchAuditResponse(audit=_watched_message(watched))

    async def get_audit_report(
        self, principal: Principal, request: audit_service_pb2.GetAuditReportRequest
    ) -> AsyncIterator[audit_service_pb2.GetAuditReportResponse]:
        """GetAuditReport; an unset format is JSON."""
        number = request.format or audit_service_pb2.REPORT_FORMAT_JSON
        form = enum_value(audit_service_pb2.ReportFormat, "REPORT_FORMAT", number, ReportFormat)
        report = await self._reports.render(principal, request.name, form)
        media_type = report.media_type
        async with aclosing(report.pieces) as pieces:
            async for piece in pieces:
                for start in range(0, len(piece), PIECE_BYTES):
                    data = piece[start : start + PIECE_BYTES]
                    yield audit_service_pb2.GetAuditReportResponse(media_type=media_type, data=data)
                    media_type = ""

    async def judge_audit(
        self, principal: Principal, request: audit_service_pb2.JudgeAuditRequest
    ) -> audit_pb2.Judgement:
        """JudgeAudit."""
        asked = AskedPolicy(request.policy, request.policy_file, request.baseline, request.model_version)
        options = CreateOptions(request_id=request.request_id, validate_only=request.validate_only)
        return judgement_message(await self._judging.judge(principal, request.name, asked, options))

    async def get_finding(
        self, principal: Principal, request: audit_service_pb2.GetFindingRequest
    ) -> finding_pb2.Finding:
        """GetFinding."""
        named = await self._findings.get(principal, request.name)
        return finding_message(named.finding, named.name)

    async def list_findings(
        self, principal: Principal, request: audit_service_pb2.ListFindingsRequest
    ) -> audit_service_pb2.ListFindingsResponse:
        """ListFindings."""
        page = await self._findings.page(principal, request.parent, PageRequest(request.page_size, request.page_token))
        findings = [finding_message(named.finding, named.name) for named in page.rows]
        return audit_service_pb2.ListFindingsResponse(findings=findings, next_page_token=page.next_token)


def _watched_message(watched: Watched) -> audit_pb2.Audit:
    left, waiting = remaining_seconds(watched.audit, datetime.now(UTC)), watched.waiting
    return audit_message(
        watched.audit,
        left,
        waiting.audits_ahead,
        waits_for_worker=waiting.for_worker,
        waiting_reason=waiting.reason,
    )


def _message(audit: Audit) -> audit_pb2.Audit:
    return audit_message(audit, remaining_seconds(audit, datetime.now(UTC)))


def _draft(request: audit_service_pb2.CreateAuditRequest) -> AuditDraft:
    asked = request.audit.specification
    refuse_unknown_numbers(FIELD, asked)
    for place, plan in enumerate(asked.controls):
        if not plan.control:
            raise FieldInvalid(f"{FIELD}.controls[{place}].control", "the entry names no control")
    return AuditDraft(specification_value(asked), no_controls=asked.no_controls)
