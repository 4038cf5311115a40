"""A folder of one worker with files by digest: at most so many bytes, and those that were used last.

Everything here blocks, and any thread may call it. What is there is known in memory, so that one file among very many
costs no more than one among few. Nothing is synchronised to disk: the folder is empty when its worker starts.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

from modicum_server.artifacts.files import link_or_copy, stage
from modicum_server.errors import ArtifactCorrupt
from modicum_server.processes.full_disks import is_disk_full

#: A kept file is linked into a slot. Nobody else may read it, and nobody writes to it.
KEPT_MODE = 0o400


class KeptFolder:
    """Files that are linked in and out. A file is linked whole or not at all, so a full disk leaves no part of one."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        """Take a folder that does not exist yet, and that nobody else writes to."""
        self._folder = folder
        self._most_bytes = most_bytes
        self._sizes: OrderedDict[str, int] = OrderedDict()  # the one that was used last is the last
        self._size_bytes = 0
        self._lock = threading.Lock()

    @property
    def size_bytes(self) -> int:
        """The bytes of all files in it."""
        return self._size_bytes

    def has(self, digest: str) -> bool:
        """Whether a file is kept. It counts as used, so that it stays until it is taken."""
        with self._lock:
            if digest in self._sizes:
                self._sizes.move_to_end(digest)
            return digest in self._sizes

    def take(self, digest: str, destination: Path) -> bool:
        """Put a file at a path once its bytes were hashed.

        False where it is not kept, or the disk is full. A damaged one is deleted, and counts as not kept.
        """
        with self._lock:
            if digest not in self._sizes:
                return False
            self._sizes.move_to_end(digest)
        try:
            stage(digest, partial(link_or_copy, self._folder / digest), destination)
        except (FileNotFoundError, ArtifactCorrupt):  # it made room meanwhile, or is damaged
            self.drop([digest])
            return False
        except OSError as error:
            if is_disk_full(error):
                return False
            raise
        return True

    def keep(self, digest: str, staged: Path) -> None:
        """Keep a file that is whole, if it fits, and delete those that were not used for the longest time."""
        size = staged.stat().st_size
        if size > self._most_bytes:
            return
        with self._lock, suppress(OSError):  # a disk without room or links keeps none; the task has its own
            self._delete(digest)
            self._make_room(self._most_bytes - size)
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            staged.chmod(KEPT_MODE)
            os.link(staged, self._folder / digest)
            self._sizes[digest] = size
            self._size_bytes += size

    def drop(self, digests: Iterable[str]) -> None:
        """Delete these files, if they are here."""
        with self._lock:
            for digest in digests:
                self._delete(digest)

    def clear(self) -> None:
        """Delete all files."""
        with self._lock:
            self._make_room(0)

    def _make_room(self, most_bytes: int) -> None:
        while self._size_bytes > most_bytes:
            self._delete(next(iter(self._sizes)))

    def _delete(self, digest: str) -> None:
        if digest in self._sizes:
            (self._folder / digest).unlink(missing_ok=True)
            self._size_bytes -= self._sizes.pop(digest)
