"""SUMMARISE shards: write the findings artifact and the result document, and let the audit succeed.

Doing it twice writes the same bytes: the rows come in one order, and neither artifact holds a time of its own.
"""

import asyncio
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modicum_server.domain.audits import Audit
from modicum_server.domain.datasets import Dataset
from modicum_server.domain.findings import Finding
from modicum_server.domain.models import ModelVersion
from modicum_server.measures.document import canonical_json, result_document
from modicum_server.measures.rows import Row, finding_row, read_rows, write_rows
from modicum_server.ports import Keyed, Store
from modicum_server.worker.claims import Claim, Equipment, Outcome
from modicum_server.worker.stages import drop_shard

#: Findings that are read from the store at once.
PAGE_FINDINGS = 200


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is summarised, beside the findings."""

    audit: Audit
    dataset: Dataset
    versions: tuple[ModelVersion, ...]
    parameters: Mapping[str, object]


async def summarise(equipment: Equipment, claim: Claim) -> Outcome:
    """Work on a SUMMARISE shard to its end.

    Raises:
        ShardInterrupted: the shard is no longer wanted.
    """
    subject = await _subject(equipment, claim)
    if subject is None:
        return await drop_shard(equipment, claim)
    # Packing and measuring are arithmetic: they run beside the loop, which keeps the lease.
    pages = _rows(equipment.store, claim, asyncio.get_running_loop())
    findings = await asyncio.to_thread(write_rows, pages)
    document = await asyncio.to_thread(_document_bytes, subject, findings)
    claim.lease.check()
    return await _succeed(equipment, claim, findings=findings, document=document)


async def _subject(equipment: Equipment, claim: Claim) -> _Subject | None:
    """Everything but the findings; None when the audit has ended."""
    async with equipment.store.transaction() as transaction:
        audit = await transaction.audits.get(claim.shard.audit)
        if audit is None or audit.state.terminal:
            return None
        dataset = await transaction.datasets.get(audit.specification.dataset)
        assert dataset is not None, "a data set that an audit refers to is not deleted"
        versions = [await transaction.models.version(name) for name in audit.specification.model_versions]
        parameters = await transaction.audits.parameters(audit.name)
    return _Subject(audit, dataset, tuple(version for version in versions if version is not None), parameters)


def _rows(store: Store, claim: Claim, loop: asyncio.AbstractEventLoop) -> Iterator[Row]:
    """The audit's rows in order, for a thread beside the loop; one page is in memory at a time."""
    after = ""
    while True:
        claim.lease.check()
        page = asyncio.run_coroutine_threadsafe(_page(store, claim.shard.audit, after), loop).result()
        if not page:
            return
        for _, finding in page:
            yield finding_row(finding)
        after = page[-1][0]


async def _page(store: Store, audit: str, after: str) -> Sequence[Keyed[Finding]]:
    async with store.transaction() as transaction:
        return await transaction.findings.page(audit, after=after, limit=PAGE_FINDINGS)


def _document_bytes(subject: _Subject, findings: bytes) -> bytes:
    document: dict[str, Any] = result_document(
        audit=subject.audit,
        dataset=subject.dataset,
        versions=subject.versions,
        rows=read_rows(findings),
        parameters=subject.parameters,
        findings_digest=_digest(findings),
    )
    return canonical_json(document)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def _succeed(equipment: Equipment, claim: Claim, *, findings: bytes, document: bytes) -> Outcome:
    """Store both artifacts, record them for the project and let the audit succeed, in one transaction."""
    shard = claim.shard
    contents = {_digest(data): data for data in (findings, document)}
    async with equipment.store.transaction() as transaction:
        for digest, data in sorted(contents.items()):
            await transaction.artifacts.lock(digest)  # before the rows: a large artifact takes its time
            await equipment.artifact_store.put(data)
        if not await transaction.shards.hold(shard):
            return Outcome.LOST
        audit = await transaction.audits.lock(shard.audit)
        await transaction.shards.finish(shard, passes_done=0)
        if audit is None or audit.state.terminal:
            return Outcome.CANCELLED
        for digest, data in contents.items():
            await transaction.artifacts.add(shard.project, digest, len(data))
        await transaction.audits.succeed(shard.audit, result_digest=_digest(document), artifacts=sorted(contents))
    equipment.metrics.audit_ended(audit, "succeeded")
    return Outcome.DONE
