"""A Ray cluster on loopback: a head without cores, and raylets with one core each, as `ray start` runs them."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import psutil

from tests import machine, service_logs
from tests.faults.parts import command_line, descendants
from tests.living import lives
from tests.ports import free_port
from tests.waiting import eventually

#: Without what the tests do not need: each of these programs takes seconds to start.
LEAN_HEAD = ("--include-dashboard=false", "--no-monitor", "--disable-usage-stats")
LEAN = "--include-log-monitor=false"
#: Ray gives its agents 15 seconds to start, which is too short on a loaded machine.
STARTS = 5
LOOPBACK = "127.0.0.1"
STORE_BYTES = 80_000_000
RAYLET = "raylet"


@dataclass
class RayCluster:
    """The processes of `ray start`: the head's first."""

    folder: Path
    port: int = field(default_factory=free_port)
    _started: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def address(self) -> str:
        """What `--ray` takes."""
        return f"{LOOPBACK}:{self.port}"

    def start_head(self) -> None:
        """Start a head, which may be a second one after the first was killed."""
        folder = self.folder / f"ray{self._number}"  # the first one's says that a head runs
        places = (f"--port={self.port}", f"--temp-dir={folder}", "--num-cpus=0")
        self._start("--head", *places, *LEAN_HEAD)

    def add_node(self) -> None:
        """Start a raylet with one core."""
        self._start(f"--address={self.address}", "--num-cpus=1")

    def kill_head(self) -> None:
        """Kill everything of the head at once (`kill -9`)."""
        _kill(self._started[0])
        self._started.pop(0)

    def raylet_above(self, pid: int) -> psutil.Process:
        """The raylet that started this process."""
        return next(each for each in psutil.Process(pid).parents() if RAYLET in each.name())

    @property
    def command_lines(self) -> list[str]:
        """The command lines of all its processes, actors included."""
        return [command_line(each) for started in self._started for each in descendants(started.pid)]

    def holds(self, text: str) -> list[Path]:
        """Files in which Ray wrote this text."""
        files = (file for file in self.folder.glob("ray*/**/*") if file.is_file())
        return [file for file in files if text.encode() in file.read_bytes()]

    def close(self) -> None:
        """Kill everything."""
        for started in self._started:
            _kill(started)

    @property
    def _number(self) -> int:
        """How many nodes were started before."""
        return len(list(self.folder.glob("ray-*.log")))

    def _start(self, *options: str) -> None:
        log = self.folder / f"ray-{self._number}.log"
        for _ in range(STARTS):
            process = self._begun(log, options)
            self._started.append(process)
            eventually(lambda p=process: _ready(log) or p.poll() is not None, f"a node; {log}", pause_seconds=0.2)
            if process.poll() is None:
                return
            _kill(self._started.pop())
        raise AssertionError(f"no node of Ray started; {log}")

    def _begun(self, log: Path, options: Sequence[str]) -> "subprocess.Popen[bytes]":
        words = ("start", *options, LEAN, f"--node-ip-address={LOOPBACK}", f"--object-store-memory={STORE_BYTES}")
        with log.open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.fleet.ray_node", *words, "--block"],
                env={name: value for name, value in os.environ.items() if not name.startswith("MODICUM_")},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )


@contextmanager
def ray_cluster(nodes: int) -> Iterator[RayCluster]:
    """Yield a cluster with so many raylets beside the head. Everything is removed at the end."""
    if find_spec("ray") is None:
        machine.missing("Ray is not installed: pip install 'modicum-server[ray]'")
    folder = Path(tempfile.mkdtemp(prefix="mr-"))
    folder.chmod(0o711)
    cluster = RayCluster(folder)
    try:
        with service_logs.shown(folder):
            cluster.start_head()
            for _ in range(nodes):
                cluster.add_node()
            yield cluster
    finally:
        cluster.close()
        shutil.rmtree(folder, ignore_errors=True)


def _ready(log: Path) -> bool:
    return b"Ray runtime started" in log.read_bytes()


def _kill(started: "subprocess.Popen[bytes]") -> None:
    """Kill a `ray start` and all below it, actors and workers included."""
    family = descendants(started.pid)
    started.kill()
    for each in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    started.wait()
    eventually(lambda: not any(map(lives, family)), "the processes of a node of Ray to be gone")
