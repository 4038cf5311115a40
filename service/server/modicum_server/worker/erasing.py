"""Carries on erasures: makes results anew without the picture, takes pictures out of verdicts, deletes files.

Each worker deletes what it kept on its own disk. The rest is done by one for all: every step ends in one transaction
that also notes it, so that whichever worker comes next goes on behind it. Two workers may do the same step; the second
one finds it done.
"""

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from modicum_server.domain.audits import Audit
from modicum_server.domain.digests import digest_of
from modicum_server.domain.erasures import ErasedOutcome
from modicum_server.errors import ArtifactCorrupt, ArtifactNotFound, DiskFull, Unavailable
from modicum_server.measures.document import canonical_json
from modicum_server.ports import ErasureWork, NewResult
from modicum_server.usecases.artifacts import hold_files
from modicum_server.usecases.erasing import delete_files, release
from modicum_server.usecases.resource_names import project_of
from modicum_server.usecases.stored_results import read_document
from modicum_server.worker.context import WorkerContext
from modicum_server.worker.plan.summary import subject_of
from modicum_server.worker.run.summary import Summary, summary_folder, summary_of
from modicum_server.worker.settle.summary import put_summary

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Anew:
    """A result that was made anew, and the audit as it stood before; None without a result."""

    audit: Audit
    summary: Summary | None


async def forget_erased(context: WorkerContext, looked: datetime | None) -> datetime | None:
    """Delete from this worker's disk what was erased since it last looked; return when it looked now.

    It looks again for minutes at what was erased, because a task may have been fetching it.
    """
    if context.kept is None:
        return None
    async with context.store.transaction() as transaction:
        erased, now = await transaction.erasures.since(looked)
    await context.kept.forget(erased)
    return now


async def carry_on_all(context: WorkerContext) -> None:
    """Carry on every erasure once, as far as it goes now. One that goes wrong stops no other.

    Raises:
        DependencyUnavailable
    """
    after = ""
    while True:
        async with context.store.transaction() as transaction:
            work = await transaction.erasures.running(after=after)
        if work is None:
            return
        after = work.erasure.name
        try:
            done = await carry_on(context, work)
            _log.info("erasure_done" if done else "erasure_waits", erasure=after)
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - it stops no other, and is tried again
            _log.exception("erasure_failed", erasure=after)


async def carry_on(context: WorkerContext, work: ErasureWork) -> bool:
    """Do what is left of an erasure; whether it is done now.

    It waits for a worker that still holds a shard of a cancelled audit, and for a backup that runs.
    """
    name = work.erasure.name
    async with context.store.transaction() as transaction:
        for result in work.erasure.receipt.results:
            if await transaction.erasures.is_worked_on(result.audit):
                return False
    while (audit := await _next_result(context, name)) is not None:
        await _make_anew(context, name, audit)
    while (verdict := await _next_verdict(context, name)) is not None:
        await _clear_verdict(context, name, verdict)
    async with context.store.transaction() as transaction:
        last = await transaction.erasures.lock(name)
    if last is None:
        return True
    if not await delete_files(context.store, context.artifact_store, last.files):
        return False
    async with context.store.transaction() as transaction:
        await transaction.erasures.end(name)
    return True


async def _next_result(context: WorkerContext, name: str) -> str | None:
    """Return an audit whose result waits; of one that reuses a result, the audit that made it."""
    async with context.store.transaction() as transaction:
        work = await transaction.erasures.lock(name)
        results = () if work is None else work.erasure.receipt.results
        waiting = next((one.audit for one in results if one.outcome is ErasedOutcome.WAITING), None)
        audit = None if waiting is None else await transaction.audits.get(waiting)
    return waiting if audit is None else audit.reused_from or audit.name


async def _make_anew(context: WorkerContext, name: str, audit: str) -> None:
    """Give an audit a result of what is left of it, or none where nothing is left or it cannot be summarised."""
    async with summary_folder() as folder:
        made = await _anew(context, audit, folder)
        await _replace(context, name, audit, made)


async def _anew(context: WorkerContext, audit: str, folder: Path) -> _Anew | None:
    """Summarise an audit from what is stored; None where it was deleted meanwhile."""
    async with context.store.transaction() as transaction:
        stored = await transaction.audits.get(audit)
        if stored is None:
            return None
        if stored.findings_delete_time is not None or not await transaction.findings.positions(audit):
            return _Anew(stored, None)
    try:
        async with context.store.transaction() as transaction:
            subject = await subject_of(transaction, stored)
        return _Anew(stored, await summary_of(context.store, subject, folder))
    except (Unavailable, DiskFull, OSError):
        raise
    except Exception:  # noqa: BLE001 - the erasure must come to its end, whatever an old result lacks
        _log.exception("result_removed", audit=audit)
        return _Anew(stored, None)


async def _replace(context: WorkerContext, name: str, audit: str, made: _Anew | None) -> None:
    """Put the result in its place, unless the audit changed since it was read: then it is made once more."""
    summary = None if made is None else made.summary
    project = project_of("audit", audit)
    sizes: dict[str, int] = {}
    new = NewResult(ErasedOutcome.REMOVED)
    if summary is not None:
        new = NewResult(ErasedOutcome.SUMMARISED, digest_of(summary.document), summary.findings_digest, summary.says)
        sizes = {new.findings_digest: summary.findings.stat().st_size, new.result_digest: len(summary.document)}
    async with context.store.transaction() as transaction:
        for digest in sorted(sizes):
            await transaction.artifacts.lock(digest)
        if summary is not None:
            await put_summary(context, summary)
        work = await transaction.erasures.lock(name)
        current = await transaction.audits.lock(audit)
        if work is None:
            return
        if _sequence(current) != _sequence(None if made is None else made.audit):
            return
        for digest, size in sizes.items():
            await transaction.artifacts.add(project, digest, size)
        gone = await transaction.erasures.replace_result(work, audit, new)
        await transaction.erasures.drop_files(work, await release(transaction, project, gone))


def _sequence(audit: Audit | None) -> int | None:
    """How often an audit changed; None where there is none."""
    return None if audit is None else audit.sequence


async def _next_verdict(context: WorkerContext, name: str) -> str | None:
    async with context.store.transaction() as transaction:
        work = await transaction.erasures.lock(name)
    return None if work is None else next(iter(work.verdicts), None)


async def _clear_verdict(context: WorkerContext, name: str, verdict: str) -> None:
    """Take the pictures out of the document of a verdict. One that is damaged goes as a whole."""
    project = project_of("verdict", verdict)
    async with context.store.transaction() as transaction:
        stored = await transaction.verdicts.get(verdict)
    before = "" if stored is None else stored.document_digest
    data = await _without_pictures(context, before) if before else None
    async with context.store.transaction() as transaction:
        if data:
            await hold_files(transaction, context.artifact_store, project, [data])
        work = await transaction.erasures.lock(name)
        if work is None:
            return
        digest = before if data is None else digest_of(data) if data else ""
        gone = await transaction.erasures.replace_document(work, verdict, digest)
        await transaction.erasures.drop_files(work, await release(transaction, project, gone))


async def _without_pictures(context: WorkerContext, digest: str) -> bytes | None:
    """Return the document without its pictures: None where it has none or is gone, nothing where it is damaged."""
    try:
        document = await read_document(context.artifact_store, digest)
    except ArtifactNotFound:
        return None
    except (ArtifactCorrupt, json.JSONDecodeError):
        return b""
    if document.get("worst_spot") is None:
        return None
    return await asyncio.to_thread(canonical_json, {**document, "worst_spot": None})
