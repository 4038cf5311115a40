"""System users for model processes where the worker is root: one for each slot, and no two slots share one.

The kernel counts the threads of a user. So it can limit those of a slot's process only if the slot has the user for
itself, which a lock keeps apart from the slots of every worker on this machine.
"""

import fcntl
import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from modicum_server.processes.system_users import MAKING, Making, own_user
from modicum_server.torchserve.confinement.plan import User

#: Followed by a number.
NAME = "modicum-model-"
#: In which each user has a lock: of this machine, or of the container, as the user database is.
LOCKS = Path("/run")
#: Numbers of the capabilities by which root starts processes of others, gives them files and ends them.
NEEDED = {"CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "KILL": 5, "SETGID": 6, "SETUID": 7}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ModelUsers:
    """The users by slot, and the file descriptors that hold their locks."""

    by_slot: Mapping[str, User]
    locks: Sequence[int] = ()

    def release(self) -> None:
        """Let others claim the users. No process of theirs may be left."""
        for lock in self.locks:
            os.close(lock)


def claim_users(
    slots: Sequence[str], *, prefix: str = NAME, needed: Mapping[str, int] = NEEDED, making: Making = MAKING
) -> ModelUsers:
    """Return a user for each slot, made if it is missing; none where one cannot be, or where we are not root."""
    if os.geteuid() != 0 or not _has_other_users():
        return ModelUsers({})
    if missing := _missing(needed):
        names = ", ".join(f"CAP_{name}" for name in missing)
        warn(f"the worker lacks {names}", f"grant {names}, or start Modicum as another user than root")
        return ModelUsers({})
    users: dict[str, User] = {}
    locks: list[int] = []
    free = _free_names(prefix, locks)
    for slot in slots:
        name = next(free)
        user = own_user(name, making)
        if user is None:
            ModelUsers({}, locks).release()
            warn(
                f"the system user {name} cannot be made here",
                f"make one for each slot (useradd --system --user-group {name}), then start again",
            )
            return ModelUsers({})
        users[slot] = User(user.pw_uid, user.pw_gid)
    return ModelUsers(users, locks)


def warn(why: str, what_to_do: str) -> None:
    """Say that model processes run as root, and why."""
    log.warning(
        "models_run_as_root",
        why=why,
        risk="the kernel does not limit the threads of a model's process",
        what_to_do=what_to_do,
    )


def _has_other_users() -> bool:
    """Return whether our user namespace has more users than root, who is an ordinary user outside it if not."""
    maps = (Path(f"/proc/self/{kind}_map").read_text(encoding="ascii") for kind in ("uid", "gid"))
    return all(sum(int(line.split()[2]) for line in lines.splitlines()) > 1 for lines in maps)


def _missing(needed: Mapping[str, int]) -> list[str]:
    """Return the names of the needed capabilities that we do not have."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    effective = int(next(line.split()[1] for line in lines if line.startswith("CapEff:")), 16)
    return [name for name, number in needed.items() if not effective >> number & 1]


def _free_names(prefix: str, locks: list[int]) -> Iterator[str]:
    """Yield names that no other slot has, and add their locks. Where no file can be locked, the next numbers."""
    for number in itertools.count(1):
        name = f"{prefix}{number}"
        try:
            lock = os.open(LOCKS / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError:
            yield name
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # another slot has it
            os.close(lock)
            continue
        locks.append(lock)
        yield name
