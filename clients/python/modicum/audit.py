"""One audit: watch it, wait for it, cancel it, fetch what came of it."""

import asyncio
import io
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Literal

import grpc
import grpc.aio

from modicum.connection import Connection
from modicum.errors import AuditCancelled, AuditFailed, DeadlineExceeded, InvalidArgument, ServiceError
from modicum.grpc_errors import error_of
from modicum.masked_files import checked_target, refuse_what_no_png_holds, told_by_the_disk
from modicum.masked_files import write as write_masked
from modicum.masked_sets import MaskedSet, chosen_fill, chosen_model, chosen_search, masked_set
from modicum.models import AsyncModels
from modicum.results import Result, document_of, result_of
from modicum.retrying import BROKEN_STREAM, STREAMS
from modicum.snapshots import AuditSnapshot, AuditState, snapshot_of
from modicum.sources.inputs import InputSpecification
from modicum.transfers import download
from modicum.v1 import audit_pb2, audit_service_pb2
from modicum.versions import ModelVersion

#: A watch is opened anew this often, so that one whose network died silently goes on.
WATCH_SECONDS = 120.0
REPORT_SECONDS = 600.0

ReportForm = Literal["json", "html", "canvas"]
FORMATS: dict[str, "audit_service_pb2.ReportFormat.ValueType"] = {
    "json": audit_service_pb2.REPORT_FORMAT_JSON,
    "html": audit_service_pb2.REPORT_FORMAT_HTML,
    "canvas": audit_service_pb2.REPORT_FORMAT_CANVAS,
}


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
        """Snapshots as it goes, from the present one to the last; goes on over broken streams and a server's restart.

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
                if attempt >= STREAMS.attempts:
                    raise ServiceError(f"the watch of {self.name} ends again and again before the audit does")
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

        `canvas` is a zip archive of the images that have a subset, as the search saw them: `DIGEST.npy` each.

        Raises:
            FailedPrecondition: it has not succeeded (AUDIT_NOT_SUCCEEDED).
        """
        data = io.BytesIO()
        await self._report_into(data, form)
        return data.getvalue()

    async def export_subsets(self, output: str | Path, model: str = "", search: int = 0, fill: str = "") -> MaskedSet:
        """Write a masked data set: every image under its subset's mask, to train on with code of your own.

        `output` is a file ending in `.npz` (images, masks, labels, targets, sizes, items, ...) or a new folder (PNGs in
        class folders, and manifest.json). `model` names one of several, `search` is its number in the audit. `fill` is
        what is painted where the mask is False: mean, black or white; the search's own unless given. Waits for the end.

        Raises:
            InvalidArgument: an output that cannot be written, a model, search or fill that is not there, or no subset.
            AuditFailed: it failed; `reason` says why.
            OutputNotWritten: the disk, or its rights, do not allow it.
        """
        target = checked_target(Path(output))
        result = await self.result()
        chosen, own = chosen_model(result, model), chosen_search(result, search)["fill"]
        painted = chosen_fill(own, fill)
        version, specification = await self._input_of(chosen.model_version)
        refuse_what_no_png_holds(target, specification.channels)
        masked = masked_set(result, chosen, search, painted, specification, classes=list(version.class_labels))
        with told_by_the_disk(target), tempfile.TemporaryFile(dir=target.path.parent) as canvas:
            await self._report_into(canvas, "canvas")
            await asyncio.to_thread(write_masked, target, masked, canvas)
        return masked

    async def _input_of(self, name: str) -> tuple[ModelVersion, InputSpecification]:
        """A version, and its input; one made of others has that of its first part."""
        models = AsyncModels(self._connection)
        version = part = await models.version(name)
        while part.input is None:
            part = await models.version(part.parts[0])
        return version, part.input

    async def _report_into(self, stream: IO[bytes], form: ReportForm) -> None:
        """Write a report into a file, from its beginning at each attempt."""
        if form not in FORMATS:
            raise InvalidArgument(f"a report is one of {', '.join(FORMATS)}, not {form!r}")
        request = audit_service_pb2.GetAuditReportRequest(name=self.name, format=FORMATS[form])
        attempt = 0
        while True:
            attempt += 1
            stream.seek(0)
            stream.truncate()
            call = self._connection.audits.GetAuditReport(
                request, timeout=REPORT_SECONDS, metadata=self._connection.metadata
            )
            try:
                async for piece in call:
                    stream.write(piece.data)
            except grpc.aio.AioRpcError as failure:
                if failure.code() is not grpc.StatusCode.UNAVAILABLE or attempt >= STREAMS.attempts:
                    raise error_of(failure, address=self._connection.endpoint.target) from failure
            else:
                return
            await asyncio.sleep(STREAMS.seconds(attempt))

    def _note(self, message: audit_pb2.Audit) -> AuditSnapshot:
        self.snapshot = snapshot_of(message)
        return self.snapshot


def _succeeded(snapshot: AuditSnapshot) -> AuditSnapshot:
    metadata = {"audit": snapshot.name}
    if snapshot.state is AuditState.FAILED:
        message = snapshot.failure_detail or f"{snapshot.name} failed: {snapshot.failure_reason}"
        raise AuditFailed(message, reason=snapshot.failure_reason, metadata=metadata)
    if snapshot.state is AuditState.CANCELLED:
        raise AuditCancelled(f"{snapshot.name} was cancelled: there is no result", metadata=metadata)
    return snapshot
