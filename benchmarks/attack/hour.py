"""Part (j): the attack for an hour through nginx, before two API processes, beside another team's steady calls.

The outsider has a viewer's and an auditor's token of a project of its own, and another address than the team. Each
minute has figures of its own. At the end, every operation is called with names of the team's project.
"""

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # has no types

from benchmarks.attack.attackers import Sizes
from benchmarks.attack.hour_turns import BEFORE, MINUTE_SECONDS, QUIET, TOGETHER, row, stretches, turns
from benchmarks.attack.probe import ids_of_the_team, probe
from benchmarks.attack.proxy import nginx_program, proxied
from benchmarks.attack.relay import LOOPBACK
from benchmarks.attack.run import MEBIBYTE, QUICK_SIZES, SIZES, Team, attack
from benchmarks.attack.site import MALLORY, Site, beside, served
from benchmarks.load_figures import quantiles
from benchmarks.local_server import FOLDER_MODE
from benchmarks.subjects import Absent
from benchmarks.traffic import Timings, no_timings

HOUR_SIZES = replace(SIZES, frames=10, broken=50)
QUICK_HOUR_SIZES = replace(QUICK_SIZES, frames=5, broken=10)
#: From where the outsider calls.
OUTSIDE = "127.0.0.2"
SAMPLE_SECONDS = 2.0
NO_NGINX = (
    "attack-hour was not measured: nginx was not found, neither in PATH nor as /usr/sbin/nginx. Install nginx 1.25.1 "
    "or newer, for example with `apt-get install --no-install-recommends nginx-light`."
)
Processes = Mapping[str, list[psutil.Process]]


@dataclass(slots=True)
class Minute:
    """One minute: what happened, the other team's calls that began in it, and the largest samples."""

    turn: str
    team: Team
    sampled: dict[str, float] = field(default_factory=dict)

    async def sample(self, processes: Processes, seconds: float) -> None:
        """Sample memory and sockets for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for name, value in _sampled(processes):
                self.sampled[name] = max(value, self.sampled.get(name, 0.0))
            await asyncio.sleep(min(SAMPLE_SECONDS, left))

    def row(self) -> dict[str, Any]:
        """Return its figures, once the calls have ended."""
        return row(self.turn, self.team.timings, self.team.failures.total(), self.sampled)


@dataclass(frozen=True, slots=True)
class Siege:
    """The API behind nginx, whose addresses the site has, and what attacks it."""

    site: Site
    processes: Processes
    sizes: Sizes
    minute_seconds: float
    met: dict[str, Counter[str]] = field(default_factory=dict)

    async def go_on(self, planned: Sequence[str]) -> list[Minute]:
        """Let all minutes pass, and wait until every call has ended."""
        passed = []
        async with asyncio.TaskGroup() as calls:
            for turn, count in stretches(planned):
                async with self._attacked(turn):
                    for _ in range(count):
                        passed.append(minute := Minute(turn, Team(self.site)))
                        calls.create_task(minute.team.call_steadily(self.minute_seconds))
                        await minute.sample(self.processes, self.minute_seconds)
                        print(
                            f"attack-hour, minute {len(passed)} of {len(planned)}, {turn}: {minute.row()}", flush=True
                        )
        return passed

    @asynccontextmanager
    async def _attacked(self, turn: str) -> AsyncIterator[None]:
        """Attack with what has this turn, if it is not a quiet one."""
        if turn in QUIET:
            yield
            return
        sizes = self.sizes if turn == TOGETHER else self.sizes.only(turn)
        async with attack(self.site, sizes, source=OUTSIDE) as met:
            yield
        for part, outcomes in met.items():
            self.met.setdefault(part, Counter()).update(outcomes)


def measure(minutes: int, *, quick: bool) -> dict[str, Any]:
    """Attack for so many minutes. Return JSON values.

    Raises:
        Absent: there is no nginx.
    """
    return asyncio.run(besieged(QUICK_HOUR_SIZES if quick else HOUR_SIZES, minutes))


async def besieged(sizes: Sizes, minutes: int, minute_seconds: float = MINUTE_SECONDS) -> dict[str, Any]:
    """Attack as `measure` does. A test has smaller parts and shorter minutes."""
    async with _served(nginx()) as (site, processes):
        ids = await asyncio.to_thread(ids_of_the_team, site)
        siege = Siege(site, processes, sizes, minute_seconds)
        passed = await siege.go_on(turns(sizes.parts(), minutes))
        probed = await asyncio.to_thread(probe, site, (site.viewer, site.tokens[MALLORY]), ids)
    return {
        "sizes": asdict(sizes),
        "minutes": minutes,
        "minute_seconds": minute_seconds,
        "rows": [minute.row() for minute in passed],
        **_calls(passed),
        "met": siege.met,
        "probed": asdict(probed),
    }


def nginx() -> str:
    """Return where nginx is.

    Raises:
        Absent: it is not on this machine.
    """
    program = nginx_program()
    if program is None:
        raise Absent(NO_NGINX)
    return program


@asynccontextmanager
async def _served(program: str) -> AsyncIterator[tuple[Site, Processes]]:
    """Serve by two API processes behind nginx. The site has the addresses of nginx."""
    with tempfile.TemporaryDirectory(prefix="mb-") as name:
        folder = Path(name)
        folder.chmod(FOLDER_MODE)  # as root, Postgres is another user
        trusted = {"MODICUM_TRUSTED_PROXIES": LOOPBACK}
        async with served(folder, **trusted) as first, beside(folder, first, **trusted) as second:
            with proxied(program, folder / "nginx", [first, second]) as proxy:
                main = psutil.Process(proxy.pid)
                processes = {
                    "api": [psutil.Process(site.pid) for site in (first, second)],
                    "nginx": [main, *main.children(recursive=True)],
                }
                yield replace(first, grpc_address=proxy.grpc_address, http_address=proxy.http_address), processes


def _sampled(processes: Processes) -> Iterator[tuple[str, float]]:
    for name, each in processes.items():
        yield f"{name}_mib", round(sum(process.memory_info().rss for process in each) / MEBIBYTE, 1)
        yield f"{name}_sockets", sum(_sockets(process.pid) for process in each)


def _sockets(pid: int) -> int:
    """Return how many sockets a process has open."""
    count = 0
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            count += str(entry.readlink()).startswith("socket:")
    return count


def _calls(passed: Sequence[Minute]) -> dict[str, Any]:
    """Return latencies and failures by kind of call: of the minutes before the attack, and of those under it."""
    without = [minute.team for minute in passed if minute.turn == BEFORE]
    during = [minute.team for minute in passed if minute.turn not in QUIET]
    teams = {"without": without, "under attack": during}
    return {
        "calls": {when: quantiles(_together(each)) for when, each in teams.items()},
        "failures": {when: dict(sum((team.failures for team in each), Counter())) for when, each in teams.items()},
    }


def _together(teams: Sequence[Team]) -> Timings:
    together = no_timings()
    for team in teams:
        for name, seconds in team.timings.items():
            together[name] += seconds
    return together
