"""The attempts of the hostile program where nothing confines it: each is a real one, and would come through."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from modicum_server.domain.models import Executable, ExecutableKind
from modicum_server.model_server import ExecutableNotEnclosed
from modicum_server.settings import Settings
from modicum_server.torchserve.adapter import TorchServe
from modicum_server.torchserve.confinement.plan import Level
from modicum_server.torchserve.isolation import CODE_MUST_NOT, Isolation

from tests.torchserve import hostile_payload
from tests.torchserve import hostile_programs as hostile
from tests.torchserve.hostile_stage import LISTENING, Programs, check_task, listening, read_report
from tests.torchserve.torchserve_stage import Never

PATIENCE_SECONDS = 60
CAP_SYS_ADMIN = 21
"""The number of the capability that a namespace takes. A container around the tests may have taken it away."""
PLANTED = (Path("/dev/shm/modicum-planted"), Path("/dev/modicum-planted"))


@pytest.mark.skipif(os.getuid() != 0, reason="others may not do all of it: there is less to confine")
def test_each_attempt_comes_through_where_nothing_confines_it(short_folder):
    home = short_folder / "home"
    home.mkdir()
    with listening() as listener, socket.socket(socket.AF_UNIX) as neighbour:
        neighbour.bind(str(short_folder / "socket"))
        neighbour.listen()
        other = subprocess.Popen(["sleep", "600"])
        source = hostile.payload(plan_of(short_folder, listener, other.pid))
        run = subprocess.Popen([sys.executable, "-c", source], env={**os.environ, "HOME": str(home)})
        try:
            answers = reported(home, run)
        finally:
            for process in (run, other):
                process.kill()
                process.wait()
            for path in PLANTED:
                path.unlink(missing_ok=True)
        visitors = listener.visitors()

    refused = {} if may_make_namespaces() else {"enter a namespace of its own": "refused"}
    assert answers == dict.fromkeys(hostile_payload.ATTEMPTS, "done") | refused
    assert visitors > 0


def may_make_namespaces():
    lines = Path("/proc/self/status").read_text().splitlines()
    effective = next(line for line in lines if line.startswith("CapEff:")).split()[1]
    return bool(int(effective, 16) >> CAP_SYS_ADMIN & 1)


def plan_of(folder, listener, server):
    """What there is to be reached: files of ours, our own port and socket, and a process as TorchServe."""
    files = {name: folder / name for name in ("token", "neighbour_file", "keys")}
    for path in files.values():
        path.write_text("a secret")
    places = {name: str(path) for name, path in files.items()}
    places |= dict.fromkeys(("neighbour_tmp", "slot", "system_tmp"), str(folder))
    places |= {"neighbour_socket": str(folder / "socket"), "datagrams": listener.path}
    addresses = {"address": LISTENING, "management_address": LISTENING}
    return places | addresses | {"server": server, "port": listener.port, "management": listener.port}


def reported(home, run):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (answers := read_report(home)) is None:
        assert run.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return answers


async def test_a_program_is_refused_before_anything_is_staged_where_it_cannot_be_confined(tmp_path):
    server = TorchServe(Settings(run_folder=tmp_path / "run", _env_file=None), Programs(tmp_path))
    server._isolation = Isolation(Level.SECCOMP, CODE_MUST_NOT - {"files"}, frozenset({"files"}))
    task = check_task(Executable("4" * 64, ExecutableKind.EXPORTED))

    with pytest.raises(ExecutableNotEnclosed) as refused:
        _ = [event async for event in server.run(0, task, Never())]

    assert refused.value.task_reason == "EXECUTABLE_NOT_ENCLOSED"
    for words in ("seccomp", "still open: files", "Register safetensors", "bubblewrap or Landlock"):
        assert words in str(refused.value)
    assert not (tmp_path / "run").exists()
