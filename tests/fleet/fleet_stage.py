"""The stage of the faults without its own worker, and a fleet in its place."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.parts import Part
from tests.faults.stage import Stage
from tests.fleet.ray_cluster import RayCluster
from tests.living import lives
from tests.waiting import eventually

#: In the address of the database. Peers are let in without it.
PASSWORD = "not-to-be-seen-by-ray"


@dataclass(frozen=True)
class Fleet:
    """A running `modicum-server fleet`."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Lines of its log."""
        return Part("fleet", [], {}, self.log, ready=lambda _: True).lines(event)

    @property
    def running(self) -> int:
        """How many workers it says run."""
        return int((self.lines("fleet_size") or [{"running": 0}])[-1]["running"])

    @property
    def worker_pids(self) -> list[int]:
        """Process ids of all workers that it ever started."""
        return [int(line["worker_pid"]) for line in self.lines("fleet_worker_started")]

    def wait_running(self, count: int) -> None:
        """Wait until so many workers run."""
        eventually(lambda: self.running == count, f"{count} workers; {self.log}", pause_seconds=0.2)

    def end(self) -> int:
        """End it as an operator does. Return its exit code."""
        self.process.terminate()
        return self.process.wait(timeout=120)


@contextmanager
def fleet(stage: Stage, cluster: RayCluster, *options: str) -> Iterator[Fleet]:
    """Yield a fleet for the stage's database in the cluster. It ends with the block."""
    settings = write_settings(stage, cluster.folder / "worker.env")
    log = cluster.folder / f"fleet-{len(list(cluster.folder.glob('fleet-*.log')))}.log"
    words = ("fleet", "--ray", cluster.address, "--settings", str(settings), *options)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MODICUM_", "PG"))}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "modicum_server.cli", *words],
            env=clean,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    running = Fleet(process, log)
    try:
        yield running
        assert running.end() == 0, log.read_text()
        eventually(lambda: not any(map(lives, running.worker_pids)), "the workers of the fleet to end")
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()


def write_settings(stage: Stage, path: Path) -> Path:
    """Write the settings of the stage's workers, for their owner alone, with a password in the database's address."""
    ours = {name: value for name, value in stage.environment.items() if name.startswith(("MODICUM_", "OMP_"))}
    ours["MODICUM_DATABASE_URL"] += f"&password={PASSWORD}"
    ours |= {"TMPDIR": str(stage.tmp)}
    path.touch(mode=0o600)
    path.write_text("".join(f"{name}={value}\n" for name, value in ours.items()))
    return path
