"""How the acceptance tests run the commands as a user does, and look for what they leave behind."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil

PROGRAMS = Path(sys.executable).parent
COMMAND_SECONDS = 150
START_SECONDS = 90
POLL_SECONDS = 0.05
READY = b"worker_started"

T = TypeVar("T")


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    code: int
    output: str
    messages: str

    @property
    def answer(self) -> Any:
        """What it said on stdout, which is JSON and nothing else."""
        return json.loads(self.output)


@dataclass(frozen=True)
class Place:
    """A working folder, and an environment in which no server is set but a data folder and a private tmp."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path) -> "Place":
        """Make the private tmp; its path is short, because sockets lie in it, and every user may pass through."""
        (folder / "tmp").mkdir(exist_ok=True)
        for passed in (folder, folder / "tmp"):
            passed.chmod(0o711)
        return cls(folder)

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def leftovers(self) -> list[str]:
        """What lies in the private tmp; mkdtemp puts everything of ours there."""
        return sorted(path.name for path in (self.folder / "tmp").iterdir())

    def with_variables(self, **variables: str) -> "Place":
        """The same with these variables set."""
        return Place(self.folder, {**self.variables, **variables})

    @property
    def environment(self) -> dict[str, str]:
        """Ours but for what a developer's own server would come in by."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("MODICUM_")}
        own = {"MODICUM_DATA": str(self.data), "TMPDIR": str(self.folder / "tmp"), "OMP_NUM_THREADS": "2"}
        return ours | own | dict(self.variables)

    @contextmanager
    def started(self, program: str, *arguments: object, **options: Any) -> "Iterator[subprocess.Popen[str]]":
        """A program of this environment, at work in the folder; killed if it still is at the end of the block."""
        words = [str(PROGRAMS / program), *map(str, arguments)]
        with subprocess.Popen(words, cwd=self.folder, env=self.environment, text=True, **options) as process:
            try:
                yield process
            finally:
                process.kill()

    def run(self, program: str, *arguments: object, seconds: float = COMMAND_SECONDS) -> Done:
        """Run a program to its end; one that shows a traceback is a bug whatever else it does."""
        with self.started(program, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            output, messages = process.communicate(timeout=seconds)
        assert "Traceback" not in output + messages, messages
        return Done(process.returncode, output, messages)


@dataclass(frozen=True)
class Running:
    """A server that `modicum-server up` runs."""

    place: Place
    process: "subprocess.Popen[str]"

    @property
    def address(self) -> str:
        """host:port of gRPC."""
        return str(self._listening["grpc_address"])

    @property
    def http(self) -> str:
        """http://host:port."""
        return f"http://{self._listening['http_address']}"

    @property
    def token(self) -> str:
        """The administrator's."""
        return (self.place.data / "token").read_text()

    @property
    def worker_http(self) -> str:
        """http://host:port of the worker's metrics, as its log tells it."""
        ports = re.findall(r'"metrics_port": (\d+)', (self.place.data / "worker.log").read_text())
        return f"http://127.0.0.1:{ports[-1]}"

    @property
    def _listening(self) -> Mapping[str, str]:
        entry: Mapping[str, str] = json.loads((self.place.data / "server.json").read_text())
        return entry

    def client_place(self, folder: Path) -> Place:
        """The environment of a user of this server in another folder."""
        return Place(folder, {"MODICUM_ADDRESS": self.address, "MODICUM_TOKEN": self.token, "TMPDIR": "/tmp"})

    def child(self, command: str) -> psutil.Process:
        """Its process whose command line contains `command`."""
        found = [each for each in family(self.process.pid) if command in " ".join(command_line(each))]
        assert found, (
            f"expected a process of {command}, there are {[command_line(p) for p in family(self.process.pid)]}"
        )
        return found[0]


@contextmanager
def running_server(folder: Path, **variables: str) -> Iterator[Running]:
    """A local server, its worker and TorchServe ready, until the block ends; then it leaves, and all with it."""
    place = Place.make(folder).with_variables(**variables)
    with started_server(place) as running:
        members = family(running.process.pid)
        yield running
        members = {*members, *family(running.process.pid)}
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(timeout=60) == 0
    expect_gone(members, seconds=0)
    assert place.leftovers == []


@contextmanager
def started_server(place: Place) -> Iterator[Running]:
    """A local server whose worker is ready; killed if it still runs at the end of the block."""
    log = place.data / "worker.log"
    seen = bytes_of(log).count(READY)
    words = ("up", "--data", place.data, "--grpc-port", 0, "--http-port", 0)
    with place.started("modicum-server", *words, stdout=subprocess.DEVNULL) as process:
        eventually(lambda: bytes_of(log).count(READY) > seen, seconds=START_SECONDS)
        yield Running(place, process)


def family(pid: int) -> set[psutil.Process]:
    """The process and all that came from it and live."""
    try:
        process = psutil.Process(pid)
        return {process, *process.children(recursive=True)}
    except psutil.NoSuchProcess:
        return set()


def command_line(process: psutil.Process) -> list[str]:
    """Its words; none when it is gone."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def expect_gone(members: set[psutil.Process], *, seconds: float) -> None:
    """See that each ends in time."""
    lives = psutil.wait_procs(members, timeout=seconds)[1]
    lives = [each for each in lives if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]
    assert not lives, f"expected no process to live on, these do: {[command_line(each) for each in lives]}"


def eventually(look: Callable[[], T], *, seconds: float = 60.0) -> T:
    """Look until there is something to see."""
    end = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < end, f"nothing to see within {seconds:g} s"
        time.sleep(POLL_SECONDS)
    return seen


def bytes_of(path: Path) -> bytes:
    """What is in a file; nothing where there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
