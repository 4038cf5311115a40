"""Chooses how model processes are confined: the strongest level that works on this machine, found by trying.

A probing process is started through the wrapper that TorchServe will use, and tries what a hostile model would. What it
can still do is reported. A level at which it cannot even start is skipped (docs/explanation/isolation.md, "Levels").
"""

import asyncio
import contextlib
import json
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from modicum_server.processes.folder_deletion import delete_tree
from modicum_server.torchserve.confinement import landlock, seccomp
from modicum_server.torchserve.confinement.plan import Level, Plan
from modicum_server.torchserve.folders import ServerFolder

PROBE_SLOT = "probe"
PROBE_SECONDS = 60.0
PROBE_SECRET = "MODICUM_PROBE_SECRET"  # noqa: S105 - a name, and no secret
#: Executable artifacts are accepted only where a model's code can do none of these.
CODE_MUST_NOT = frozenset({"network", "files", "environment", "processes", "children", "sockets"})

WRAPPER = """#!/bin/sh
exec {python} -I -m modicum_server.torchserve.confinement.outside {plan} "$@"
"""


@dataclass(frozen=True, slots=True)
class Isolation:
    """How model processes are confined here, and what a probing process could and could not reach.

    `own_users` says whether each slot's process has a user of its own.
    """

    level: Level
    closed: frozenset[str]
    open: frozenset[str]
    own_users: bool = False

    @property
    def encloses_code(self) -> bool:
        """Whether a model that is a program may run."""
        return self.closed >= CODE_MUST_NOT

    def __str__(self) -> str:
        """Describe it for the log."""
        still = f"; still open: {', '.join(sorted(self.open))}" if self.open else ""
        users = ", a user for each slot" if self.own_users else ""
        return f"{self.level}{users} (closed: {', '.join(sorted(self.closed)) or 'nothing'}{still})"


def write_wrapper(folder: ServerFolder, plan: Plan) -> Path:
    """Write the plan and the executable that TorchServe starts as Python; return the executable."""
    plan_path, wrapper = folder.path / "plan.json", folder.wrapper
    plan.write(plan_path)
    wrapper.write_text(WRAPPER.format(python=shlex.quote(sys.executable), plan=shlex.quote(str(plan_path))))
    wrapper.chmod(0o700)
    return wrapper


async def choose_isolation(folder: ServerFolder, plan: Plan, *, thorough: bool = False) -> Isolation:
    """Return the strongest isolation in which a process starts, and sees the accelerator if there is one.

    A thorough probe also imports torch, which takes seconds. With an accelerator every probe is thorough. Each level is
    tried with the plan's users first, then without.
    """
    accelerator = any(Path("/dev").glob("nvidia[0-9]*"))
    usable: Isolation | None = None
    for tried in _tries(plan):
        probed = await _probe(folder, tried, thorough=thorough or accelerator)
        if probed is None:
            continue
        isolation = _isolation(tried, probed)
        if probed["accelerator"] or not accelerator:
            return isolation
        usable = usable or isolation
    return usable or Isolation(Level.NONE, frozenset(), frozenset())


def _tries(plan: Plan) -> Iterator[Plan]:
    for level in candidates():
        for users in (plan.users, {}) if plan.users else ({},):
            yield replace(plan, level=level, users=users)


def candidates() -> Iterator[Level]:
    """Return the levels to try, strongest first."""
    if find_bubblewrap():
        yield Level.BUBBLEWRAP
    if seccomp.supported():
        if landlock.abi() > 0:
            yield Level.LANDLOCK
        yield Level.SECCOMP
    yield Level.NONE


def find_bubblewrap() -> str:
    """Return the path of bubblewrap, or "" without it."""
    return shutil.which("bwrap") or ""


def _isolation(plan: Plan, probed: Mapping[str, bool]) -> Isolation:
    names = CODE_MUST_NOT & probed.keys()
    closed = frozenset(name for name in names if not probed[name])
    return Isolation(plan.level, closed, frozenset(names - closed), own_users=bool(plan.users))


async def _probe(folder: ServerFolder, plan: Plan, *, thorough: bool = False) -> Mapping[str, bool] | None:
    """Run the probing process at this level; None when it failed, or cannot reach a slot."""
    place = folder.tmp / PROBE_SLOT
    delete_tree(place)  # what an earlier probe left
    (place / "MAR-INF").mkdir(parents=True, exist_ok=True)
    (place / "MAR-INF" / "MANIFEST.json").write_text(json.dumps({"model": {"modelName": PROBE_SLOT}}))
    secret = folder.tmp / "probe.secret"  # a level without rules for files leaves it open to every user
    secret.write_text("not for a model")
    secret.chmod(0o644)
    wrapper = write_wrapper(folder, _with_probe(plan, place))
    # It writes to files: the end of a pipe would come only when whatever the process started has ended too.
    output = place / "output"
    with output.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            str(wrapper),
            *("-m", "modicum_server.torchserve.confinement.probing", str(secret), str(os.getpid())),
            _folder_to_list(plan, place),
            *(["thorough"] if thorough else []),
            cwd=place,
            env={**os.environ, PROBE_SECRET: "not for a model"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=written,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        await asyncio.wait_for(process.wait(), PROBE_SECONDS)
    except TimeoutError:
        return None
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # bubblewrap's child too, which may not be bound to it yet
        await process.wait()
    try:
        probed: Mapping[str, bool] = json.loads(output.read_bytes())
    except ValueError:
        return None
    return probed if process.returncode == 0 else None


def _with_probe(plan: Plan, place: Path) -> Plan:
    """Return the plan with the probe in place of the first slot: it has that slot's folder and user."""
    first = next(iter(plan.slots), "")
    users = {PROBE_SLOT: plan.users[first]} if first in plan.users else {}
    return replace(plan, slots={PROBE_SLOT: plan.slots.get(first, str(place))}, users=users)


def _folder_to_list(plan: Plan, place: Path) -> str:
    """Return the first slot's folder, if its user must reach it. Until the choice is made, it is closed to others."""
    return next(iter(plan.slots.values())) if plan.users else str(place)
