"""Runs the commands as a user does, and looks for what they leave behind."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil

from tests.living import lives
from tests.waiting import PATIENCE_SECONDS, eventually

PROGRAMS = Path(sys.executable).parent
SERVER = "modicum-server"
COMMAND_SECONDS = 300
READY = b"worker_started"


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    output: str
    messages: str

    @property
    def document(self) -> Any:
        """Its stdout, which must be one JSON document."""
        return json.loads(self.output)


@dataclass(frozen=True)
class Place:
    """A working folder, and an environment with only a data folder and a private tmp; no server is set."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    forked: str = ""
    """What `run` runs in place of the installed `modicum`: words of `tests.forked.command`, without the imports."""

    @classmethod
    def make(cls, folder: Path) -> "Place":
        """Make the private tmp. Its path is short because it holds sockets, and every user may enter it."""
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
        """What is in the private tmp, where mkdtemp creates all folders of the service."""
        return sorted(path.name for path in (self.folder / "tmp").iterdir())

    def with_variables(self, **variables: str) -> "Place":
        """The same place with these variables set."""
        return replace(self, variables={**self.variables, **variables})

    @property
    def fresh(self) -> "Place":
        """The same place, where `run` starts the installed command, as a user does."""
        return replace(self, forked="")

    @property
    def environment(self) -> dict[str, str]:
        """The environment without variables for a developer's own server."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith("MODICUM_")}
        own = {"MODICUM_DATA": str(self.data), "TMPDIR": str(self.folder / "tmp"), "OMP_NUM_THREADS": "2"}
        return ours | own | dict(self.variables)

    @contextmanager
    def started(self, program: str | Path, *arguments: object, **options: Any) -> "Iterator[subprocess.Popen[str]]":
        """Start a program, of this environment or at a path, in the folder. Kill it at the end of the block."""
        with self._started(str(PROGRAMS / program), *arguments, **options) as process:
            yield process

    @contextmanager
    def _started(self, *words: object, **options: Any) -> "Iterator[subprocess.Popen[str]]":
        with subprocess.Popen(
            [*map(str, words)], cwd=self.folder, env=self.environment, text=True, **options
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def run(self, program: str | Path, *arguments: object, seconds: float = COMMAND_SECONDS) -> Done:
        """Run a program of this environment, or at a path, to its end. A traceback in its output fails the test."""
        words = shlex.split(self.forked) if self.forked and program == "modicum" else [PROGRAMS / program]
        with self._started(*words, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
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
        """The administrator's token."""
        return (self.place.data / "token").read_text()

    @property
    def worker_http(self) -> str:
        """http://host:port of the worker's metrics, from its log."""
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
def running_server(folder: Path, program: str | Path = SERVER, **variables: str) -> Iterator[Running]:
    """Yield a local server whose worker and TorchServe are ready. It stops at the end and leaves nothing."""
    place = Place.make(folder).with_variables(**variables)
    with started_server(place, program) as running:
        members = family(running.process.pid)
        yield running
        members = {*members, *family(running.process.pid)}
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(PATIENCE_SECONDS) == 0
    expect_gone(members, seconds=0)
    assert place.leftovers == []


@contextmanager
def started_server(place: Place, program: str | Path = SERVER) -> Iterator[Running]:
    """Yield a local server that is ready, with its worker. Kill it if it still runs at the end of the block."""
    log = place.data / "worker.log"
    seen = bytes_of(log).count(READY)
    words = ("up", "--data", place.data, "--grpc-port", 0, "--http-port", 0)
    with place.started(program, *words, stdout=subprocess.DEVNULL) as process:
        eventually(lambda: bytes_of(log).count(READY) > seen, f"a worker that has started; {log}")
        eventually(lambda: _announces(place, process.pid), f"the addresses of the server; {place.data}")
        yield Running(place, process)


def _announces(place: Place, pid: int) -> bool:
    """Whether a server says where it listens. What a killed one said is still there."""
    return f'"pid": {pid},'.encode() in bytes_of(place.data / "server.json")


def family(pid: int) -> set[psutil.Process]:
    """The process and all its living descendants."""
    try:
        process = psutil.Process(pid)
        return {process, *process.children(recursive=True)}
    except psutil.NoSuchProcess:
        return set()


def command_line(process: psutil.Process) -> list[str]:
    """Its command line, or an empty string when it is gone."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def expect_gone(members: set[psutil.Process], *, seconds: float) -> None:
    """Check that each ends in time."""
    left = [each for each in psutil.wait_procs(members, timeout=seconds)[1] if lives(each)]
    assert not left, f"expected no process to live on, these do: {[command_line(each) for each in left]}"


def bytes_of(path: Path) -> bytes:
    """The bytes of a file; none if there is no file."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
