"""Values of the domain for the store's tests, and a scene that creates models, data sets and audits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from modicum_server.domain.audits import Audit, AuditProgress, AuditSpecification, AuditState, NewShard, Shard, Stage
from modicum_server.domain.datasets import DatasetItem
from modicum_server.domain.findings import Finding, Passes, Subset
from modicum_server.domain.models import InputSpecification, ModelCheck, ModelVersion, OutputKind, VersionState, Weights
from modicum_server.domain.searches import Canvas, Search, SearchMethod
from modicum_server.store.postgres import PostgresStore

PROJECT = "projects/default"
SOME_TIME = datetime(2020, 1, 1, tzinfo=UTC)
CHECK = ModelCheck(10, OutputKind.LOGITS, useful_gradient=True, pass_milliseconds=1.5)
INPUT = InputSpecification(3, 4, 4, 0.0, 1.0, 0, "bilinear", (0.5, 0.5, 0.5), (1.0, 1.0, 1.0))


def new_version(digest: str = "2" * 64, source: Any = None) -> ModelVersion:
    return ModelVersion(
        name="",
        source=source or Weights("1" * 64, "torchvision:resnet18"),
        input=INPUT,
        class_labels=("cat", "dog"),
        digest=digest,
        state=VersionState.PENDING,
        create_time=SOME_TIME,
    )


def items(count: int) -> list[DatasetItem]:
    return [DatasetItem(f"{place}.png", f"{place:064x}", "cat" if place % 2 else "") for place in range(count)]


def finding(position: int, version: str, *, size: int | None = 4, **fields: Any) -> Finding:
    subset = None if size is None else Subset(b"\xf0\x00", 4, 4, size)
    return Finding(
        position, f"{position}.png", f"{position:064x}", version, 0, subset=subset, passes=Passes(3, 2), **fields
    )


@dataclass
class Scene:
    store: PostgresStore

    async def model(self, name: str = "net", *, project: str = PROJECT, ready: bool = True) -> str:
        async with self.store.transaction() as transaction:
            await transaction.models.create(f"{project}/models/{name}")
            version = await transaction.models.create_version(f"{project}/models/{name}", new_version())
            if ready:
                await transaction.models.accept(version.name, CHECK)
        return version.name

    async def project(self, name: str) -> str:
        async with self.store.transaction() as transaction:
            await transaction.projects.create(f"projects/{name}", admin="someone")
        return f"projects/{name}"

    async def audit(
        self,
        name: str = "one",
        *,
        project: str = PROJECT,
        version: str = "",
        count: int = 4,
        cut: Sequence[Sequence[int]] | None = None,
        **fields: Any,
    ) -> Audit:
        """An audit of `count` items. `cut` lists the positions of each shard; by default there is one shard."""
        version = version or await self.model(project=project)
        audit = audit_value(f"{project}/audits/{name}", version, f"{project}/datasets/photos", count, **fields)
        async with self.store.transaction() as transaction:
            if await transaction.datasets.get(audit.specification.dataset) is None:
                await transaction.datasets.create(audit.specification.dataset, "3" * 64, items(count))
            stored = await transaction.audits.create(audit, range(count))
            assert stored is not None
            shards = [NewShard(Stage.SEARCH, version, 0, tuple(part), 10 * len(part)) for part in cut or [range(count)]]
            await transaction.shards.add(project, audit.name, shards if not audit.state.terminal else [])
        return stored

    async def claim(self, worker: str = "worker", lease_seconds: float = 60.0) -> Shard:
        async with self.store.transaction() as transaction:
            shard = await transaction.shards.claim(worker, lease_seconds=lease_seconds)
        assert shard is not None, "nothing to claim"
        return shard

    async def get(self, name: str) -> Audit:
        async with self.store.transaction() as transaction:
            audit = await transaction.audits.get(name)
        assert audit is not None
        return audit


def audit_value(name: str, version: str, dataset: str, count: int, **fields: Any) -> Audit:
    specification = AuditSpecification(
        model_versions=(version,),
        dataset=dataset,
        canvas=Canvas(3, 4, 4),
        searches=(Search(SearchMethod.MASK_OPTIMIZATION, 0.9, passes=10),),
        controls=(),
        seed=7,
        sample=0,
        device="auto",
    )
    values: dict[str, Any] = {
        "reuse_key": "key",
        "item_count": count,
        "state": AuditState.QUEUED,
        "sequence": 1,
        "principal": "someone",
        "create_time": SOME_TIME,
        "progress": AuditProgress(images_total=count, passes_planned=10 * count),
    }
    return Audit(name, specification, **{**values, **fields})
