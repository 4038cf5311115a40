"""SUMMARISE shards: write the findings artifact and the result document, and let the audit succeed.

Doing it twice writes the same bytes: the rows come in one order, and neither artifact holds a time of its own. Findings
pass by on their way from the store to a file: memory is bounded, however many there are.
"""

import asyncio
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modicum_server.domain.audits import Audit
from modicum_server.domain.datasets import Dataset
from modicum_server.domain.findings import Finding
from modicum_server.domain.models import ModelVersion
from modicum_server.measures.document import canonical_json, result_document
from modicum_server.measures.out_of_distribution import OutOfDistribution
from modicum_server.measures.rows import FindingsArtifact, write_findings
from modicum_server.ports import Keyed, Store
from modicum_server.processes.locked_folders import create_locked_folder
from modicum_server.worker.claims import Claim, Equipment, Outcome
from modicum_server.worker.planning import parts_of
from modicum_server.worker.second_answers import out_of_distribution
from modicum_server.worker.stages import drop_shard
from modicum_server.worker.transferring import audited_versions

#: Findings that are read from the store at once.
PAGE_FINDINGS = 200
#: Bytes of the findings artifact that are read at once.
PIECE_BYTES = 256 * 1024
#: Of the temporary folder in which the findings artifact is written; that of a killed worker goes with the next one.
FOLDER_PREFIX = "modicum-findings-"


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is summarised, beside the findings."""

    audit: Audit
    dataset: Dataset
    versions: tuple[ModelVersion, ...]
    parameters: Mapping[str, object]
    second: OutOfDistribution | None
    parts: tuple[ModelVersion, ...]


async def summarise(equipment: Equipment, claim: Claim) -> Outcome:
    """Work on a SUMMARISE shard to its end.

    Raises:
        ShardInterrupted: the shard is no longer wanted.
    """
    subject = await _subject(equipment, claim)
    if subject is None:
        return await drop_shard(equipment, claim)
    findings = _findings(equipment.store, claim, asyncio.get_running_loop())
    folder = await asyncio.to_thread(create_locked_folder, FOLDER_PREFIX)
    try:
        artifact = folder.path / "findings"
        # Packing and measuring are arithmetic: they run beside the loop, which keeps the lease.
        digest, document = await asyncio.to_thread(_pack_and_summarise, subject, findings, artifact)
        claim.lease.check()
        return await _succeed(equipment, claim, findings=artifact, findings_digest=digest, document=document)
    finally:
        folder.delete()


async def _subject(equipment: Equipment, claim: Claim) -> _Subject | None:
    """Everything but the findings; None when the audit has ended."""
    async with equipment.store.transaction() as transaction:
        audit = await transaction.audits.get(claim.shard.audit)
        if audit is None or audit.state.terminal:
            return None
        dataset = await transaction.datasets.get(audit.specification.dataset)
        assert dataset is not None, "a data set that an audit refers to is not deleted"
        versions = await audited_versions(transaction, audit.specification)
        parameters = await transaction.audits.parameters(audit.name)
        second = await out_of_distribution(transaction, audit, versions)
        parts = [part for version in versions for part in await parts_of(transaction, version)]
    return _Subject(audit, dataset, tuple(versions), parameters, second, tuple(parts))


def _findings(store: Store, claim: Claim, loop: asyncio.AbstractEventLoop) -> Iterator[Finding]:
    """The audit's findings in order, for a thread beside the loop; one page is in memory at a time."""
    after = ""
    while True:
        claim.lease.check()
        page = asyncio.run_coroutine_threadsafe(_page(store, claim.shard.audit, after), loop).result()
        if not page:
            return
        for _, finding in page:
            yield finding
        if len(page) < PAGE_FINDINGS:
            return
        after = page[-1][0]


async def _page(store: Store, audit: str, after: str) -> Sequence[Keyed[Finding]]:
    async with store.transaction() as transaction:
        return await transaction.findings.page(audit, after=after, limit=PAGE_FINDINGS)


def _pack_and_summarise(subject: _Subject, findings: Iterator[Finding], artifact: Path) -> tuple[str, bytes]:
    """Write the findings artifact; read it again for the document. Return its digest, and the document."""
    with artifact.open("wb") as packed:
        write_findings(findings, packed)
    findings_digest = _digest(artifact)
    document: dict[str, Any] = result_document(
        audit=subject.audit,
        dataset=subject.dataset,
        versions=subject.versions,
        findings=FindingsArtifact(lambda: _pieces(artifact)),
        parameters=subject.parameters,
        findings_digest=findings_digest,
        second=subject.second,
        parts=subject.parts,
    )
    return findings_digest, canonical_json(document)


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def _put(equipment: Equipment, findings: Path, document: bytes) -> None:
    """Store both at once, for most of the time goes into waiting for the disk; neither goes on when this returns."""
    puts = equipment.artifact_store.put_file(findings), equipment.artifact_store.put(document)
    for outcome in await asyncio.gather(*puts, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


async def _succeed(
    equipment: Equipment, claim: Claim, *, findings: Path, findings_digest: str, document: bytes
) -> Outcome:
    """Store both artifacts, record them for the project and let the audit succeed, in one transaction."""
    shard, result_digest = claim.shard, hashlib.sha256(document).hexdigest()
    sizes = {findings_digest: findings.stat().st_size, result_digest: len(document)}
    async with equipment.store.transaction() as transaction:
        for digest in sorted(sizes):
            await transaction.artifacts.lock(digest)  # before the rows: a large artifact takes its time
        await _put(equipment, findings, document)
        if not await transaction.shards.hold(shard):
            return Outcome.LOST
        audit = await transaction.audits.lock(shard.audit)
        await transaction.shards.finish(shard, passes_done=0)
        if audit is None or audit.state.terminal:
            return Outcome.CANCELLED
        for digest, size in sizes.items():
            await transaction.artifacts.add(shard.project, digest, size)
        await transaction.audits.succeed(shard.audit, result_digest=result_digest, artifacts=sorted(sizes))
    equipment.metrics.audit_ended(audit, "succeeded")
    return Outcome.DONE
