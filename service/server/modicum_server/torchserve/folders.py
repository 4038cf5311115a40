"""The private folder of one TorchServe: short paths (Unix sockets), mode 0700, gone when it ends.

A folder whose owner was killed is recognised by its free lock and deleted by the next start.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from modicum_server.processes.locked_folders import LockedFolder, create_locked_folder

PREFIX = "modicum-ts-"
#: A Unix socket's path ends near 107 bytes; below this root ours stay under 70.
SHORT_ROOT = Path("/tmp")  # noqa: S108 - the folder made in it is private
LONGEST_ROOT = 40


@dataclass(frozen=True, slots=True)
class ServerFolder:
    """What lies where in the folder."""

    held: LockedFolder

    @property
    def path(self) -> Path:
        """The folder."""
        return self.held.path

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
        self.held.delete()


def create_server_folder(root: Path | None = None) -> ServerFolder:
    """Make a new one below `root` (by default a short path), after deleting those whose owners are gone."""
    folder = ServerFolder(create_locked_folder(PREFIX, root or short_root()))
    for part in (folder.tmp, folder.store, folder.workers):
        part.mkdir(mode=0o700)
    return folder


def short_root() -> Path:
    """Return the temporary folder, or /tmp where that is too long a path for sockets."""
    configured = Path(tempfile.gettempdir())
    usable = SHORT_ROOT.is_dir() and os.access(SHORT_ROOT, os.W_OK)
    return SHORT_ROOT if usable and len(os.fsencode(configured)) > LONGEST_ROOT else configured
