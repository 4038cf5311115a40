"""The private folder of one TorchServe: paths short enough for Unix sockets, mode 0700, deleted when it ends.

When its owner was killed, the next start finds that its lock is free and deletes it. Where model processes have users
of their own, every user may enter the folder, but list nothing in it, and enter only the parts for models.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from modicum_server.processes.locked_folders import LockedFolder, create_locked_folder

PREFIX = "modicum-ts-"
#: The path of a Unix socket has at most about 107 bytes. Below this root, ours have fewer than 70.
SHORT_ROOT = Path("/tmp")  # noqa: S108 - the folder made in it is private
LONGEST_ROOT = 40


@dataclass(frozen=True, slots=True)
class ServerFolder:
    """The paths in the folder."""

    held: LockedFolder

    @property
    def path(self) -> Path:
        """What is the Java process's and the worker's alone."""
        return self.held.path / "server"

    @property
    def tmp(self) -> Path:
        """The temporary folder of the Java process: unpacked archives, links to sockets."""
        return self.held.path / "tmp"

    @property
    def store(self) -> Path:
        """The model archives."""
        return self.path / "store"

    @property
    def workers(self) -> Path:
        """For each slot: a private temporary folder, a socket folder and the process id."""
        return self.held.path / "w"

    @property
    def wrapper(self) -> Path:
        """The executable that TorchServe starts as Python."""
        return self.path / "python"

    @property
    def keys(self) -> Path:
        """The key file, which TorchServe writes into its working folder."""
        return self.path / "key_file.json"

    @property
    def console(self) -> Path:
        """The console output of the Java process."""
        return self.path / "console.log"

    @property
    def model_log(self) -> Path:
        """The output of the model processes."""
        return self.path / "model.log"

    def delete(self) -> None:
        """Delete the folder and release its lock."""
        self.held.delete()


def create_server_folder(root: Path | None = None) -> ServerFolder:
    """Create one below `root` (by default a short path), after deleting those whose owners are gone."""
    folder = ServerFolder(create_locked_folder(PREFIX, root or short_root()))
    for part in (folder.path, folder.tmp, folder.store, folder.workers):
        part.mkdir(mode=0o700)
    return folder


def short_root() -> Path:
    """Return the temporary folder, or /tmp when its path is too long for sockets."""
    configured = Path(tempfile.gettempdir())
    usable = SHORT_ROOT.is_dir() and os.access(SHORT_ROOT, os.W_OK)
    return SHORT_ROOT if usable and len(os.fsencode(configured)) > LONGEST_ROOT else configured
