"""What a model's process can reach, at every level that this machine offers."""

import asyncio
import json
import subprocess
import sys
from dataclasses import replace

import pytest
from modicum_server.domain.tasks import TaskHeartbeat
from modicum_server.torchserve.confinement import bubblewrap
from modicum_server.torchserve.confinement.environment import server_environment, worker_environment
from modicum_server.torchserve.confinement.plan import Level, Plan, Rules
from modicum_server.torchserve.confinement.seccomp import ARCHITECTURES, program, supported
from modicum_server.torchserve.confinement.systemcalls import INSPECTED, MACHINES, REFUSED, numbers
from modicum_server.torchserve.folders import create_server_folder
from modicum_server.torchserve.isolation import CODE_MUST_NOT, Isolation, _probe, find_bubblewrap

from tests.living import lives
from tests.machine import missing
from tests.torchserve.levels import require
from tests.torchserve.torchserve_stage import heard
from tests.waiting import PATIENCE_SECONDS, until

SECRETS = {
    "MODICUM_DATABASE_URL": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "https_proxy": "http://user:word@proxy",
    "API_TOKEN": "x",
}


def test_no_secret_passes_into_the_environment_of_a_model(tmp_path):
    environment = worker_environment({**SECRETS, "LANG": "de_DE.UTF-8", "PYTHONPATH": "/models"}, tmp_path, 2)

    assert not SECRETS.keys() & environment.keys()
    assert (environment["LANG"], environment["PYTHONPATH"], environment["OMP_NUM_THREADS"]) == (
        "de_DE.UTF-8",
        "/models",
        "2",
    )
    assert environment["HOME"] == environment["TMPDIR"] == str(tmp_path)


def test_no_secret_passes_into_the_environment_of_java(tmp_path):
    assert not SECRETS.keys() & server_environment(SECRETS, tmp_path).keys()


def test_a_plan_is_read_as_it_was_written(tmp_path):
    plan = Plan(Level.LANDLOCK, "/usr/bin/python3", "", "/w", {"slot0": "/run/slot0"}, 2)

    plan.write(tmp_path / "plan.json")

    assert Plan.read(tmp_path / "plan.json") == plan


def test_rules_are_read_as_they_were_written():
    rules = Rules(Level.SECCOMP, ("/usr",), ("/tmp/x",), ("/dev/null",))

    assert Rules.loads(rules.dumps()) == rules


def test_bubblewrap_shows_a_folder_before_what_lies_in_it():
    rules = Rules(Level.BUBBLEWRAP, ("/a/b/c", "/a", "/proc"), ("/a/w",), ("/dev/null", "/dev/nvidia0"))

    words = bubblewrap.command("/usr/bin/bwrap", rules, ["python"], "/a")

    assert words.index("/a") < words.index("/a/b/c") < words.index("/a/w")
    assert "/dev/null" not in words
    assert words[words.index("/dev/nvidia0") - 1] == "--dev-bind"
    assert words[-2:] == ["--", "python"]


#: Says which refused calls were not answered by the filter, and uses what the handler's socket and threads need.
UNDER_THE_FILTER = """
import ctypes, errno, fcntl, os, platform, socket, threading
from modicum_server.torchserve.confinement import process, seccomp, systemcalls
process.forbid_new_privileges()
seccomp.install()
for name, number in systemcalls.numbers(systemcalls.REFUSED, platform.machine()).items():
    if process.libc.syscall(number, *[ctypes.c_long(-1)] * 6) != -1 or ctypes.get_errno() != errno.EPERM:
        print(name)
left, right = socket.socketpair()
left.sendall(b"x")
right.setblocking(False)
fcntl.fcntl(right, fcntl.F_SETFL, fcntl.fcntl(right, fcntl.F_GETFL) | os.O_NONBLOCK)
fcntl.ioctl(right, 0x541B, bytes(4))
thread = threading.Thread(target=right.recv, args=(1,))
thread.start()
thread.join()
os.sched_setaffinity(0, os.sched_getaffinity(0))
"""


@pytest.mark.skipif(not supported(), reason="the filter is not written for this machine")
def test_every_refused_call_is_answered_by_the_filter_and_streams_and_threads_go_on():
    ended = subprocess.run([sys.executable, "-c", UNDER_THE_FILTER], capture_output=True, text=True, check=False)

    assert (ended.stdout, ended.stderr, ended.returncode) == ("", "", 0)


@pytest.mark.parametrize("machine", MACHINES)
def test_no_two_calls_have_one_number(machine):
    known = [*numbers(REFUSED, machine).values(), *numbers(INSPECTED, machine).values()]

    assert len(set(known)) == len(known)


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_the_filter_fits_what_a_kernel_takes(machine):
    steps = len(program(machine, 1234)) // 8

    assert 50 < steps < 4096


def test_code_is_enclosed_only_when_everything_is_closed():
    assert Isolation(Level.LANDLOCK, CODE_MUST_NOT, frozenset()).encloses_code
    assert not Isolation(Level.SECCOMP, CODE_MUST_NOT - {"files"}, frozenset({"files"})).encloses_code


def test_where_a_container_refuses_namespaces_the_tests_of_bubblewrap_are_skipped_and_say_so(tmp_path, monkeypatch):
    refused = tmp_path / "bwrap"
    refused.write_text("#!/bin/sh\necho 'bwrap: no permissions' >&2\nexit 1\n")
    refused.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", "true")

    with pytest.raises(pytest.skip.Exception, match="this machine refuses namespaces: bwrap: no permissions"):
        require(Level.BUBBLEWRAP)


@pytest.mark.long_after(2)
@pytest.mark.acceptance
@pytest.mark.parametrize("level", list(Level))
async def test_a_probing_process_reaches_what_its_level_leaves_open(level):
    require(level)
    folder = create_server_folder()
    try:
        plan = Plan(level, sys.executable, find_bubblewrap(), str(folder.workers), {}, 1)
        answer = await _probe(folder, replace(plan, level=level))
    finally:
        folder.delete()

    reached = {name for name in CODE_MUST_NOT if answer[name]}
    strong = {Level.BUBBLEWRAP, Level.LANDLOCK}
    assert reached == (
        set() if level in strong else CODE_MUST_NOT if level is Level.NONE else reached & {"files", "environment"}
    )


async def test_a_probe_that_is_given_up_takes_along_what_it_started(tmp_path):
    bubblewrap_that_starts_a_child = tmp_path / "bwrap"
    bubblewrap_that_starts_a_child.write_text(f"#!/bin/sh\nsleep 600 &\necho $! > {tmp_path}/child\nwait\n")
    bubblewrap_that_starts_a_child.chmod(0o755)
    folder = create_server_folder()
    plan = Plan(Level.BUBBLEWRAP, sys.executable, str(bubblewrap_that_starts_a_child), str(folder.workers), {}, 1)
    try:
        probe = asyncio.create_task(_probe(folder, plan))
        child = await until(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text().strip())
        probe.cancel()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(probe, return_exceptions=True)
    finally:
        folder.delete()

    await until(lambda: not lives(int(child)), "the end of the child")


@pytest.mark.acceptance
@pytest.mark.asyncio(loop_scope="module")
class TestInTorchServe:
    async def told(self, server, id_):
        (fact,) = [json.loads(event.phase) for event in await heard(server, id_) if isinstance(event, TaskHeartbeat)]
        return fact

    async def test_a_handler_sees_no_secret(self, server):
        environment = await self.told(server, "environment")

        assert not [name for name in environment if name.startswith("MODICUM_")]
        assert environment["OMP_NUM_THREADS"] == "1"

    async def test_a_handler_reaches_its_slot_and_its_tmp_and_nothing_else(self, server):
        running = await server._supervisor.ready(30)
        if not server.isolation.encloses_code:
            missing(f"nothing encloses programs here; models are confined by {server.isolation}")

        facts = await self.told(server, f"reach:{running.folder.keys}:{running.process.pid}")

        allowed = {"write home": True, "fork": True}
        assert facts.pop("capabilities") == "0000000000000000"
        assert facts == {**dict.fromkeys(facts, False), **allowed}

    @pytest.mark.long
    async def test_the_isolation_is_named(self, server):
        assert str(server.isolation).startswith(server.isolation.level)
