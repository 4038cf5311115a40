"""Temporary folders that live as long as the process that made them: private, held by a lock, gone when it ends.

A folder whose owner was killed is recognised by its free lock and deleted by whoever makes the next one beside it.
"""

import contextlib
import fcntl
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from modicum_server.processes.folder_deletion import delete_tree

LOCK = "lock"
#: A process that is being killed may write while we delete.
DELETIONS = 2


@dataclass(frozen=True, slots=True)
class LockedFolder:
    """The folder and the descriptor that holds its lock."""

    path: Path
    lock: int

    def delete(self) -> None:
        """Delete everything and give up the lock."""
        for _ in range(DELETIONS):
            with contextlib.suppress(OSError):
                delete_tree(self.path)
        with contextlib.suppress(OSError):
            os.close(self.lock)


def create_locked_folder(prefix: str, root: Path | None = None) -> LockedFolder:
    """Make a new one below `root` (by default the temporary folder), after deleting those whose owners are gone."""
    place = root or Path(tempfile.gettempdir())
    delete_abandoned(prefix, place)
    path = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    return LockedFolder(path, _locked(path / LOCK))


def delete_abandoned(prefix: str, root: Path) -> None:
    """Delete our folders of this prefix below `root` that no living process holds."""
    for path in root.glob(prefix + "*"):
        try:
            if path.stat().st_uid != os.getuid():
                continue
            lock = os.open(path / LOCK, os.O_RDWR | os.O_CLOEXEC)
        except OSError:  # no lock: someone is just making it, or another user's
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            delete_tree(path)
        except OSError:  # a living process holds it, or it cannot be deleted
            continue
        finally:
            os.close(lock)


def _locked(path: Path) -> int:
    # Locked before it has its name, so that no one finds it free.
    unnamed = path.with_suffix(".new")
    lock = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    unnamed.rename(path)
    return lock
