"""Writes the findings artifact, and from it the result document.

Doing it twice gives the same bytes: the findings come in one order, and neither artifact holds a time of its own.
Memory is bounded, however many findings there are: they go from the store to a file page by page.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from modicum_server.domain.audits import AuditOutcome
from modicum_server.domain.findings import Finding
from modicum_server.measures.document import canonical_json, result_document
from modicum_server.measures.rows import FindingsArtifact, write_findings
from modicum_server.ports import Keyed, Store
from modicum_server.processes.locked_folders import create_locked_folder
from modicum_server.usecases.result_facts import outcome_in
from modicum_server.usecases.waiting_threads import WaitingThreads, current_work
from modicum_server.worker.context import Claim, WorkerContext
from modicum_server.worker.plan.summary import Subject

#: Findings that are read from the store at once.
PAGE_FINDINGS = 200
#: Bytes of the findings artifact that are read at once.
PIECE_BYTES = 256 * 1024
#: Of the temporary folder of a findings artifact. The folder of a killed worker is deleted when the next one is made.
FOLDER_PREFIX = "modicum-findings-"


@dataclass(frozen=True, slots=True)
class Summary:
    """Both artifacts of a result: the findings in a file, the document in memory, and what that `says` for lists."""

    findings: Path
    findings_digest: str
    document: bytes
    says: AuditOutcome


@contextlib.asynccontextmanager
async def summary_folder() -> AsyncIterator[Path]:
    """Yield a temporary folder for the artifacts of one summary; it is deleted at the end."""
    folder = await asyncio.to_thread(create_locked_folder, FOLDER_PREFIX)
    try:
        yield folder.path
    finally:
        folder.delete()


async def run_summary(context: WorkerContext, claim: Claim, subject: Subject, folder: Path) -> Summary:
    """Make both artifacts.

    Raises:
        ShardInterrupted: the shard is no longer wanted.
    """
    summary = await summary_of(context.store, subject, folder, check=claim.lease.check)
    claim.lease.check()
    return summary


async def summary_of(
    store: Store, subject: Subject, folder: Path, *, check: Callable[[], None] = lambda: None
) -> Summary:
    """Make both artifacts of what is stored. `check` is called now and then, and ends it by an error."""
    findings = _findings(store, subject.audit.name, check)
    if not subject.with_transfers:
        findings = map(_without_transfers, findings)
    # Packing and measuring are arithmetic. They run beside the loop, which keeps the lease.
    thread = WaitingThreads("summary", 1)
    try:
        return await thread.run(partial(_pack_and_summarise, subject, findings, folder / "findings"))
    finally:
        thread.close()


def _findings(store: Store, audit: str, check: Callable[[], None]) -> Iterator[Finding]:
    """The audit's findings in order, for a thread beside the loop. One page is in memory at a time."""
    after, work = "", current_work()
    while True:
        check()
        page = work.waited(partial(_page, store, audit, after))
        if not page:
            return
        for _, finding in page:
            yield finding
        if len(page) < PAGE_FINDINGS:
            return
        after = page[-1][0]


def _without_transfers(finding: Finding) -> Finding:
    return replace(finding, controls=replace(finding.controls, transfers=()))


async def _page(store: Store, audit: str, after: str) -> Sequence[Keyed[Finding]]:
    async with store.transaction() as transaction:
        return await transaction.findings.page(audit, after=after, limit=PAGE_FINDINGS)


def _pack_and_summarise(subject: Subject, findings: Iterator[Finding], artifact: Path) -> Summary:
    """Write the findings artifact as the findings come, then read it again for the document."""
    with artifact.open("wb") as packed:
        write_findings(findings, packed)
    findings_digest = _digest(artifact)
    document = result_document(
        audit=subject.audit,
        dataset=subject.dataset,
        item_counts=subject.item_counts,
        versions=subject.versions,
        findings=FindingsArtifact(lambda: _pieces(artifact)),
        parameters=subject.parameters,
        findings_digest=findings_digest,
        second=subject.ood_predictions,
        parts=subject.parts,
        spots=subject.spots,
        retests=subject.retests,
        counterfactual=subject.counterfactual,
    )
    return Summary(artifact, findings_digest, canonical_json(document), outcome_in(document))


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
