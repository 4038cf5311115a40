"""One audit: watch it, wait for it, cancel it, fetch what came of it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Literal

import grpc
import grpc.aio

from modicum.connection import Connection
from modicum.errors import AuditCancelled, AuditFailed, DeadlineExceeded, InvalidArgument, ServiceError
from modicum.grpc_errors import error_of
from modicum.results import Result, document_of, result_of
from modicum.retrying import BROKEN_STREAM, STREAMS
from modicum.snapshots import AuditSnapshot, AuditState, snapshot_of
from modicum.transfers import download
from modicum.v1 import audit_pb2, audit_service_pb2

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


def _succeeded(snapshot: AuditSnapshot) -> AuditSnapshot:
    metadata = {"audit": snapshot.name}
    if snapshot.state is AuditState.FAILED:
        message = snapshot.failure_detail or f"{snapshot.name} failed: {snapshot.failure_reason}"
        raise AuditFailed(message, reason=snapshot.failure_reason, metadata=metadata)
    if snapshot.state is AuditState.CANCELLED:
        raise AuditCancelled(f"{snapshot.name} was cancelled: there is no result", metadata=metadata)
    return snapshot
