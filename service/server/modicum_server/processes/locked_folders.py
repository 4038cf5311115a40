"""Private temporary folders that exist as long as their process, which holds a lock in each.

When the process was killed, the lock is free, and the folder is deleted when the next one is created beside it.
"""

import contextlib
import fcntl
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from modicum_server.processes.folder_deletion import delete_tree

LOCK = "lock"
#: A process that is being killed may still write during the deletion.
DELETIONS = 2


@dataclass(frozen=True, slots=True)
class LockedFolder:
    """The folder, and the file descriptor that holds its lock."""

    path: Path
    lock: int

    def delete(self) -> None:
        """Delete the folder and release its lock."""
        for _ in range(DELETIONS):
            with contextlib.suppress(OSError):
                delete_tree(self.path)
        with contextlib.suppress(OSError):
            os.close(self.lock)


def create_locked_folder(prefix: str, root: Path | None = None) -> LockedFolder:
    """Create one below `root` (by default the temporary folder), after deleting those whose owners are gone."""
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
        except OSError:  # no lock: it is just being created, or belongs to another user
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            delete_tree(path)
        except OSError:  # a living process holds it, or it cannot be deleted
            continue
        finally:
            os.close(lock)


def _locked(path: Path) -> int:
    # It is locked before it gets its name, so that nobody finds it free.
    unnamed = path.with_suffix(".new")
    lock = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    unnamed.rename(path)
    return lock
