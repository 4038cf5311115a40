"""The user that the local PostgreSQL runs as, and the hand-over of a folder of which another user was the owner.

PostgreSQL refuses to run as root. Root therefore gives it a user of its own, whose processes are PostgreSQL's alone.
Where none can be made it is `nobody`, as in earlier releases: any process of that user can then change the database.
Follows no symbolic link, and changes nothing that belongs to anybody but `nobody`.
"""

import os
import pwd
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import structlog

from modicum_server.local.postgres_binaries import LocalPostgresError
from modicum_server.processes.system_users import MAKING, Making, known_user, own_user

OWN_USER = "modicum-postgres"
SHARED_USER = "nobody"

_log = structlog.get_logger(__name__)


def postgres_user(own_name: str = OWN_USER, making: Making = MAKING) -> pwd.struct_passwd:
    """Return the user: us, or where we are root a user of its own, which is made if it is missing; else `nobody`.

    Raises:
        LocalPostgresError: the user database has no name for it.
    """
    if os.geteuid() != 0:
        return _named(os.geteuid())
    own = own_user(own_name, making)
    if own is not None:
        return own
    _log.warning(
        "postgres_runs_as_nobody",
        risk="every process of that user can change the database",
        what_to_do=f"make the system user {own_name} (useradd --system {own_name}), then start again",
    )
    shared = known_user(SHARED_USER)
    if shared is None:
        raise LocalPostgresError(
            f"root cannot run PostgreSQL, and this machine has neither the user {own_name!r} nor {SHARED_USER!r}; make "
            "one of them, or set MODICUM_DATABASE_URL to use another PostgreSQL"
        )
    return shared


def hand_over(folder: Path, owner: pwd.struct_passwd) -> None:
    """Give `owner` what `nobody` owns in a folder that no server uses. A hand-over that was cut off goes on.

    Files of root, such as the lock, stay root's. From the first step until the last, only root can enter the folder.

    Raises:
        LocalPostgresError: something in it is a symbolic link, or belongs to somebody else.
    """
    shared = known_user(SHARED_USER)
    before = shared.pw_uid if shared is not None else owner.pw_uid
    folder = folder.resolve()  # it lies in a folder of root
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        present = os.fstat(descriptor).st_uid
        if present == owner.pw_uid:
            return
        if present not in {0, before}:
            raise _foreign(folder, present)
        os.fchown(descriptor, 0, 0)
        for copy in folder.glob("program-*"):  # others could write there until now; it is copied anew
            if not copy.is_symlink():
                shutil.rmtree(copy)
        for found, name, parent in _entries(folder, descriptor):
            _give(found, name, parent, before, owner)
        os.fchown(descriptor, owner.pw_uid, owner.pw_gid)
    finally:
        os.close(descriptor)


def _entries(folder: Path, descriptor: int) -> Iterator[tuple[Path, str, int]]:
    """Yield everything below a folder: its path for messages, its name, and the open folder that holds it."""
    for path, folders, files, parent in os.fwalk(".", topdown=False, follow_symlinks=False, dir_fd=descriptor):
        for name in (*files, *folders):
            yield folder / path / name, name, parent


def _give(path: Path, name: str, parent: int, before: int, owner: pwd.struct_passwd) -> None:
    """Give one file or folder away, by the open file itself: what has its name may change meanwhile."""
    try:
        found = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
    except OSError as error:  # a symbolic link, or a socket
        raise _odd(path) from error
    try:
        facts = os.fstat(found)
        if facts.st_uid == before:
            if not (stat.S_ISDIR(facts.st_mode) or stat.S_ISREG(facts.st_mode)):
                raise _odd(path)
            os.fchown(found, owner.pw_uid, owner.pw_gid)
        elif facts.st_uid not in {0, owner.pw_uid}:
            raise _foreign(path, facts.st_uid)
    finally:
        os.close(found)


def _odd(path: Path) -> LocalPostgresError:
    return LocalPostgresError(
        f"PostgreSQL runs here as its own user, {OWN_USER}. {path} is neither a file nor a folder, so its owner "
        "cannot be changed to that user; remove it, or replace it by a copy of what it points to, and start again"
    )


def _foreign(path: Path, uid: int) -> LocalPostgresError:
    return LocalPostgresError(
        f"{path} belongs to the user with the id {uid}, not to PostgreSQL; check it, then remove it or give it to "
        "root, and start again"
    )


def _named(uid: int) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        raise LocalPostgresError(
            f"PostgreSQL needs a named user, but the user database has no name for uid {uid}; set MODICUM_DATABASE_URL "
            "to use another PostgreSQL"
        ) from None
