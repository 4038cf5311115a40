"""A real TorchServe with the real handler for hostile models, and what such a model would like to reach."""

import contextlib
import hashlib
import json
import socket
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from modicum_server.domain.models import (
    Executable,
    ExecutableKind,
    InputSpecification,
    ModelVersion,
    VersionState,
    Weights,
)
from modicum_server.domain.tasks import CheckWork, Task
from modicum_server.model_process.cifar_resnet import build_cifar_resnet
from safetensors.torch import save

from tests.torchserve.hostile_programs import CLASSES, SIZE
from tests.torchserve.torchserve_stage import Never


class Programs:
    """An artifact store that holds what a test puts into it."""

    def __init__(self, folder):
        self.folder = folder

    def add(self, data):
        digest = hashlib.sha256(data).hexdigest()
        (self.folder / digest).write_bytes(data)
        return digest

    async def fetch(self, digest, destination):
        destination.hardlink_to(self.folder / digest)


def check_task(source):
    """A check of a version: loads it and passes a few images through it."""
    version = ModelVersion(
        name="projects/p/models/m/versions/1",
        source=source,
        input=InputSpecification(3, SIZE, SIZE, 0.0, 1.0, 0, "bilinear", (0.5,) * 3, (0.5,) * 3),
        class_labels=(),
        digest=source.digest,
        state=VersionState.READY,
        create_time=datetime.now(UTC),
    )
    return Task(id="check", attempt=1, model_version=version, work=CheckWork())


def weights():
    """An honest model that is data."""
    return save(build_cifar_resnet("cifar_resnet8", CLASSES).state_dict())


class Stage:
    """A TorchServe with the real handler at a known level, and what a hostile program would like to reach."""

    def __init__(self, server, programs, folder, listener):
        self.server, self.programs, self.folder, self.listener = server, programs, folder, listener
        self.token, self.weights = folder / "token", weights()

    async def run(self, data, kind=ExecutableKind.EXPORTED, *, slot=0):
        """Run a check of a program; return its events."""
        return await self._run(Executable(self.programs.add(data), kind), slot)

    async def run_weights(self, *, slot):
        """Run a check of an honest model; return its events."""
        return await self._run(Weights(self.programs.add(self.weights), "modicum:cifar_resnet8"), slot)

    async def _run(self, source, slot):
        return [event async for event in self.server.run(slot, check_task(source), Never())]

    async def running(self):
        return await self.server._supervisor.ready(60)

    async def tmp(self, slot=0):
        return (await self.running()).folder.workers / f"slot{slot}" / "tmp"

    async def plan(self):
        """Paths, ports and process ids for the payload."""
        running = await self.running()
        settings = dict(
            line.split("=", 1) for line in (running.folder.path / "config.properties").read_text().splitlines()
        )
        neighbour = running.folder.workers / "slot1"
        neighbour_file = self.server._slots[1].folder / "weights"
        neighbour_file.write_text("a neighbour's weights")
        return {
            "token": str(self.token),
            "neighbour_file": str(neighbour_file),
            "neighbour_tmp": str(neighbour / "tmp"),
            "neighbour_socket": str(next((neighbour / "socket").iterdir())),
            "slot": str(self.server._slots[0].folder),
            "keys": str(running.folder.keys),
            "server": running.process.pid,
            "management": int(settings["grpc_management_port"]),
            "address": LISTENING,
            "port": self.listener.port,
            "management_address": "127.0.0.1",
            "datagrams": self.listener.path,
            "system_tmp": str(self.folder),
        }


LISTENING = "127.0.0.77"
"""An address of loopback that nothing else uses: a TorchServe that starts beside this asks ports of 127.0.0.1."""


class Listener:
    """A port on loopback in the place of a database's, and a Unix socket for datagrams: knows whether someone came."""

    def __init__(self, tcp, *datagrams):
        self._tcp, self._datagrams = tcp, datagrams
        self.port, self.path = tcp.getsockname()[1], datagrams[-1].getsockname()

    def visitors(self):
        """How many connections and datagrams came since it was last asked."""
        count = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                self._tcp.accept()[0].close()
                count += 1
        for socket_ in self._datagrams:
            with contextlib.suppress(BlockingIOError):
                while True:
                    socket_.recv(16)
                    count += 1
        return count


@contextlib.contextmanager
def listening():
    """A listener for TCP and UDP on the same free port, and at a Unix address."""
    with (
        tempfile.TemporaryDirectory(prefix="mt-") as folder,
        socket.socket() as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unix,
    ):
        tcp.bind((LISTENING, 0))
        tcp.listen()
        udp.bind(tcp.getsockname())
        unix.bind(str(Path(folder, "datagrams")))
        for each in (tcp, udp, unix):
            each.setblocking(False)
        yield Listener(tcp, udp, unix)


def read_report(tmp):
    """What the payload reported into its tmp, None before; lets the payload go on.

    The report is taken away: until the slot's next process starts, the next reader would take it for its own.
    """
    try:
        answers = json.loads((tmp / "report.json").read_text())
        (tmp / "report.json").unlink()
    except OSError:
        return None
    (tmp / "read").touch()
    return answers
