"""The load: audit requests, watches and calls over gRPC, as any client makes them. It judges and writes nothing."""

import asyncio
import time
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc.aio
from modicum.v1 import audit_pb2, audit_service_pb2, dataset_service_pb2, model_service_pb2, search_pb2
from modicum.v1.audit_service_pb2_grpc import AuditServiceStub
from modicum.v1.dataset_service_pb2_grpc import DatasetServiceStub
from modicum.v1.model_service_pb2_grpc import ModelServiceStub

#: Requests in flight at once.
REQUESTS_AT_ONCE = 8
#: Pause between two of the calls that are made while the audits run.
CALL_PAUSE_SECONDS = 0.05
#: Connections that the watches share.
WATCH_CHANNELS = 10
#: How long a watch waits before it resumes.
RESUME_SECONDS = 1.0
PAGE_SIZE = 1000
RUNNING_SHOWN = 10
UNUSED_SEED = 2**60
ENDED = frozenset(
    {audit_pb2.Audit.STATE_SUCCEEDED, audit_pb2.Audit.STATE_FAILED, audit_pb2.Audit.STATE_CANCELLED},
)
Timings = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Tenant:
    """A project, what its audits are about, how many it requests, and the first seed. Every audit has its own seed."""

    project: str
    version: str
    dataset: str
    audits: int
    seed: int


@dataclass(frozen=True, slots=True)
class Demand:
    """What every audit requests: one search without controls."""

    threshold: float
    passes: int

    def specification(self, tenant: Tenant, seed: int) -> audit_pb2.AuditSpecification:
        """The specification. Different seeds give different reuse keys, so no audit reuses another's result."""
        return audit_pb2.AuditSpecification(
            model_versions=[tenant.version],
            dataset=tenant.dataset,
            searches=[search_pb2.Search(threshold=self.threshold, passes=self.passes)],
            seed=seed,
            no_controls=True,
        )


@dataclass
class Watched:
    """What the watches saw."""

    attached: int = 0
    events: int = 0
    ended: int = 0
    resumed: int = 0
    backwards: int = 0
    all_attached: asyncio.Event = field(default_factory=asyncio.Event)

    def counts(self) -> dict[str, int]:
        """The counts as JSON values."""
        return {name: getattr(self, name) for name in ("attached", "events", "ended", "resumed", "backwards")}


class Door:
    """A gRPC connection to the server, with a token."""

    def __init__(self, address: str, token: str) -> None:
        """Open a connection."""
        # Channels with equal options would share one connection.
        self.channel = grpc.aio.insecure_channel(address, options=(("grpc.use_local_subchannel_pool", 1),))
        self.metadata = (("authorization", f"Bearer {token}"),)
        self.audits, self.datasets, self.models = (
            stub(self.channel) for stub in (AuditServiceStub, DatasetServiceStub, ModelServiceStub)
        )

    async def call(self, method: Any, request: Any) -> Any:
        """Make one call and return the reply."""
        return await method(request, metadata=self.metadata, timeout=120.0)

    async def close(self) -> None:
        """Close the connection."""
        await self.channel.close()


async def request_audits(
    door: Door, tenants: Sequence[Tenant], demand: Demand, timings: Timings
) -> dict[str, list[str]]:
    """Request every tenant's audits, the first tenant's first. Return the acknowledged names by project."""
    waiting = iter([(tenant, seed) for tenant in tenants for seed in range(tenant.seed, tenant.seed + tenant.audits)])
    names: dict[str, list[str]] = {tenant.project: [] for tenant in tenants}

    async def one_after_another() -> None:
        for tenant, seed in waiting:
            request = create_request(tenant, demand, seed)
            audit = await timed(timings, "CreateAudit", door.call(door.audits.CreateAudit, request))
            names[tenant.project].append(audit.name)

    await asyncio.gather(*(one_after_another() for _ in range(REQUESTS_AT_ONCE)))
    return names


def create_request(
    tenant: Tenant, demand: Demand, seed: int, *, dry: bool = False
) -> audit_service_pb2.CreateAuditRequest:
    """Return a request for an audit of the tenant's."""
    return audit_service_pb2.CreateAuditRequest(
        parent=tenant.project,
        audit=audit_pb2.Audit(specification=demand.specification(tenant, seed)),
        request_id="" if dry else str(uuid.uuid4()),
        validate_only=dry,
    )


async def timed(timings: Timings, name: str, call: Awaitable[Any]) -> Any:
    """The reply of a call. Its seconds are added to those of the name."""
    begun = time.perf_counter()
    reply = await call
    timings[name].append(time.perf_counter() - begun)
    return reply


async def watch(doors: Sequence[Door], names: Sequence[str], seen: Watched) -> None:
    """Watch each audit to its end, on the connections in turn."""
    await asyncio.gather(
        *(_watch_one(doors[place % len(doors)], name, seen, len(names)) for place, name in enumerate(names))
    )


async def _watch_one(door: Door, name: str, seen: Watched, count: int) -> None:
    last = 0
    while True:
        try:
            request = audit_service_pb2.WatchAuditRequest(name=name, after_sequence=last)
            async for event in door.audits.WatchAudit(request, metadata=door.metadata):
                seen.attached += last == 0
                if seen.attached == count:
                    seen.all_attached.set()
                seen.events += 1
                seen.backwards += event.audit.sequence < last
                last = event.audit.sequence
                if event.audit.state in ENDED:
                    seen.ended += 1
                    return
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
        seen.resumed += 1
        await asyncio.sleep(RESUME_SECONDS)


async def call_on(door: Door, tenant: Tenant, demand: Demand, name: str, timings: Timings) -> None:
    """Call one method after another until cancelled."""
    audits = door.audits
    calls: dict[str, Callable[[], Awaitable[Any]]] = {
        "GetAudit": lambda: door.call(audits.GetAudit, audit_service_pb2.GetAuditRequest(name=name)),
        "ListAudits": lambda: door.call(
            audits.ListAudits, audit_service_pb2.ListAuditsRequest(parent=tenant.project, page_size=100)
        ),
        "ListFindings": lambda: door.call(audits.ListFindings, audit_service_pb2.ListFindingsRequest(parent=name)),
        "CreateAudit, validate_only": lambda: door.call(
            audits.CreateAudit, create_request(tenant, demand, UNUSED_SEED, dry=True)
        ),
        "GetDataset": lambda: door.call(
            door.datasets.GetDataset, dataset_service_pb2.GetDatasetRequest(name=tenant.dataset)
        ),
        "GetModelVersion": lambda: door.call(
            door.models.GetModelVersion, model_service_pb2.GetModelVersionRequest(name=tenant.version)
        ),
    }
    while True:
        for method, call in calls.items():
            await timed(timings, method, call())
            await asyncio.sleep(CALL_PAUSE_SECONDS)


async def all_audits(door: Door, project: str) -> list[audit_pb2.Audit]:
    """The current state of every audit of the project."""
    found: list[audit_pb2.Audit] = []
    token = ""
    while True:
        request = audit_service_pb2.ListAuditsRequest(parent=project, page_size=PAGE_SIZE, page_token=token)
        page = await door.call(door.audits.ListAudits, request)
        found += page.audits
        if not (token := page.next_page_token):
            return found


async def unended(door: Door, project: str) -> tuple[str, ...]:
    """Names of some running audits of the project, or else of one queued audit. Empty when all have ended."""
    for state, most in (("RUNNING", RUNNING_SHOWN), ("QUEUED", 1)):
        request = audit_service_pb2.ListAuditsRequest(parent=project, page_size=most, filter=f"state = {state}")
        if audits := (await door.call(door.audits.ListAudits, request)).audits:
            return tuple(audit.name for audit in audits)
    return ()


def no_timings() -> Timings:
    """An empty record of timings."""
    return defaultdict(list)
