"""The private folder of one TorchServe: short paths (Unix sockets), mode 0700, gone when it ends.

A folder whose owner was killed is recognised by its free lock and deleted by the next start.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

PREFIX = "modicum-ts-"
LOCK = "lock"
#: A Unix socket's path ends near 107 bytes; below this root ours stay under 70.
SHORT_ROOT = Path("/tmp")  # noqa: S108 - the folder made in it is private
LONGEST_ROOT = 40


@dataclass(frozen=True, slots=True)
class ServerFolder:
    """The folder and the descriptor that holds its lock."""

    path: Path
    lock: int

    @property
    def tmp(self) -> Path:
        """The Java process' tmp: unpacked archives, links to sockets."""
        return self.path / "tmp"

    @property
    def store(self) -> Path:
        """The archives."""
        return self.path / "store"

    @property
    def workers(self) -> Path:
        """A private tmp, a socket folder and the process id of each slot."""
        return self.path / "w"

    @property
    def wrapper(self) -> Path:
        """What TorchServe takes for Python."""
        return self.path / "python"

    @property
    def keys(self) -> Path:
        """The key file, written by TorchServe into its working folder."""
        return self.path / "key_file.json"

    @property
    def console(self) -> Path:
        """What the Java process wrote to its console."""
        return self.path / "console.log"

    @property
    def model_log(self) -> Path:
        """What model processes wrote."""
        return self.path / "model.log"

    def delete(self) -> None:
        """Delete everything and give up the lock."""
        shutil.rmtree(self.path, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.close(self.lock)


def create_server_folder(root: Path | None = None) -> ServerFolder:
    """Make a new one below `root` (by default a short path), after deleting those whose owners are gone."""
    place = root or short_root()
    delete_abandoned(place)
    path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    folder = ServerFolder(path=path, lock=_locked(path / LOCK))
    for part in (folder.tmp, folder.store, folder.workers):
        part.mkdir(mode=0o700)
    return folder


def short_root() -> Path:
    """Return the temporary folder, or /tmp where that is too long a path for sockets."""
    configured = Path(tempfile.gettempdir())
    usable = SHORT_ROOT.is_dir() and os.access(SHORT_ROOT, os.W_OK)
    return SHORT_ROOT if usable and len(os.fsencode(configured)) > LONGEST_ROOT else configured


def delete_abandoned(root: Path) -> None:
    """Delete our folders below `root` that no living process holds."""
    for path in root.glob(PREFIX + "*"):
        try:
            if path.stat().st_uid != os.getuid():
                continue
            lock = os.open(path / LOCK, os.O_RDWR | os.O_CLOEXEC)
        except OSError:  # no lock: someone is just making it, or another user's
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path, ignore_errors=True)
        except BlockingIOError:
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
