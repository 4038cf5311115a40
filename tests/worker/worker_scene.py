"""A project with a data set and a version in the real store, and workers with a model server of arithmetic."""

import asyncio
import gc
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from modicum_server.artifacts.folder_store import FolderArtifactStore
from modicum_server.domain.audits import Audit, AuditProgress, AuditSpecification, AuditState, NewShard, Shard, Stage
from modicum_server.domain.datasets import DatasetItem
from modicum_server.domain.findings import Finding
from modicum_server.domain.models import InputSpecification, ModelVersion, Source, VersionState, Weights
from modicum_server.domain.searches import Canvas, Control, ControlPlan, Search, SearchMethod
from modicum_server.domain.stopping import Stopping
from modicum_server.domain.traces import NO_CAUSE, Cause
from modicum_server.ports import NO_TRACES, KeptArtifacts, Traces, Wakeups
from modicum_server.settings import Settings
from modicum_server.store.postgres import PostgresStore
from modicum_server.usecases.costs import cut_shards, planned_images
from modicum_server.worker.pauses import Pauses
from modicum_server.worker.worker import Worker
from sqlalchemy.exc import SAWarning

from tests.waiting import until
from tests.worker.arithmetic_model_server import CHECK, ArithmeticModelServer

PROJECT = "projects/default"
MODEL = f"{PROJECT}/models/arithmetic"
DATASET = f"{PROJECT}/datasets/numbers"
LABELS = tuple("abcdefghij")
INPUT = InputSpecification(
    channels=3,
    height=4,
    width=4,
    lower_bound=0,
    upper_bound=1,
    resize=0,
    interpolation="bilinear",
    mean=(0.5,) * 3,
    std=(1.0,) * 3,
)
#: The waits themselves are tested with the rules, and by the store.
SHORT_PAUSES = Pauses(write=0.02, retry=0.01, down=0.01, erasures=0.05, away=0.01, seen=0.2, look=0.0)


class NoWakeups:
    """The rows are the truth: a worker gets on without wake-ups."""

    async def wait(self, timeout_seconds: float) -> None:
        await asyncio.sleep(min(timeout_seconds, 0.05))


WEIGHTS = Weights("1" * 64, "torchvision:resnet18")
SEARCH = Search(SearchMethod.MASK_OPTIMIZATION, 0.9, passes=5)


@dataclass
class Scene:
    store: PostgresStore
    artifact_store: FolderArtifactStore
    settings: Settings
    stops: list[asyncio.Event] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    killed: bool = False

    async def register(
        self,
        *,
        ready: bool = True,
        source: Source = WEIGHTS,
        class_labels: tuple[str, ...] = LABELS,
        digest: str = "2" * 64,
    ) -> str:
        async with self.store.transaction() as transaction:
            await transaction.models.create(MODEL)
            version = await transaction.models.create_version(
                MODEL,
                ModelVersion(
                    "",
                    source,
                    INPUT,
                    class_labels,
                    digest,
                    VersionState.PENDING,
                    datetime.now(UTC),
                ),
            )
            if ready:
                await transaction.models.accept(version.name, CHECK)
            else:
                await transaction.shards.add(PROJECT, "", [NewShard(Stage.CHECK, version.name)])
        return version.name

    async def audit(
        self,
        version: str,
        *,
        images: int,
        shards: Sequence[Sequence[int]] = (),
        name: str = "one",
        labels: Sequence[str] = LABELS,
        controls: tuple[ControlPlan, ...] = (ControlPlan(Control.CLASS_TARGETED, images=2), ControlPlan(Control.FILL)),
        search: Search = SEARCH,
        cause: Cause = NO_CAUSE,
    ) -> str:
        specification = AuditSpecification(
            model_versions=(version,),
            dataset=DATASET,
            canvas=Canvas(3, 4, 4),
            searches=(search,),
            controls=controls,
            seed=0,
            sample=0,
            device="auto",
        )
        audit = _queued(name, specification, images, images_total=images)
        items = [DatasetItem(f"{place}.png", f"{place:064x}", labels[place % len(labels)]) for place in range(images)]
        async with self.store.transaction() as transaction:
            if await transaction.datasets.get(DATASET) is None:
                await transaction.datasets.create(DATASET, "3" * 64, items)
            await transaction.audits.create(audit, range(images))
            cut = shards or [range(images)]
            searches = [NewShard(Stage.SEARCH, version, 0, tuple(part), 5 * len(part)) for part in cut]
            await transaction.shards.add(PROJECT, audit.name, searches, cause)
        return audit.name

    async def audit_of(
        self,
        versions: Sequence[str],
        *,
        searches: Sequence[Search],
        images: int,
        name: str = "several",
        controls: tuple[ControlPlan, ...] = (),
        second: str = "",
        counterfactual: str = "",
        stopping: Stopping | None = None,
        shard_images: int = 0,
    ) -> str:
        """An audit of several versions under several searches, cut as the API cuts it."""
        specification = AuditSpecification(
            tuple(versions),
            DATASET,
            Canvas(3, 4, 4),
            tuple(searches),
            controls,
            seed=0,
            sample=0,
            device="auto",
            out_of_distribution_dataset=second,
            counterfactual_dataset=counterfactual,
            stopping=stopping,
        )
        async with self.store.transaction() as transaction:
            found = [await transaction.models.version(version) for version in versions]
            known = [version for version in found if version is not None]
            total = planned_images(specification, known, images)
            audit = _queued(name, specification, images, images_total=total)
            items = [DatasetItem(f"{place}.png", f"{place:064x}", LABELS[place % 10]) for place in range(images)]
            if await transaction.datasets.get(DATASET) is None:
                await transaction.datasets.create(DATASET, "3" * 64, items)
            await transaction.audits.create(audit, range(images))
            cut = list(cut_shards(specification, known, images, shard_seconds=60))
            if shard_images:
                cut = [
                    replace(shard, positions=shard.positions[start : start + shard_images])
                    for shard in cut
                    for start in range(0, len(shard.positions), shard_images)
                ]
            await transaction.shards.add(PROJECT, audit.name, cut)
        return audit.name

    def work(
        self,
        model_server: ArithmeticModelServer,
        *,
        store: PostgresStore | None = None,
        wakeups: Wakeups | None = None,
        kept: KeptArtifacts | None = None,
        pauses: Pauses = SHORT_PAUSES,
        traces: Traces = NO_TRACES,
        **changes: object,
    ) -> Worker:
        """Let a worker run until the scene ends, over a store of its own if one is given."""
        settings = self.settings.model_copy(update=changes)
        store, wakeups = store or self.store, wakeups or NoWakeups()
        adapters = store, wakeups, self.artifact_store, model_server
        worker = Worker(*adapters, settings, kept=kept, pauses=pauses, traces=traces)
        self.stops.append(asyncio.Event())
        self.tasks.append(asyncio.create_task(worker.run(self.stops[-1])))
        return worker

    async def stop(self, index: int = -1) -> None:
        """Stop a worker as a signal would."""
        self.stops[index].set()
        await self.tasks[index]

    async def kill(self, index: int = -1) -> None:
        """End a worker without a chance to say anything to the store.

        A killed process closes no connection, and so this worker leaves some. Python finds them forgotten at once, or
        when the last of the worker's tasks has ended: that is no error until this test is over. See `collect`.
        """
        warnings.filterwarnings("ignore", "The garbage collector is trying to clean up", SAWarning)
        warnings.filterwarnings("ignore", "(?s).*was deleted while still open", ResourceWarning)
        self.killed = True
        self.tasks[index].cancel()
        await asyncio.gather(self.tasks[index], return_exceptions=True)
        self.tasks[index] = asyncio.get_running_loop().create_future()
        self.tasks[index].cancel()

    def collect(self) -> None:
        """Collect what killed workers left, which Python would otherwise report in a later test."""
        if self.killed:
            gc.collect()

    async def get(self, audit: str) -> Audit:
        async with self.store.transaction() as transaction:
            found = await transaction.audits.get(audit)
        assert found is not None
        return found

    async def ended(self, audit: str) -> Audit:
        await until(lambda: self._ended(audit))
        return await self.get(audit)

    async def _ended(self, audit: str) -> bool:
        return (await self.get(audit)).state.terminal

    async def version(self, name: str) -> ModelVersion:
        async with self.store.transaction() as transaction:
            found = await transaction.models.version(name)
        assert found is not None
        return found

    async def findings(self, audit: str) -> list[Finding]:
        async with self.store.transaction() as transaction:
            return [finding for _, finding in await transaction.findings.page(audit, after="", limit=1000)]

    async def claim(self) -> Shard | None:
        async with self.store.transaction() as transaction:
            return await transaction.shards.claim("test", lease_seconds=60)

    async def expired(self) -> bool:
        """Return dead leases to the queue; whether no lease is left."""
        async with self.store.transaction() as transaction:
            await transaction.shards.expire()
            return (await transaction.shards.facts())["held"] == 0

    async def read(self, digest: str) -> bytes:
        return b"".join([piece async for piece in self.artifact_store.read(digest)])


def lost_leases(worker: Worker) -> float | None:
    """How many leases the worker has lost."""
    return worker.metrics.registry.get_sample_value("modicum_worker_lease_losses_total")


def _queued(name: str, specification: AuditSpecification, images: int, *, images_total: int) -> Audit:
    return Audit(
        f"{PROJECT}/audits/{name}",
        specification,
        reuse_key=name,
        item_count=images,
        state=AuditState.QUEUED,
        sequence=1,
        principal="someone",
        create_time=datetime.now(UTC),
        progress=AuditProgress(images_total=images_total, passes_planned=5 * images_total),
    )
