"""Part (h): what one shard and one page cost the database in audits of growing size. Nothing is searched.

An audit in the midst of its searches is made by SQL: half of its shards have ended, and their images have findings.
Each step is a call that a worker or the API makes.
"""

import asyncio
import functools
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import psycopg
from modicum_server.artifacts.folder_store import FolderArtifactStore
from modicum_server.domain.audits import Audit, AuditProgress, AuditSpecification, AuditState, Shard, Stage
from modicum_server.domain.findings import Finding, Passes, Subset
from modicum_server.domain.models import InputSpecification, ModelCheck, ModelVersion, OutputKind, VersionState, Weights
from modicum_server.domain.searches import Canvas, Control, ControlPlan, Search, SearchMethod
from modicum_server.local.postgres import EmbeddedPostgres
from modicum_server.metrics.worker import WorkerMetrics
from modicum_server.model_server import ModelServer
from modicum_server.ports import AuditFilter
from modicum_server.settings import Settings
from modicum_server.store.migrate import migrate
from modicum_server.store.postgres import PostgresStore
from modicum_server.worker.context import Claim, WorkerContext
from modicum_server.worker.endings import EndShard
from modicum_server.worker.lease import Lease
from modicum_server.worker.plan.search import SearchPlan, plan_search
from modicum_server.worker.settle.remaining import RemainingFindings
from modicum_server.worker.settle.shards import settle
from psycopg import sql
from sqlalchemy import make_url

from benchmarks.local_server import FOLDER_MODE

COUNTS, QUICK_COUNTS = (10_000, 1_000_000), (10_000, 100_000)
SHARD_IMAGES, PAGE = 100, 100
REPEATS = 20
PROJECT = "projects/default"
DATASET, AUDIT, MODEL = f"{PROJECT}/datasets/many", f"{PROJECT}/audits/large", f"{PROJECT}/models/net"
LABELS = ("cat", "dog")
INPUT = InputSpecification(3, 4, 4, 0.0, 1.0, 0, "bilinear", (0.5, 0.5, 0.5), (1.0, 1.0, 1.0))
CHECK = ModelCheck(len(LABELS), OutputKind.LOGITS, useful_gradient=True, pass_milliseconds=1.5)
LEASE_SECONDS = 600.0
#: Is entered with the name of a step.
Timer = Callable[[str], AbstractContextManager[None]]
#: Positions are shuffled as a seeded order of the items is: this is prime, so every position occurs once.
STRIDE = 7_919

_ITEMS = """
    INSERT INTO dataset_items (dataset_id, item_index, item, image_digest, label, boxes_digest, mask_digest)
    SELECT
        datasets.id, place, place || '.png', lpad(to_hex(place), 64, '0'), (%(labels)s::text[])[1 + place %% 2], '', ''
    FROM datasets, generate_series(0, %(count)s - 1) AS place WHERE name = %(dataset)s
"""
_COUNTED_ITEMS = """
    UPDATE datasets SET item_count = %(count)s, labelled_count = %(count)s, labels = %(labels)s WHERE name = %(dataset)s
"""
_AUDIT_ITEMS = """
    INSERT INTO audit_items (audit_id, position, item_index)
    SELECT audits.id, place, place FROM audits, generate_series(0, %(count)s - 1) AS place WHERE name = %(audit)s
"""
_FINDINGS = """
    INSERT INTO findings (
        audit_id, version_index, search_index, position, item, image_digest, label, predicted_class, target_class,
        eligible, confidence, margin, baseline_confident, subset_mask, subset_height, subset_width, subset_size,
        verified_confidence, budget_exhausted, saturated, passes_forward, passes_backward, controls
    )
    SELECT
        audits.id, 0, 0, position, position || '.png', lpad(to_hex(position), 64, '0'), 0, 0, 0,
        true, 0.9, 1, false, '\\xf000'::bytea, 4, 4, 4, 0.9, false, false, 3, 2, '{}'
    FROM audits, generate_series(0, %(count)s::bigint / 2 - 1) AS place,
        LATERAL (SELECT place * %(stride)s %% %(count)s) AS at (position)
    WHERE name = %(audit)s
"""
_SHARDS = """
    INSERT INTO shards (project, audit, stage, model_version, search_index, positions, passes_planned)
    SELECT %(project)s, %(audit)s, 'SEARCH', %(version)s, 0,
        ARRAY(
            SELECT ((first + step) * %(stride)s %% %(count)s)::integer FROM generate_series(0, %(images)s - 1) AS step
        ),
        10 * %(images)s
    FROM generate_series(%(count)s::bigint / 2, %(count)s - 1, %(images)s) AS first
"""


@dataclass(frozen=True, slots=True)
class Site:
    """A store that holds an audit of so many items, half of which are done."""

    context: WorkerContext
    version: str
    count: int
    shard_images: int = SHARD_IMAGES

    @property
    def store(self) -> PostgresStore:
        """The database."""
        return cast("PostgresStore", self.context.store)


def measure(*, quick: bool) -> dict[str, Any]:
    """Time every step in audits of both sizes, by turns, so that both meet the same noise. Return JSON values."""
    runs = asyncio.run(_runs(QUICK_COUNTS if quick else COUNTS))
    return {"repeats": REPEATS, "shard_images": SHARD_IMAGES, "page": PAGE, "runs": runs}


async def _runs(counts: Sequence[int]) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="mb-") as name:
        folder = Path(name)
        folder.chmod(FOLDER_MODE)
        postgres = EmbeddedPostgres(folder / "postgres")
        await postgres.start()
        try:
            async with AsyncExitStack() as sites:
                runs = []
                for count in counts:
                    site = await sites.enter_async_context(filled(_database(postgres.url, count), folder, count))
                    runs.append((site, dict[str, list[float]]()))
                for _ in range(REPEATS):
                    for site, times in runs:
                        await _repeat(site, functools.partial(_timed, times))
        finally:
            await postgres.stop()
    return [_figures(site.count, times) for site, times in runs]


def _database(url: str, count: int) -> str:
    """Make and migrate a database of its own; return its URL."""
    name = f"items_{count}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    own = make_url(url).set(database=name).render_as_string(hide_password=False)
    migrate(own)
    return own


async def _repeat(site: Site, timed: Timer) -> None:
    await work_on_a_shard(site, timed)
    for read in PAGES:
        with timed(read.__name__):
            await read(site)


def _figures(count: int, times: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    milliseconds = {step: round(1000 * statistics.median(each), 2) for step, each in times.items()}
    print(f"growth, {count:,} items: {milliseconds} ms", flush=True)
    return {"items": count, "milliseconds": milliseconds}


@contextmanager
def _timed(times: dict[str, list[float]], step: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    times.setdefault(step, []).append(time.perf_counter() - begun)


@asynccontextmanager
async def filled(database_url: str, folder: Path, count: int, shard_images: int = SHARD_IMAGES) -> AsyncIterator[Site]:
    """Fill a migrated database with an audit of `count` items, a multiple of two shards. Close the store at the end."""
    store = PostgresStore(database_url)
    try:
        site = Site(
            WorkerContext(store, FolderArtifactStore(folder), cast("ModelServer", None), Settings(), WorkerMetrics()),
            await _register(store),
            count,
            shard_images,
        )
        await _fill(site, database_url)
        yield site
    finally:
        await store.close()


async def _fill(site: Site, database_url: str) -> None:
    store, version, count = site.store, site.version, site.count
    async with store.transaction() as transaction:
        await transaction.datasets.create(DATASET, "3" * 64, [])
        await transaction.audits.create(_audit(version, count), [])
        await transaction.audits.start(AUDIT, Stage.SEARCH)
    values = {
        "count": count,
        "labels": list(LABELS),
        "dataset": DATASET,
        "audit": AUDIT,
        "project": PROJECT,
        "version": version,
        "images": site.shard_images,
        "stride": STRIDE,
    }
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        for statement in (_ITEMS, _COUNTED_ITEMS, _AUDIT_ITEMS, _FINDINGS, _SHARDS):
            await psycopg.AsyncClientCursor(connection).execute(statement, values)
        await connection.execute("VACUUM ANALYZE")


async def _register(store: PostgresStore) -> str:
    version = ModelVersion(
        name="",
        source=Weights("1" * 64, "torchvision:resnet18"),
        input=INPUT,
        class_labels=LABELS,
        digest="2" * 64,
        state=VersionState.PENDING,
        create_time=datetime.now(UTC),
    )
    async with store.transaction() as transaction:
        await transaction.models.create(MODEL)
        stored = await transaction.models.create_version(MODEL, version)
        await transaction.models.accept(stored.name, CHECK)
    return stored.name


def _audit(version: str, count: int) -> Audit:
    specification = AuditSpecification(
        model_versions=(version,),
        dataset=DATASET,
        canvas=Canvas(3, 4, 4),
        searches=(Search(SearchMethod.MASK_OPTIMIZATION, 0.9, passes=10),),
        controls=(ControlPlan(Control.CLASS_TARGETED, 100), ControlPlan(Control.SHORTCUT, 0)),
        seed=7,
        sample=0,
        device="auto",
    )
    progress = AuditProgress(images_done=count // 2, images_total=count, passes_planned=10 * count)
    return Audit(
        AUDIT,
        specification,
        reuse_key="key",
        item_count=count,
        state=AuditState.QUEUED,
        sequence=1,
        principal="someone",
        create_time=datetime.now(UTC),
        progress=progress,
    )


async def claim_shard(site: Site) -> Shard:
    """Claim the next shard."""
    async with site.store.transaction() as transaction:
        shard = await transaction.shards.claim("worker", lease_seconds=LEASE_SECONDS)
    assert shard is not None, "the audit has shards"
    return shard


async def plan_shard(site: Site, shard: Shard) -> RemainingFindings:
    """Make the shard's task."""
    plan = await plan_search(site.context, shard)
    assert isinstance(plan, SearchPlan), "the shard has images without a finding"
    return RemainingFindings(shard, plan.task)


async def renew_lease(site: Site, shard: Shard) -> None:
    """Renew the lease of a shard."""
    async with site.store.transaction() as transaction:
        await transaction.shards.renew(shard, lease_seconds=LEASE_SECONDS, passes_done=1)


async def store_findings(site: Site, shard: Shard) -> None:
    """Store all findings of a shard."""
    async with site.store.transaction() as transaction:
        await transaction.findings.add(shard.audit, [_finding(position, shard) for position in shard.positions])


async def end_shard(site: Site, remaining: RemainingFindings) -> None:
    """End a shard that is complete."""
    lease = Lease(site.store, remaining.shard, lease_seconds=LEASE_SECONDS, renew_seconds=LEASE_SECONDS)
    await settle(site.context, Claim(remaining.shard, 0, lease), EndShard(), remaining)


async def read_progress(site: Site) -> None:
    """Read the audit as a watch does."""
    async with site.store.transaction() as transaction:
        await transaction.audits.get(AUDIT)


async def list_audits(site: Site) -> None:
    """Read a page of audits."""
    async with site.store.transaction() as transaction:
        await transaction.audits.page(PROJECT, AuditFilter(), after="", limit=PAGE)


async def list_findings(site: Site) -> None:
    """Read a page in the midst of the findings."""
    async with site.store.transaction() as transaction:
        await transaction.findings.page(AUDIT, after=f"0-0-{site.count // 2}", limit=PAGE)


async def newest_findings(site: Site) -> None:
    """Read what the page of a running audit shows."""
    async with site.store.transaction() as transaction:
        await transaction.findings.last(AUDIT, limit=10)


async def list_items(site: Site) -> None:
    """Read a page in the midst of the data set."""
    async with site.store.transaction() as transaction:
        await transaction.datasets.items(DATASET, after=site.count // 2, limit=PAGE)


#: What the API reads.
PAGES: Sequence[Callable[[Site], Awaitable[None]]] = (
    read_progress,
    list_audits,
    list_findings,
    newest_findings,
    list_items,
)


async def work_on_a_shard(site: Site, timed: Timer) -> None:
    """Do with one shard what a worker does; `timed` is entered with the name of each step."""
    with timed("claim"):
        shard = await claim_shard(site)
    with timed("plan"):
        remaining = await plan_shard(site, shard)
    with timed("renew"):
        await renew_lease(site, shard)
    with timed("store"):
        await store_findings(site, shard)
    with timed("end"):
        await end_shard(site, remaining)


def _finding(position: int, shard: Shard) -> Finding:
    subset = Subset(b"\xf0\x00", 4, 4, 4)
    digest = f"{position:064x}"
    return Finding(position, f"{position}.png", digest, shard.model_version, 0, subset=subset, passes=Passes(3, 2))
