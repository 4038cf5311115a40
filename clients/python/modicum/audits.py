"""Audits: create, watch, wait, fetch what came of them."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Literal

import grpc
import grpc.aio

from modicum.connection import Connection, new_request_id
from modicum.datasets import Dataset
from modicum.errors import AuditCancelled, AuditFailed, DeadlineExceeded, InvalidArgument, ServiceError
from modicum.grpc_errors import error_of
from modicum.naming import last_part, resource_name
from modicum.results import Result, document_of, result_of
from modicum.retrying import BROKEN_STREAM, STREAMS
from modicum.searches import (
    AuditSpecification,
    Canvas,
    Control,
    ControlPlan,
    Fill,
    Search,
    SearchMethod,
    control_plan,
    fill_of,
    search_method,
    specification_message,
)
from modicum.snapshots import AuditSnapshot, AuditState, snapshot_of
from modicum.transfers import download
from modicum.v1 import audit_pb2, audit_service_pb2
from modicum.versions import ModelVersion

#: A watch is opened anew this often, so that one whose network died silently goes on.
WATCH_SECONDS = 120.0
REPORT_SECONDS = 600.0

ReportForm = Literal["json", "html"]


class AsyncAudit:
    """One audit. `snapshot` is how it stood when this client last heard of it."""

    def __init__(self, connection: Connection, snapshot: AuditSnapshot) -> None:
        self._connection = connection
        self.snapshot = snapshot

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {self.state}>"

    @property
    def name(self) -> str:
        """Its resource name; empty for a dry run."""
        return self.snapshot.name

    @property
    def state(self) -> AuditState:
        """Where it stood when this client last heard of it."""
        return self.snapshot.state

    async def refresh(self) -> AuditSnapshot:
        """How it stands now."""
        request = audit_service_pb2.GetAuditRequest(name=self.name)
        return self._note(await self._connection.call(self._connection.audits.GetAudit, request))

    async def watch(self) -> AsyncIterator[AuditSnapshot]:
        """Snapshots as it goes, from the present one to the last; goes on over broken streams and restarts of the server.

        Raises:
            ModicumError: what the server answered, or that it stayed away for about a minute.
        """
        sequence, attempt = 0, 0
        while True:
            request = audit_service_pb2.WatchAuditRequest(name=self.name, after_sequence=sequence)
            stub, metadata = self._connection.audits, self._connection.metadata
            try:
                async for answer in stub.WatchAudit(request, timeout=WATCH_SECONDS, metadata=metadata):
                    attempt = 0
                    if answer.audit.sequence <= sequence:
                        continue
                    sequence = answer.audit.sequence
                    yield self._note(answer.audit)
                if self.state.terminal:
                    return
            except grpc.aio.AioRpcError as failure:
                if failure.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                    continue
                if failure.code() not in BROKEN_STREAM or attempt >= STREAMS.attempts:
                    raise error_of(failure, address=self._connection.endpoint.target) from failure
            attempt += 1
            await asyncio.sleep(STREAMS.seconds(attempt))

    async def wait(self, timeout_seconds: float | None = None) -> AuditSnapshot:
        """The last snapshot, once it succeeded.

        Raises:
            AuditFailed: it failed; `reason` says why.
            AuditCancelled: it was cancelled.
            DeadlineExceeded: it has not ended after `timeout_seconds`; it goes on.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                async for _ in self.watch():
                    pass
        except TimeoutError as error:
            raise DeadlineExceeded(f"{self.name} has not ended after {timeout_seconds:.0f} s; it goes on") from error
        return _succeeded(self.snapshot)

    async def cancel(self) -> AuditSnapshot:
        """Cancel it; one that has ended stays as it is."""
        request = audit_service_pb2.CancelAuditRequest(name=self.name)
        return self._note(await self._connection.call(self._connection.audits.CancelAudit, request))

    async def result(self) -> Result:
        """The result document and the findings; waits for the end first.

        Raises:
            AuditFailed: it failed; `reason` says why.
            AuditCancelled: it was cancelled.
        """
        snapshot = await self.wait()
        document = document_of(await download(self._connection, snapshot.result_digest))
        findings = await download(self._connection, document["findings"]["digest"])
        return await asyncio.to_thread(result_of, document, findings)

    async def report(self, form: ReportForm = "html") -> bytes:
        """A rendered report: `html` is one self-contained page, `json` the result document with its findings.

        Raises:
            FailedPrecondition: it has not succeeded (AUDIT_NOT_SUCCEEDED).
        """
        formats = {"json": audit_service_pb2.REPORT_FORMAT_JSON, "html": audit_service_pb2.REPORT_FORMAT_HTML}
        if form not in formats:
            raise InvalidArgument(f"a report is one of {', '.join(formats)}, not {form!r}")
        request = audit_service_pb2.GetAuditReportRequest(name=self.name, format=formats[form])
        attempt = 0
        while True:
            attempt += 1
            call = self._connection.audits.GetAuditReport(
                request, timeout=REPORT_SECONDS, metadata=self._connection.metadata
            )
            try:
                return b"".join([piece.data async for piece in call])
            except grpc.aio.AioRpcError as failure:
                if failure.code() is not grpc.StatusCode.UNAVAILABLE or attempt >= STREAMS.attempts:
                    raise error_of(failure, address=self._connection.endpoint.target) from failure
            await asyncio.sleep(STREAMS.seconds(attempt))

    def _note(self, message: audit_pb2.Audit) -> AuditSnapshot:
        self.snapshot = snapshot_of(message)
        return self.snapshot


class AsyncAudits:
    """Audits of a project."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def create(
        self,
        *,
        models: Sequence[ModelVersion | str],
        dataset: Dataset | str,
        thresholds: Sequence[float],
        method: SearchMethod | str = SearchMethod.MASK_OPTIMIZATION,
        passes: int = 0,
        pixels_per_step: int = 0,
        fraction: float = 0.0,
        fill: Fill | str = Fill.MEAN,
        seed: int = 0,
        sample: int = 0,
        controls: Sequence[Control | ControlPlan | str] | None = None,
        device: str = "auto",
        canvas: Canvas | None = None,
        reuse: bool = True,
        validate_only: bool = False,
        name: str = "",
    ) -> AsyncAudit:
        """Create an audit; it is queued when this returns, or answered by an identical one that succeeded earlier.

        Args:
            models: versions, or names: MODEL for its latest, MODEL/VERSION, or full.
            dataset: the data set, or its name.
            thresholds: one search for each.
            method: how subsets are searched.
            passes: budget an image in pass-equivalents, for mask_optimization; 0 leaves it to the server.
            pixels_per_step: for batched_gradient; 0 leaves it to the server.
            fraction: share of the remaining pixels removed a step, for backselect; 0 is the exact method.
            fill: what stands where a pixel is masked.
            seed: of every random number.
            sample: audit this many items, drawn by the seed; 0 means all.
            controls: class_targeted and fill unless given; an empty sequence runs none. "fill:8" runs on 8 images.
            device: auto, cpu or cuda.
            canvas: the grid; the smallest input size among the versions unless given.
            reuse: take the stored answer of an identical audit.
            validate_only: create nothing; `snapshot.passes_planned` of what returns is the cost.
            name: the last part of its name; the server gives one unless given.

        Raises:
            InvalidArgument: an argument is not valid.
            NotFound: there is no such version or data set.
            ModelRejected, DataRefused: they do not fit.
        """
        specification = AuditSpecification(
            model_versions=tuple([await self._version_name(model) for model in models]),
            dataset=self._dataset_name(dataset),
            canvas=canvas,
            searches=tuple(
                Search(
                    threshold=threshold,
                    method=search_method(method),
                    fill=fill_of(fill),
                    passes=passes,
                    pixels_per_step=pixels_per_step,
                    fraction=fraction,
                )
                for threshold in thresholds
            ),
            controls=tuple(control_plan(control) for control in controls or ()),
            seed=seed,
            sample=sample,
            device=device,
        )
        no_controls = controls is not None and not specification.controls
        request = audit_service_pb2.CreateAuditRequest(
            parent=self._connection.project,
            audit=audit_pb2.Audit(specification=specification_message(specification, no_controls=no_controls)),
            audit_id=name,
            request_id=new_request_id(),
            validate_only=validate_only,
            no_reuse=not reuse,
        )
        message = await self._connection.call(self._connection.audits.CreateAudit, request)
        return AsyncAudit(self._connection, snapshot_of(message))

    async def get(self, name: str) -> AsyncAudit:
        """The audit of that name.

        Raises:
            NotFound: there is none.
        """
        request = audit_service_pb2.GetAuditRequest(name=self._name(name))
        message = await self._connection.call(self._connection.audits.GetAudit, request)
        return AsyncAudit(self._connection, snapshot_of(message))

    async def list(self, filter: str = "") -> AsyncIterator[AsyncAudit]:  # noqa: A002: the word of the service
        """Every audit, newest first; `filter` is e.g. "state = RUNNING".

        Raises:
            InvalidArgument: the server does not understand the filter.
        """
        stub = self._connection.audits
        request = audit_service_pb2.ListAuditsRequest(parent=self._connection.project, filter=filter)
        async for message in self._connection.pages(stub.ListAudits, request, lambda page: page.audits):
            yield AsyncAudit(self._connection, snapshot_of(message))

    async def delete(self, name: str) -> None:
        """Delete an audit that has ended, with its findings.

        Raises:
            NotFound: there is none.
            FailedPrecondition: it has not ended (AUDIT_NOT_ENDED).
        """
        request = audit_service_pb2.DeleteAuditRequest(name=self._name(name))
        await self._connection.delete(self._connection.audits.DeleteAudit, request)

    def _name(self, name: str) -> str:
        return resource_name(self._connection.project, "audits", name)
