"""System users that root makes for what it starts: without a home, a password or a shell."""

import contextlib
import fcntl
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

#: What makes such a user: of the shadow tools, and of BusyBox.
MAKERS = (
    ("useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/bin/false"),
    ("adduser", "-S", "-D", "-H", "-h", "/nonexistent", "-s", "/bin/false"),
)
PROGRAMS = "/usr/sbin:/sbin:/usr/bin:/bin"
#: Held while a user is made: useradd gives a user that two of it make at once another id each time.
TURN = Path("/run/modicum-users.lock")
MAKING_SECONDS = 10.0
#: As long as another process may hold the user database.
LOCKED_SECONDS = 1.0
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Making:
    """How a user is made: by which programs, under which lock, and how long another process may take."""

    makers: Sequence[Sequence[str]] = MAKERS
    turn: Path = TURN
    locked_seconds: float = LOCKED_SECONDS


MAKING = Making()

_log = structlog.get_logger(__name__)


def known_user(name: str) -> pwd.struct_passwd | None:
    """Return a user by name; None without one. One that is root by another name counts as none."""
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        return None
    return user if user.pw_uid != 0 else None


def own_user(name: str, making: Making = MAKING) -> pwd.struct_passwd | None:
    """Return the system user of this name, which is made if it is missing; None where that cannot be."""
    return known_user(name) or _made(name, making)


def _made(name: str, making: Making) -> pwd.struct_passwd | None:
    """Make it, unless another process did meanwhile."""
    with _turn(making.turn):
        return known_user(name) or _made_in_turn(name, making)


@contextlib.contextmanager
def _turn(turn: Path) -> Iterator[None]:
    """Let one process after the other make a user. Where no file can be locked, all go on at once."""
    try:
        file = os.open(turn, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        yield
        return
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def _made_in_turn(name: str, making: Making) -> pwd.struct_passwd | None:
    for program, *options in making.makers:
        found = shutil.which(program, path=PROGRAMS)
        if found is None:
            continue
        try:
            subprocess.run(  # noqa: S603 - our own program and arguments
                [found, *options, name],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=MAKING_SECONDS,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            _log.info("user_not_made", user=name, program=found, error=str(error))
            continue
        if (user := known_user(name)) is not None:
            return user
    return _awaited(name, making.locked_seconds)


def _awaited(name: str, seconds: float) -> pwd.struct_passwd | None:
    """Return a user that another process may be making, while it holds the lock on the user database."""
    end = time.monotonic() + seconds
    while (user := known_user(name)) is None and time.monotonic() < end:
        time.sleep(POLL_SECONDS)
    return user
