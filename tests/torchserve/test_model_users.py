"""Where the worker is root, each slot has a user of its own: the kernel limits its process, and keeps files from it."""

import json
import os
import pwd
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from modicum_server.domain.tasks import TaskHeartbeat
from modicum_server.local.folder import DataFolder
from modicum_server.local.postgres_user import OWN_USER
from modicum_server.processes.system_users import Making
from modicum_server.settings import Settings
from modicum_server.torchserve import adapter, model_users
from modicum_server.torchserve.adapter import TorchServe
from modicum_server.torchserve.confinement import bubblewrap
from modicum_server.torchserve.confinement.allowed_paths import rules
from modicum_server.torchserve.confinement.plan import Level, Plan, User
from modicum_server.torchserve.confinement.process import TASKS, namespaces_count
from modicum_server.torchserve.folders import create_server_folder
from modicum_server.torchserve.isolation import CODE_MUST_NOT, Isolation, choose_isolation, find_bubblewrap
from modicum_server.torchserve.model_users import NEEDED, ModelUsers, claim_users
from modicum_server.torchserve.slots import Slot
from modicum_server.torchserve.usage import MOST_THREADS

from tests.torchserve.levels import require
from tests.torchserve.torchserve_stage import HANDLER, FolderOfArtifacts, heard, task

of_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
SLOTS = ("slot0", "slot1")

#: Becomes the process of a model by the rules, as `inside` does, and prints what the code says.
AS_A_MODEL = """
import json, os, resource, sys, threading, time
from pathlib import Path
from modicum_server.torchserve.confinement.inside import confine
from modicum_server.torchserve.confinement.plan import Rules
confine(Rules.loads(sys.argv[1]))
{code}
print(json.dumps(told))
"""
STARTS_THREADS = """
told = 0
threading.stack_size(64 << 10)
try:
    while told < 2_000:
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        told += 1
except RuntimeError:
    pass
print(json.dumps(told), flush=True)
os._exit(0)
"""
STARTS_CHILDREN = """
children = []
try:
    while len(children) < 2_000:
        child = os.fork()
        if not child:
            time.sleep(600)
        children.append(child)
except BlockingIOError:
    pass
for child in children:
    os.kill(child, 9)
    os.waitpid(child, 0)
told = len(children)
"""
LIFTS_THE_LIMIT = """
told = "lifted"
try:
    resource.setrlimit(resource.RLIMIT_NPROC, (4_000, 4_000))
except ValueError:
    told = "refused"
"""
WHO = "told = [os.getresuid(), os.getresgid(), os.getgroups(), Path('/proc/self/status').read_text()]"
OPENS = """
def opened(path):
    try:
        os.close(os.open(path, os.O_RDONLY))
    except PermissionError:
        return False
    return True
told = {path: opened(path) for path in json.loads(sys.argv[2])}
"""


def as_a_model(code, level, user, *arguments):
    """What the code says in a process of this user at this level."""
    applied = rules(level, readable=[], writable=[], user=user)
    command = [sys.executable, "-c", AS_A_MODEL.format(code=code), applied.dumps(), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.stderr == ""
    return json.loads(ended.stdout)


@pytest.fixture
def users():
    claimed = claim_users(SLOTS)
    yield claimed
    claimed.release()


@of_root
def test_each_slot_of_each_worker_has_a_user_that_is_neither_root_nor_postgres_nor_anothers(users):
    others = claim_users(SLOTS)
    ids = [user.uid for claimed in (users, others) for user in claimed.by_slot.values()]
    others.release()
    again = claim_users(SLOTS)
    again.release()

    assert len(set(ids)) == 4
    assert not {0, pwd.getpwnam(OWN_USER).pw_uid} & set(ids)
    assert pwd.getpwuid(ids[0]).pw_shell == "/bin/false"
    assert again.by_slot == others.by_slot


def test_another_user_than_root_claims_none_and_is_told_nothing(monkeypatch, capsys):
    monkeypatch.setattr(model_users.os, "geteuid", lambda: 1000)

    assert claim_users(SLOTS).by_slot == {}
    assert capsys.readouterr().out == ""


@of_root
def test_where_none_can_be_made_there_are_none_and_the_log_says_what_to_do(capsys):
    unmade = claim_users(SLOTS, prefix="modicum-unmade-", making=Making(makers=(), locked_seconds=0.0))

    assert unmade.by_slot == {}
    assert "useradd --system --user-group modicum-unmade-1" in capsys.readouterr().out


@of_root
def test_where_root_lacks_a_capability_there_are_none_and_the_log_names_it(capsys):
    claimed = claim_users(SLOTS, needed={**NEEDED, "UNKNOWN": 63})

    assert claimed.by_slot == {}
    assert "grant CAP_UNKNOWN" in capsys.readouterr().out


@of_root
@pytest.mark.long_after(1)
@pytest.mark.parametrize("level", [Level.NONE, Level.SECCOMP, Level.LANDLOCK])
def test_the_kernel_limits_the_threads_of_the_process(users, level):
    require(level)
    user = users.by_slot["slot0"]

    started = as_a_model(STARTS_THREADS, level, user)

    assert MOST_THREADS < started < TASKS
    assert as_a_model(LIFTS_THE_LIMIT, level, user) == "refused"


def test_in_a_namespace_of_its_own_the_kernel_limits_the_threads_of_another_user_than_root_too():
    require(Level.BUBBLEWRAP)
    if not namespaces_count():
        pytest.skip("this kernel counts threads by user alone")
    if os.geteuid() == 0 and not all(parent.stat().st_mode & 1 for parent in Path(sys.executable).resolve().parents):
        pytest.skip("only root can enter the folders above this Python")
    confined = rules(Level.BUBBLEWRAP, readable=[], writable=[])
    inner = [sys.executable, "-c", AS_A_MODEL.format(code=STARTS_THREADS), confined.dumps()]
    command = bubblewrap.command(find_bubblewrap(), confined, inner, "/")
    other = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}

    ended = subprocess.run(command, capture_output=True, text=True, check=False, **other)

    assert ended.stderr == ""
    assert TASKS - 100 < json.loads(ended.stdout) < TASKS


@of_root
@pytest.mark.long
def test_the_kernel_limits_its_children_where_nothing_else_does(users):
    assert TASKS - 100 < as_a_model(STARTS_CHILDREN, Level.NONE, users.by_slot["slot0"]) < TASKS


@of_root
@pytest.mark.parametrize("level", [Level.NONE, Level.LANDLOCK])
def test_nothing_of_root_is_left_to_it(users, level):
    require(level)
    user = users.by_slot["slot0"]

    uids, gids, groups, status = as_a_model(WHO, level, user)

    assert (uids, gids) == ([user.uid] * 3, [user.gid] * 3)
    assert 0 not in groups
    fields = dict(line.split(":\t", 1) for line in status.splitlines())
    assert {fields[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert fields["NoNewPrivs"] == "1"


def test_files_that_every_user_may_read_stay_open_to_a_user_of_its_own_where_no_level_closes_them():
    """So a user of its own alone never lets programs run."""
    seen = Isolation(Level.SECCOMP, CODE_MUST_NOT - {"files"}, frozenset({"files"}), own_users=True)

    assert not seen.encloses_code
    assert str(seen).startswith("seccomp, a user for each slot (closed: ")


async def test_a_level_is_tried_without_users_where_their_processes_do_not_start(tmp_path, monkeypatch):
    tried = []

    async def probe(folder, plan, *, thorough):
        tried.append((plan.level, bool(plan.users)))
        return None if plan.users else dict.fromkeys(CODE_MUST_NOT, False) | {"accelerator": False}

    monkeypatch.setattr("modicum_server.torchserve.isolation._probe", probe)
    monkeypatch.setattr("modicum_server.torchserve.isolation.candidates", lambda: iter([Level.BUBBLEWRAP]))
    plan = Plan(Level.NONE, "", "", "", {"slot0": ""}, 1, users={"slot0": User(12345, 12345)})

    isolation = await choose_isolation(None, plan, thorough=True)

    assert tried == [(Level.BUBBLEWRAP, True), (Level.BUBBLEWRAP, False)]
    assert not isolation.own_users


async def test_after_a_stop_users_are_claimed_again(tmp_path, monkeypatch):
    user, seen = (
        User(os.geteuid(), os.getegid()),
        Isolation(Level.BUBBLEWRAP, CODE_MUST_NOT, frozenset(), own_users=True),
    )
    claims = []

    def claim(slots):
        claims.append(slots)
        return ModelUsers(dict.fromkeys(slots, user))

    async def choose(folder, plan, *, thorough):
        return seen

    monkeypatch.setattr(adapter, "claim_users", claim)
    monkeypatch.setattr(adapter, "choose_isolation", choose)
    server = TorchServe(Settings(_env_file=None), None)
    folder = create_server_folder(tmp_path)

    plans = []
    for _ in range(2):
        server._slots = (Slot("slot0", tmp_path / "run" / "slot0", 1),)
        plans += [await server._plan(folder), await server._plan(folder)]
        await server.stop()
    folder.delete()

    assert claims == [("slot0",)] * 2
    assert [plan.users for plan in plans] == [{"slot0": user}] * 4


@of_root
async def test_where_their_processes_cannot_enter_the_slot_the_level_holds_without_users(tmp_path, monkeypatch, capsys):
    require(Level.LANDLOCK)
    tmp_path.chmod(0o700)
    monkeypatch.setattr("modicum_server.torchserve.isolation.candidates", lambda: iter([Level.LANDLOCK, Level.NONE]))
    server = TorchServe(Settings(_env_file=None), None)
    server._slots = (Slot("slot0", tmp_path / "run" / "slot0", 1),)
    folder = create_server_folder()

    try:
        plan = await server._plan(folder)
    finally:
        folder.delete()
    owner = server._slots[0].folder.stat().st_uid
    await server.stop()

    assert (plan.level, plan.users, owner) == (Level.LANDLOCK, {}, 0)
    assert "models_run_as_root" in capsys.readouterr().out


@of_root
async def test_what_a_slot_is_given_is_readable_to_its_user_however_the_store_closed_it(users, short_folder):
    class Closed(FolderOfArtifacts):
        async def fetch(self, digest, destination):
            await super().fetch(digest, destination)
            destination.chmod(0o400)

    first, second = (user.uid for user in users.by_slot.values())
    slot = Slot("slot0", short_folder / "run" / "slot0", 1, owner=first)
    async with slot.staged(task("look"), Closed(short_folder)):
        paths = [slot.folder, *(path for path in slot.folder.rglob("*") if path.name != "lease")]
        names = json.dumps(list(map(str, paths)))
        opened = [as_a_model(OPENS, Level.NONE, User(uid, uid), names) for uid in (first, second)]
        replace(slot, owner=second).make()

    assert [list(each.values()) for each in opened] == [[True] * 4, [False] * 4]
    assert second == slot.folder.stat().st_uid


@of_root
@pytest.mark.long
@pytest.mark.acceptance
async def test_its_user_reads_its_own_slot_and_nothing_else_of_the_data_folder_or_of_torchserve(short_folder):
    """No level, so that only the modes and owners of the files keep them from it."""
    require(Level.BUBBLEWRAP)
    data = DataFolder.create(short_folder / "data")
    data.token()
    (data.path / "postgres").mkdir(mode=0o700)
    (data.path / "postgres" / "PG_VERSION").write_text("18")
    data.close_to_others()
    (short_folder / "artifacts").mkdir(mode=0o700)
    settings = Settings(run_folder=data.path / "run", slots=2, _env_file=None)
    server = TorchServe(settings, FolderOfArtifacts(short_folder / "artifacts"), handler=HANDLER)
    await server.start()
    try:
        first, second = server._slots
        running = await server._supervisor.ready(1)
        ids = [Path(f"/proc/{model(running, slot.name)}").stat().st_uid for slot in server._slots]
        events = await heard(server, "look")
        for slot in server._slots:
            (slot.folder / "weights").write_text("weights")
        private = [
            *(path for path in running.folder.path.iterdir() if not path.is_socket()),
            *running.folder.store.iterdir(),
            running.folder.held.path / "lock",
            running.folder.held.path,
            running.folder.tmp,
            running.folder.workers,
            running.folder.workers / "slot1" / "tmp",
            second.folder,
            second.folder / "weights",
            *(path for path in (data.path, *data.path.rglob("*")) if first.folder not in (path, *path.parents)),
            short_folder / "artifacts",
        ]
        opened = as_a_model(
            OPENS,
            Level.NONE,
            User(ids[0], pwd.getpwuid(ids[0]).pw_gid),
            json.dumps(list(map(str, [first.folder / "weights", running.folder.workers / "slot0" / "tmp", *private]))),
        )
    finally:
        await server.stop()

    assert server.isolation.own_users
    assert len({0, pwd.getpwnam(OWN_USER).pw_uid, *ids}) == 4
    assert [json.loads(event.phase)["bytes"] for event in events if isinstance(event, TaskHeartbeat)] == ["weights"]
    assert [Path(path).name for path, could in opened.items() if could] == ["weights", "tmp"]
    assert {"token", "PG_VERSION", "key_file.json", "plan.json"} <= {Path(path).name for path in opened}


def model(running, slot):
    """The process id of a slot's model, which bubblewrap runs as a grandchild."""
    pid = running.model_process(slot).pid
    while children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pid = int(children[0])
    return pid
