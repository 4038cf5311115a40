"""Part (i): an attack with every means that two tokens give, beside the calls of another team.

The other team calls before the attack and during it, and the resident memory of the API is sampled all the time. The
attackers are a process of their own with the lowest priority, on the same cores. Everything is on loopback. Each part
of the attack is measured by itself, too, with a server of its own.
"""

import asyncio
import json
import secrets
import ssl
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from http.client import HTTPException
from itertools import cycle
from pathlib import Path
from types import MappingProxyType
from typing import Any

import grpc.aio
import psutil  # type: ignore[import-untyped]  # has no types
from modicum.v1 import audit_service_pb2
from modicum.v1.audit_service_pb2_grpc import AuditServiceStub

from benchmarks.attack.attackers import Plan, Sizes
from benchmarks.attack.site import MALLORY, TEAM, Site, served
from benchmarks.load_figures import quantiles
from benchmarks.local_server import FOLDER_MODE
from benchmarks.traffic import Demand, Tenant, Timings, create_request, no_timings, timed

MEBIBYTE = 1024**2
SIZES = Sizes(silent=1_000, bodies=250, watches=2_000, downloads=100, guesses=50, calls=100)
QUICK_SIZES = Sizes(silent=250, bodies=40, watches=600, downloads=20, guesses=10, calls=20)
SECONDS, QUICK_SECONDS = (20.0, 60.0), (5.0, 15.0)
"""How long the other team calls before the attack, and during it."""
ALONE_SECONDS = (3.0, 15.0)
"""The same where one part of the attack is measured by itself."""
#: Time in which the attackers come to all their places before the second calls begin.
ATTACH_SECONDS = 5.0
#: After the attack, the memory that stays is looked at once this long has passed: no connection of it lives longer.
AFTER_SECONDS = 20.0
PAUSE_SECONDS, SAMPLE_SECONDS, CALL_SECONDS = 0.05, 0.25, 60.0
#: How often the other team begins a call where it calls steadily.
STEADY_SECONDS = 0.25
SMALL_AUDIT, SEED_BITS = "CreateAudit and CancelAudit", 31
TENANT = Tenant(TEAM, f"{TEAM}/models/net/versions/1", f"{TEAM}/datasets/photos", audits=0, seed=0)
DEMAND = Demand(threshold=0.9, passes=100)
Calls = Mapping[str, Callable[[], Awaitable[Any]]]
NOTHING_AWAITED: Mapping[str, str] = MappingProxyType({})
ATTACKERS = ("-m", "benchmarks.attack.attackers")


@dataclass(slots=True)
class Memory:
    """Resident memory of a process in MiB, sampled while it is watched."""

    process: psutil.Process
    peak_mib: float = 0.0

    def now_mib(self) -> float:
        """Return what it is at this moment."""
        return float(self.process.memory_info().rss) / MEBIBYTE

    async def watch(self) -> None:
        """Keep the largest sample."""
        while True:
            self.peak_mib = max(self.peak_mib, self.now_mib())
            await asyncio.sleep(SAMPLE_SECONDS)


@dataclass(slots=True)
class Team:
    """The other team: reads its audit, lists its audits, and reads it over REST on a new connection each time."""

    site: Site
    timings: Timings = field(default_factory=no_timings)
    failures: Counter[str] = field(default_factory=Counter)

    async def call(self, seconds: float) -> None:
        """Call one after another for so long."""
        end = time.monotonic() + seconds
        async with self._calls() as calls:
            while time.monotonic() < end:
                for name, call in calls.items():
                    await self._timed(name, call())
                await asyncio.sleep(PAUSE_SECONDS)

    async def call_steadily(self, seconds: float) -> None:
        """Begin a call every `STEADY_SECONDS`, each kind in turn, although earlier calls may not have ended."""
        begun = time.monotonic()
        async with self._calls(audits=True) as calls, asyncio.TaskGroup() as group:
            for place, (name, call) in enumerate(cycle(calls.items())):
                await asyncio.sleep(begun + place * STEADY_SECONDS - time.monotonic())
                if place * STEADY_SECONDS >= seconds:
                    return
                group.create_task(self._timed(name, call()))

    @asynccontextmanager
    async def _calls(self, *, audits: bool = False) -> AsyncIterator[Calls]:
        """Yield what begins a call of each kind, by its name; with `audits`, also what creates and cancels one."""
        credentials = grpc.ssl_channel_credentials(self.site.certificate.read_bytes())
        async with grpc.aio.secure_channel(self.site.grpc_address, credentials) as channel:
            told = {"metadata": (("authorization", f"Bearer {self.site.tokens[TEAM]}"),), "timeout": CALL_SECONDS}
            stub = AuditServiceStub(channel)
            one = audit_service_pb2.GetAuditRequest(name=self.site.audits[TEAM])
            every = audit_service_pb2.ListAuditsRequest(parent=TEAM)
            calls: dict[str, Callable[[], Awaitable[Any]]] = {
                "GetAudit": lambda: stub.GetAudit(one, **told),
                "ListAudits": lambda: stub.ListAudits(every, **told),
                "GET of an audit, with a new connection": lambda: asyncio.to_thread(self._fetch),
            }
            yield {**calls, SMALL_AUDIT: lambda: _create_and_cancel(stub, told)} if audits else calls

    async def _timed(self, name: str, call: Any) -> None:
        try:
            await timed(self.timings, name, call)
        except grpc.aio.AioRpcError as error:
            self.failures[f"{name}: {error.code().name}"] += 1
        except (OSError, HTTPException) as error:
            self.failures[f"{name}: {type(error).__name__}"] += 1

    def _fetch(self) -> None:
        address = f"https://{self.site.http_address}/v1/{self.site.audits[TEAM]}"
        asked = urllib.request.Request(address, headers={"Authorization": f"Bearer {self.site.tokens[TEAM]}"})
        trust = ssl.create_default_context(cafile=str(self.site.certificate))
        with urllib.request.urlopen(asked, context=trust, timeout=CALL_SECONDS) as response:  # noqa: S310 - https above
            response.read()


async def _create_and_cancel(stub: AuditServiceStub, told: Mapping[str, Any]) -> None:
    """Create an audit of one image, which no worker runs, and cancel it."""
    audit = await stub.CreateAudit(create_request(TENANT, DEMAND, secrets.randbits(SEED_BITS)), **told)
    await stub.CancelAudit(audit_service_pb2.CancelAuditRequest(name=audit.name), **told)


def measure(*, quick: bool) -> dict[str, Any]:
    """Attack a server with its default settings: with all parts, and with each by itself. Return JSON values."""
    sizes, (before, during) = (QUICK_SIZES, QUICK_SECONDS) if quick else (SIZES, SECONDS)
    together = asyncio.run(attacked(sizes, before_seconds=before, during_seconds=during))
    return {**together, "alone": {part: alone(part, sizes, *ALONE_SECONDS) for part in sizes.parts()}}


def alone(part: str, sizes: Sizes, before_seconds: float, during_seconds: float) -> dict[str, Any]:
    """Attack with one part. Return JSON values."""
    print(f"attack with {part} alone", flush=True)
    seconds = {"before_seconds": before_seconds, "during_seconds": during_seconds, "after_seconds": 0.0}
    return asyncio.run(attacked(sizes.only(part), **seconds))


async def attacked(
    sizes: Sizes,
    *,
    before_seconds: float,
    during_seconds: float,
    after_seconds: float = AFTER_SECONDS,
    awaited: Mapping[str, str] = NOTHING_AWAITED,
    **settings: str,
) -> dict[str, Any]:
    """Serve, let the other team call, attack, let it call again, and see what memory stays.

    The attack goes on until each part that `awaited` names has met its outcome, however slow the machine is.
    """
    with tempfile.TemporaryDirectory(prefix="mb-") as name:
        folder = Path(name)
        folder.chmod(FOLDER_MODE)  # as root, Postgres is another user
        async with served(folder, **settings) as site:
            memory, quiet, under_attack = Memory(psutil.Process(site.pid)), Team(site), Team(site)
            watching = asyncio.create_task(memory.watch())
            await quiet.call(before_seconds)
            before = memory.peak_mib
            async with attack(site, sizes, awaited) as tally:
                await asyncio.sleep(ATTACH_SECONDS)
                await under_attack.call(during_seconds)
            peak = memory.peak_mib
            await asyncio.sleep(after_seconds)
            watching.cancel()
            mib = {"before": round(before, 1), "peak": round(peak, 1), "after": round(memory.now_mib(), 1)}
    figures = {
        "sizes": asdict(sizes),
        "seconds": {"before": before_seconds, "during": during_seconds, "after": after_seconds},
        "memory_mib": mib,
        "calls": {"without": quantiles(quiet.timings), "under attack": quantiles(under_attack.timings)},
        "failures": {"without": dict(quiet.failures), "under attack": dict(under_attack.failures)},
        "met": tally,
    }
    _tell(figures)
    return figures


@asynccontextmanager
async def attack(
    site: Site, sizes: Sizes, awaited: Mapping[str, str] = NOTHING_AWAITED, *, source: str = ""
) -> AsyncIterator[dict[str, dict[str, int]]]:
    """Attack while the context is open. What the attack met is in the yielded value once it has ended."""
    plan = Plan(
        site.grpc_address,
        site.http_address,
        str(site.certificate),
        auditor=site.tokens[MALLORY],
        viewer=site.viewer,
        project=MALLORY,
        audit=site.audits[MALLORY],
        artifact=site.artifact,
        sizes=sizes,
        source=source,
        awaited=dict(awaited),
    )
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, *ATTACKERS, stdin=pipe, stdout=pipe)
    assert process.stdin is not None, "it was given a pipe"
    process.stdin.write(f"{plan.as_json()}\n".encode())
    await process.stdin.drain()
    met: dict[str, dict[str, int]] = {}
    try:
        yield met
        process.stdin.close()  # which ends the attack
        told, _ = await process.communicate()
        met.update(json.loads(told))
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _tell(figures: dict[str, Any]) -> None:
    print(f"attack, memory of the API in MiB: {figures['memory_mib']}", flush=True)
    for when, calls in figures["calls"].items():
        for method, each in calls.items():
            words = f"{each['calls']} calls, p50 {each['p50_ms']:g} ms, p99 {each['p99_ms']:g} ms"
            print(f"attack, {method}, {when}: {words}", flush=True)
    print(f"attack, failures: {figures['failures']}; met: {figures['met']}", flush=True)
