"""People of every role, and the use cases over a real store."""

import hashlib
import io
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from modicum_server.artifacts.folder_store import FolderArtifactStore
from modicum_server.domain.audits import Audit, AuditOutcome, AuditSpecification
from modicum_server.domain.findings import Finding, Subset
from modicum_server.domain.models import InputSpecification, ModelCheck, ModelVersion, OutputKind, Weights
from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.searches import Canvas, Search, SearchMethod
from modicum_server.endpoints.entries_file import EntriesFile
from modicum_server.images.objects import check_objects
from modicum_server.measures.rows import write_findings
from modicum_server.reports.renderer import Renderer
from modicum_server.settings import Settings
from modicum_server.store.changes import PostgresChanges
from modicum_server.store.postgres import PostgresStore
from modicum_server.usecases.artifacts import Artifacts, UploadHeader
from modicum_server.usecases.audit_creation import AuditCreation, AuditOptions
from modicum_server.usecases.audits import Audits
from modicum_server.usecases.datasets import Datasets
from modicum_server.usecases.findings import Findings
from modicum_server.usecases.judging import POLICIES_AT_ONCE, Judging
from modicum_server.usecases.models import Models
from modicum_server.usecases.projects import Projects
from modicum_server.usecases.reports import REPORTS_AT_ONCE, Reports
from modicum_server.usecases.request_ids import CreateOptions
from modicum_server.usecases.specifications import AuditDraft
from modicum_server.usecases.threads_in_turn import ThreadsInTurn
from modicum_server.usecases.verdicts import Verdicts
from modicum_server.usecases.versions import NewVersion, Versions
from modicum_server.usecases.watching import Watching

PROJECT = "projects/default"
NO_CANVAS = Canvas(0, 0, 0)
TODAY = date(2026, 12, 1)
"""The day on which verdicts are made there."""
OUTCOME = AuditOutcome(f"{PROJECT}/models/net/versions/1", "DECISIVE", "A spot decides", "DECISIVE", "")
"""What results say there, for lists."""

ADMIN = Principal("ada", {PROJECT: Role.ADMIN})
AUDITOR = Principal("otto", {PROJECT: Role.AUDITOR})
OTHER_AUDITOR = Principal("olga", {PROJECT: Role.AUDITOR})
VIEWER = Principal("vera", {PROJECT: Role.VIEWER})
STRANGER = Principal("saul", {"projects/elsewhere": Role.ADMIN})

INPUT = InputSpecification(
    channels=3,
    height=8,
    width=8,
    lower_bound=0.0,
    upper_bound=1.0,
    resize=0,
    interpolation="bilinear",
    mean=(0.5,) * 3,
    std=(0.5,) * 3,
)
SEARCH = Search(SearchMethod.MASK_OPTIMIZATION, threshold=0.9)
CHECK = ModelCheck(class_count=2, output_kind=OutputKind.LOGITS, useful_gradient=True, pass_milliseconds=3.0)


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def parts(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@dataclass
class Place:
    """The use cases, and shortcuts for most tests."""

    store: PostgresStore
    changes: PostgresChanges
    artifact_store: FolderArtifactStore
    settings: Settings

    def __post_init__(self) -> None:
        self.policy_threads = ThreadsInTurn("policies", POLICIES_AT_ONCE)
        self.projects = Projects(self.store)
        self.models = Models(self.store)
        self.versions = Versions(self.store, self.settings, EntriesFile(self.settings.endpoints_file))
        self.datasets = Datasets(self.store, self.artifact_store, self.settings, check_objects=check_objects)
        self.artifacts = Artifacts(self.store, self.artifact_store, self.settings)
        self.audits = Audits(self.store)
        self.creation = AuditCreation(self.store, self.settings)
        self.findings = Findings(self.store)
        self.watching = Watching(self.store, self.changes, self.settings)
        self.report_threads = ThreadsInTurn("reports", REPORTS_AT_ONCE)
        self.reports = Reports(self.store, self.artifact_store, Renderer(), self.report_threads, settings=self.settings)
        self.judging = Judging(
            self.store, self.artifact_store, self.reports, self.report_threads, self.policy_threads, today=lambda: TODAY
        )
        self.verdicts = Verdicts(self.store, self.artifact_store)

    async def upload(self, data: bytes) -> str:
        digest = digest_of(data)
        await self.artifacts.upload(AUDITOR, UploadHeader(PROJECT, digest, len(data), 0), parts(data))
        return digest

    async def register(
        self, *, model: str = "net", weights: bytes = b"weights", check: ModelCheck | None = CHECK, **changes
    ) -> ModelVersion:
        name = f"{PROJECT}/models/{model}"
        await self.models.create(AUDITOR, PROJECT, model, CreateOptions())
        source = Weights(await self.upload(weights), "torchvision:resnet18")
        new = NewVersion(source=source, input=INPUT, class_labels=("cat", "dog"))
        version = await self.versions.create(AUDITOR, name, replace(new, **changes), CreateOptions())
        if check is not None:
            async with self.store.transaction() as transaction:
                await transaction.models.accept(version.name, check)
        return await self.versions.get(AUDITOR, version.name)

    async def manifest(self, count: int = 3, labels: tuple[str, ...] = ("cat", "dog")) -> str:
        rows = []
        for index in range(count):
            digest = await self.upload(f"image {index}".encode())
            rows.append({"item": f"{index:03}.png", "image": digest, "label": labels[index % len(labels)]})
        return await self.upload("\n".join(json.dumps(row) for row in rows).encode())

    async def dataset(self, name: str = "photos", **manifest) -> str:
        digest = await self.manifest(**manifest)
        return (await self.datasets.create(AUDITOR, PROJECT, name, digest, CreateOptions())).name

    async def audit(self, draft: AuditDraft, principal: Principal = AUDITOR, **options):
        return await self.creation.create(principal, PROJECT, draft, AuditOptions(**options))

    async def succeed(
        self, name: str, document: Mapping[str, Any] | None = None, findings: Iterable[Finding] = ()
    ) -> str:
        """End an audit as a worker would, with this result, or with an empty one."""
        packed = io.BytesIO()
        write_findings(findings, packed)
        rows = await self._hold(packed.getvalue())
        whole = {"schema_version": 1, "audit": name, **(document or {}), "findings": {"digest": rows}}
        digest = await self._hold(json.dumps(whole).encode())
        async with self.store.transaction() as transaction:
            await transaction.audits.succeed(name, result_digest=digest, artifacts=[rows, digest], outcome=OUTCOME)
        return digest

    async def find(self, audit: Audit, count: int = 3) -> list[Finding]:
        """Store a finding with a subset for each of the first pictures of an audit, as its worker would."""
        version = audit.specification.model_versions[0]
        async with self.store.transaction() as transaction:
            items = await transaction.audits.items(audit.name, range(count))
            findings = [
                Finding(at, item.item, item.image_digest, version, 0, subset=Subset(b"\xaa" * 8, 8, 8, 32))
                for at, item in items
            ]
            await transaction.findings.add(audit.name, findings)
        return findings

    async def _hold(self, data: bytes) -> str:
        digest = await self.artifact_store.put(data)
        async with self.store.transaction() as transaction:
            await transaction.artifacts.add(PROJECT, digest, len(data))
        return digest


def draft(*, versions: tuple[str, ...], dataset: str, no_controls: bool = False, **changes) -> AuditDraft:
    specification = AuditSpecification(
        model_versions=versions,
        dataset=dataset,
        canvas=NO_CANVAS,
        searches=(SEARCH,),
        controls=(),
        seed=0,
        sample=0,
        device="",
    )
    return AuditDraft(replace(specification, **changes), no_controls=no_controls)


def now() -> datetime:
    return datetime.now(UTC)
