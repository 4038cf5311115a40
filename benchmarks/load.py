"""Part (e): ten thousand queued audits of one image each, a thousand watches, three projects with unequal queues.

The worker is stopped (SIGSTOP) while the audits are requested, the largest project's first, so that all of them wait
at once. The clock of the run starts when the worker continues. A small run precedes the large one on the same server:
the memory of each process at ten thousand audits is compared with that at five hundred, under as many watches.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from modicum import Client
from modicum.v1 import audit_pb2, project_service_pb2
from modicum.v1.project_service_pb2_grpc import ProjectServiceStub

from benchmarks.load_figures import fairness, outcome, pace, quantiles
from benchmarks.local_server import local_client, server_process
from benchmarks.memory import ARCHITECTURE, PASSES, SIDE, THRESHOLD, peaks_of, tiny_input, write_weights
from benchmarks.traffic import (
    WATCH_CHANNELS,
    Demand,
    Door,
    Tenant,
    Timings,
    Watched,
    all_audits,
    call_on,
    no_timings,
    request_audits,
    unended,
    watch,
)

COUNTS, WATCHES = (500, 10_000), 1_000
QUICK_COUNTS, QUICK_WATCHES = (100, 500), 100
SHARES = {"large": 0.7, "middle": 0.2, "small": 0.1}
"""Whose orders come first, and how many of all are theirs."""
#: One task on each of two cores.
SLOTS = 2
DEMAND = Demand(THRESHOLD, PASSES)
SAMPLE_SECONDS = 0.5
POLL_SECONDS = 0.5
#: After this long without progress, an audit or a watch counts as lost.
PATIENCE_SECONDS = 180.0
#: Bits of a seed within one run.
SEED_BITS = 32
WORKER = "modicum_server.cli worker"
JUDGED = ("API", "worker")


@dataclass(frozen=True, slots=True)
class _Site:
    """A server, and by project the version and data set to audit."""

    address: str
    token: str
    data: Path
    projects: Mapping[str, tuple[str, str]]


def measure(*, quick: bool) -> dict[str, Any]:
    """Measure both runs, and the growth of each process from the first to the second. Return JSON values."""
    counts, watches = (QUICK_COUNTS, QUICK_WATCHES) if quick else (COUNTS, WATCHES)
    with tempfile.TemporaryDirectory(prefix="mb-") as folder, local_client(slots=SLOTS) as (client, data):
        site = _prepared(data, client.address, Path(folder))
        runs = [_measured(site, number, count, watches) for number, count in enumerate(counts, start=1)]
    first, last = (run["peak_mib"] for run in runs)
    growth = {part: last[part] / first[part] for part in JUDGED}
    print("load, memory: " + ", ".join(f"{part} x{ratio:.2f}" for part, ratio in growth.items()), flush=True)
    return {"model": ARCHITECTURE, "passes": PASSES, "slots": SLOTS, "runs": runs, "growth": growth}


def _measured(site: _Site, number: int, count: int, watches: int) -> dict[str, Any]:
    run = asyncio.run(_run(site, number, count, watches))
    print(
        f"load, {count:,} audits: {run['lost']} lost, {run['doubled']} doubled, {run['audits_per_second']} a second, "
        f"{run['watched']}, share {run['fairness']['share']:.2f}, {run['peak_mib']} MiB",
        flush=True,
    )
    return run


def _prepared(data: Path, address: str, folder: Path) -> _Site:
    """For each share, create a project with a version and a data set of one image."""
    token = (data / "token").read_text(encoding="utf-8").strip()
    weights, archive = write_weights(folder), folder / "one.npz"
    np.savez(archive, images=np.random.default_rng(0).integers(0, 256, (1, SIDE, SIDE, 3), dtype=np.uint8))
    projects = {}
    for name in SHARES:
        asyncio.run(_create_project(address, token, name))
        with Client(local=True, data=data, project=name) as client:
            version = client.models.register("tiny", weights=weights, architecture=ARCHITECTURE, input=tiny_input())
            projects[name] = (version.name, client.datasets.upload("one", archive).name)
    return _Site(address, token, data, projects)


async def _create_project(address: str, token: str, name: str) -> None:
    door = Door(address, token)
    request = project_service_pb2.CreateProjectRequest(project_id=name)
    await door.call(ProjectServiceStub(door.channel).CreateProject, request)
    await door.close()


async def _run(site: _Site, number: int, count: int, watches: int) -> dict[str, Any]:
    """Request audits, watch them and make calls until every audit has ended. The run's number keeps its seeds apart."""
    tenants = [
        Tenant(f"projects/{name}", *site.projects[name], audits=round(count * share), seed=number << SEED_BITS)
        for name, share in SHARES.items()
    ]
    requesting, calling, seen = no_timings(), no_timings(), Watched()
    async with _doors(site) as (door, *watching):
        with peaks_of(server_process(site.data), SAMPLE_SECONDS) as peaks:
            with _workers_stopped(site.data):
                begun = time.perf_counter()
                names = await request_audits(door, tenants, DEMAND, requesting)
                request_seconds = time.perf_counter() - begun
                following = asyncio.create_task(watch(watching, _spread(names, watches), seen))
                await _attached(following, seen)
            resumed = datetime.now(UTC)
            async with _calling(door, tenants[-1], names, calling):
                for tenant in tenants:
                    await _all_ended(door, tenant.project)
            await asyncio.wait({following}, timeout=PATIENCE_SECONDS)
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        audits = {tenant.project: await _audits_of(door, tenant) for tenant in tenants}
    return {
        "audits": count,
        "watches": watches,
        "order_seconds": round(request_seconds, 1),
        **outcome(names, audits),
        **pace(audits, resumed),
        "fairness": fairness(audits),
        "calls": {**quantiles(requesting), **quantiles(calling)},
        "watched": seen.counts(),
        "peak_mib": {part: round(peak, 1) for part, peak in sorted(peaks.items())},
    }


@asynccontextmanager
async def _doors(site: _Site) -> AsyncIterator[list[Door]]:
    """Connections: one for requests and calls, the others for watches."""
    doors = [Door(site.address, site.token) for _ in range(1 + WATCH_CHANNELS)]
    try:
        yield doors
    finally:
        await asyncio.gather(*(door.close() for door in doors))


@contextmanager
def _workers_stopped(data: Path) -> Iterator[None]:
    """Stop all workers for the block."""
    workers = [
        process for process in server_process(data).children(recursive=True) if WORKER in " ".join(process.cmdline())
    ]
    for worker in workers:
        worker.suspend()
    try:
        yield
    finally:
        for worker in workers:
            worker.resume()


def _spread(names: Mapping[str, Sequence[str]], watches: int) -> list[str]:
    """Pick this many audits, spread evenly. If there are fewer, some are watched twice."""
    every = [name for each in names.values() for name in each]
    return [every[place * len(every) // watches] for place in range(watches)]


async def _attached(following: asyncio.Task[None], seen: Watched) -> None:
    """Wait until every watch has shown its audit or failed."""
    attached = asyncio.create_task(seen.all_attached.wait())
    await asyncio.wait({following, attached}, return_when=asyncio.FIRST_COMPLETED)
    attached.cancel()
    if following.done():
        following.result()


@asynccontextmanager
async def _calling(
    door: Door, tenant: Tenant, names: Mapping[str, Sequence[str]], timings: Timings
) -> AsyncIterator[None]:
    calls = asyncio.create_task(call_on(door, tenant, DEMAND, names[tenant.project][-1], timings))
    try:
        yield
    finally:
        calls.cancel()
        await asyncio.gather(calls, return_exceptions=True)


async def _all_ended(door: Door, project: str) -> None:
    """Wait until no audit is queued or running. Audits that make no progress for too long count as lost."""
    clock = asyncio.get_running_loop().time
    stuck, since = (), clock()
    while left := await unended(door, project):
        if left != stuck:
            stuck, since = left, clock()
        elif clock() - since > PATIENCE_SECONDS:
            return
        await asyncio.sleep(POLL_SECONDS)


async def _audits_of(door: Door, tenant: Tenant) -> list[audit_pb2.Audit]:
    """The audits of this run."""
    audits = await all_audits(door, tenant.project)
    return [audit for audit in audits if audit.specification.seed >= tenant.seed]
