"""One audit: watch it, wait for it, cancel it, fetch its result."""

import asyncio
import gzip
import io
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal

import grpc
import grpc.aio

from modicum.arguments import check_wait
from modicum.connection import Connection
from modicum.errors import (
    AuditCancelled,
    AuditFailed,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    ServiceError,
    retention_passed,
)
from modicum.exported_files import Target, checked_target, refuse_unfit_for_png
from modicum.fiftyone_sets import FiftyOneSet, fiftyone_set
from modicum.fiftyone_sets import write as write_fiftyone
from modicum.grpc_errors import error_of
from modicum.masked_files import write as write_masked
from modicum.masked_sets import MaskedSet, chosen_fill, chosen_kind, chosen_model, chosen_search, masked_set
from modicum.models import AsyncModels
from modicum.notebooks.audits import snapshot_card
from modicum.pictures import with_pictures
from modicum.replaced_files import refusing_writes
from modicum.resource_names import checked_text
from modicum.results import Result, document_of, result_of
from modicum.snapshots import AuditSnapshot, AuditState, snapshot_of
from modicum.sources.inputs import InputSpecification
from modicum.transfers import download
from modicum.v1 import audit_pb2, audit_service_pb2
from modicum.versions import ModelVersion

#: A watch is reopened this often, so that it goes on after the network has failed silently.
WATCH_SECONDS = 120.0
REPORT_SECONDS = 600.0
NO_FINDINGS = gzip.compress(b"", mtime=0)
"""A findings artifact without rows."""

ReportForm = Literal["json", "html", "canvas"]
FORMATS: dict[str, "audit_service_pb2.ReportFormat.ValueType"] = {
    "json": audit_service_pb2.REPORT_FORMAT_JSON,
    "html": audit_service_pb2.REPORT_FORMAT_HTML,
    "canvas": audit_service_pb2.REPORT_FORMAT_CANVAS,
}


class AsyncAudit:
    """One audit. `snapshot` is its state at the last reply of the server."""

    def __init__(self, connection: Connection, snapshot: AuditSnapshot) -> None:
        self._connection = connection
        self.snapshot = snapshot

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {self.state}>"

    def _repr_html_(self) -> str:
        return snapshot_card(self.snapshot)

    @property
    def name(self) -> str:
        """Its resource name; empty if it was only validated."""
        return self.snapshot.name

    @property
    def state(self) -> AuditState:
        """Its state at the last reply of the server."""
        return self.snapshot.state

    async def refresh(self) -> AuditSnapshot:
        """Fetch its present state."""
        request = audit_service_pb2.GetAuditRequest(name=self.name)
        return self._note(await self._connection.call(self._connection.audits.GetAudit, request))

    async def watch(self) -> AsyncIterator[AuditSnapshot]:
        """Yield a snapshot at every change, until the audit ends. Survives broken streams and a restart of the server.

        Raises:
            ModicumError: the error of the server, or that it was unreachable for about a minute.
        """
        sequence, waiting, attempts = 0, None, self._connection.stream_attempts()
        while True:
            request = audit_service_pb2.WatchAuditRequest(name=self.name, after_sequence=sequence)
            stub, metadata = self._connection.audits, self._connection.metadata
            try:
                async for reply in stub.WatchAudit(request, timeout=WATCH_SECONDS, metadata=metadata):
                    attempts.begin_anew()
                    snapshot = snapshot_of(reply.audit)
                    news = snapshot.audits_ahead, snapshot.waits_for_worker, snapshot.waiting_reason
                    if snapshot.sequence < sequence or (snapshot.sequence == sequence and news == waiting):
                        continue
                    sequence, waiting = snapshot.sequence, news
                    yield self._note(reply.audit)
                if self.state.terminal:
                    return
            except grpc.aio.AioRpcError as failure:
                if failure.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
                    await attempts.after(failure)
            else:
                if not await attempts.another():
                    raise ServiceError(
                        f"the server closed the watch of {self.name} too many times before the audit ended"
                    )

    async def wait(
        self, timeout_seconds: float | None = None, *, progress: Callable[[AuditSnapshot], None] | None = None
    ) -> AuditSnapshot:
        """Wait until the audit has succeeded, and return its last snapshot.

        Args:
            timeout_seconds: how long to wait. Default: as long as it takes.
            progress: called with a snapshot at every change, e.g. a `ProgressBar`.

        Raises:
            AuditFailed: the audit failed; `reason` says why.
            AuditCancelled: the audit was cancelled.
            DeadlineExceeded: the audit has not ended after `timeout_seconds`. It continues.
        """
        if timeout_seconds is not None:
            check_wait(timeout_seconds)
        try:
            async with asyncio.timeout(timeout_seconds):
                async for snapshot in self.watch():
                    if progress is not None:
                        progress(snapshot)
        except TimeoutError as error:
            raise DeadlineExceeded(
                f"{self.name} has not ended after {timeout_seconds:.0f} s; it goes on running"
            ) from error
        return _succeeded(self.snapshot)

    async def cancel(self) -> AuditSnapshot:
        """Cancel the audit. If it has ended, it stays as it is."""
        request = audit_service_pb2.CancelAuditRequest(name=self.name)
        return self._note(await self._connection.call(self._connection.audits.CancelAudit, request))

    async def stop(self, why: str = "", *, without_scores: bool = False) -> AuditSnapshot:
        """End its searches with those that have begun. It then succeeds, about the images that are done.

        An audit past its searches stays as it is, unless `without_scores` is set: then unfinished work that follows the
        searches, such as the spot test, is left out. The result says what was left out, and `why`.

        Raises:
            FailedPrecondition: it was created without `stopping` (AUDIT_NOT_STOPPABLE).
        """
        request = audit_service_pb2.StopAuditRequest(
            name=self.name, why=checked_text(why, "why"), without_scores=without_scores
        )
        return self._note(await self._connection.call(self._connection.audits.StopAudit, request))

    async def result(
        self, *, pictures: bool = False, progress: Callable[[AuditSnapshot], None] | None = None
    ) -> Result:
        """Wait until the audit has succeeded, and fetch its result document and findings.

        Args:
            pictures: whether to fetch the images that have a subset, too, as the search saw them: `finding.picture`. At
                224 x 224 each takes 0.6 MB on the way and 0.15 MB in memory.
            progress: called with a snapshot at every change, e.g. a `ProgressBar`.

        Raises:
            AuditFailed: the audit failed; `reason` says why.
            AuditCancelled: the audit was cancelled.
            FailedPrecondition: the retention of the project deleted its result (RETENTION_PASSED). If it deleted only
                the findings, the result has figures and no findings.
        """
        await self.wait(progress=progress)
        if self.snapshot.findings_delete_time is None:
            document = await self.document()
            findings = await download(self._connection, document["findings"]["digest"])
        else:
            document, findings = document_of(await self.report("json")), NO_FINDINGS
        result = await asyncio.to_thread(result_of, document, findings)
        return await self._with_pictures(result) if pictures else result

    async def document(self) -> Mapping[str, Any]:
        """Fetch only its result document, as of the last reply of the server. `result` has the findings as well.

        Raises:
            FailedPrecondition: it had not succeeded (AUDIT_NOT_SUCCEEDED), or the retention of the project deleted its
                result (RETENTION_PASSED).
        """
        if self.snapshot.report_delete_time is not None:
            raise retention_passed(self.name, "result", self.snapshot.report_delete_time)
        if not self.snapshot.result_digest:
            raise FailedPrecondition(
                f"{self.name} has no result document; it is {self.state}", reason="AUDIT_NOT_SUCCEEDED"
            )
        return document_of(await download(self._connection, self.snapshot.result_digest))

    async def report(self, form: ReportForm = "html") -> bytes:
        """Fetch a report: `html` is one self-contained page, `json` is the result document with its findings.

        `canvas` is a zip archive of the images that have a subset, as the search saw them. Each is a `DIGEST.npy`.

        Raises:
            FailedPrecondition: the audit has not succeeded (AUDIT_NOT_SUCCEEDED).
        """
        data = io.BytesIO()
        await self._report_into(data, form)
        return data.getvalue()

    async def export_subsets(
        self, output: str | Path, model: str = "", search: int = 0, fill: str = "", subsets: str = "search"
    ) -> MaskedSet:
        """Write a masked data set: each image with everything outside its subset masked. Waits until the audit ends.

        Args:
            output: a file ending in `.npz` (images, masks, labels, targets, sizes, items, ...), or a new folder (PNG
                files in class folders, and manifest.json).
            model: the model to export; needed only if several were audited.
            search: number of the search in the audit, from 0.
            fill: what replaces masked pixels: mean, black or white. Default: the fill of the search.
            subsets: which subsets: those of the `search`, or of the control `class_targeted` or `fill_robust`.

        Raises:
            InvalidArgument: the output cannot be written, there is no subset, or the model, the search, the fill or the
                kind of subsets is unknown.
            AuditFailed: the audit failed; `reason` says why.
            OutputNotWritten: the disk is full, or permissions are missing.
        """
        target, kind = checked_target(Path(output)), chosen_kind(subsets)
        result = await self.result()
        chosen, own = chosen_model(result, model), chosen_search(result, search)["fill"]
        painted = chosen_fill(own, fill)
        version, specification = await self._input_of(chosen.model_version)
        refuse_unfit_for_png(target, specification.channels)
        classes = list(version.class_labels)
        masked = masked_set(result, chosen, search, painted, specification, kind=kind, classes=classes)
        await self._write_with_images(target, partial(write_masked, target, masked))
        return masked

    async def export_fiftyone(self, output: str | Path, model: str = "", search: int = 0) -> FiftyOneSet:
        """Write a data set for FiftyOne: each image with a subset, its labels and masks. Waits until the audit ends.

        `fiftyone.Dataset.from_dir(output, dataset_type=fiftyone.types.FiftyOneDataset)` reads it.

        Args:
            output: a new or empty folder.
            model: the model to export; needed only if several were audited.
            search: number of the search in the audit, from 0.

        Raises:
            InvalidArgument: the output cannot be written, there is no subset, or the model or the search is unknown.
            AuditFailed: the audit failed; `reason` says why.
            OutputNotWritten: the disk is full, or permissions are missing.
        """
        target = checked_target(Path(output), folder_only=True)
        result = await self.result()
        chosen = chosen_model(result, model)
        chosen_search(result, search)
        _, specification = await self._input_of(chosen.model_version)
        refuse_unfit_for_png(target, specification.channels)
        labelled = fiftyone_set(result, chosen, search, specification)
        await self._write_with_images(target, partial(write_fiftyone, target, labelled))
        return labelled

    async def _write_with_images(self, target: Target, write: Callable[[IO[bytes]], None]) -> None:
        """Write an export with the images that the server sends."""
        with refusing_writes(target.path), tempfile.TemporaryFile(dir=target.path.parent) as canvas:
            await self._report_into(canvas, "canvas")
            await asyncio.to_thread(write, canvas)

    async def _with_pictures(self, result: Result) -> Result:
        _, specification = await self._input_of(result.models[0].model_version)
        with tempfile.TemporaryFile() as canvas:
            await self._report_into(canvas, "canvas")
            return await asyncio.to_thread(with_pictures, result, canvas, specification)

    async def _input_of(self, name: str) -> tuple[ModelVersion, InputSpecification]:
        """A version and its input specification. A version made of others has the input of its first part."""
        models = AsyncModels(self._connection)
        version = part = await models.version(name)
        while part.input is None:
            part = await models.version(part.parts[0])
        return version, part.input

    async def _report_into(self, stream: IO[bytes], form: ReportForm) -> None:
        """Write a report into a file. Each attempt starts at the beginning of the file."""
        if form not in FORMATS:
            raise InvalidArgument(f"report: expected one of {', '.join(FORMATS)}, got {form!r}")
        request = audit_service_pb2.GetAuditReportRequest(name=self.name, format=FORMATS[form])
        attempts = self._connection.stream_attempts()
        while True:
            stream.seek(0)
            stream.truncate()
            call = self._connection.audits.GetAuditReport(
                request, timeout=REPORT_SECONDS, metadata=self._connection.metadata
            )
            try:
                async for piece in call:
                    stream.write(piece.data)
            except grpc.aio.AioRpcError as failure:
                if failure.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise error_of(failure, address=self._connection.endpoint.target) from failure
                await attempts.after(failure)
            else:
                return

    def _note(self, message: audit_pb2.Audit) -> AuditSnapshot:
        self.snapshot = snapshot_of(message)
        return self.snapshot


def _succeeded(snapshot: AuditSnapshot) -> AuditSnapshot:
    metadata = {"audit": snapshot.name}
    if snapshot.state is AuditState.FAILED:
        message = snapshot.failure_detail or f"{snapshot.name} failed: {snapshot.failure_reason}"
        raise AuditFailed(message, reason=snapshot.failure_reason, metadata=metadata)
    if snapshot.state is AuditState.CANCELLED:
        raise AuditCancelled(f"{snapshot.name} was cancelled and has no result", metadata=metadata)
    return snapshot
