"""What a model's process uses of the machine beyond what the kernel limits, seen from outside.

The kernel limits the size of each file and the memory that the process writes to. It does not limit the number of
files, memory next to an accelerator, or the threads of a process that it does not count alone.
See docs/explanation/isolation.md, "Limits of a model's process".
"""

import itertools
import os
from dataclasses import dataclass
from pathlib import Path

from modicum_server.torchserve.model_process import ModelProcess

MOST_FILES = 1_000
MOST_FILE_BYTES = 64 << 20
MOST_THREADS = 1_024
KIBIBYTE = 1024
BLOCK_BYTES = 512
#: Lines of /proc/PID/status. Pages of files do not count, because the kernel can reclaim them.
STATUS_FIELDS = frozenset({"Threads", "RssAnon", "RssShmem"})


@dataclass(frozen=True, slots=True)
class Usage:
    """Files and their bytes below the folders that the process writes to, its threads, its resident memory."""

    files: int = 0
    file_bytes: int = 0
    threads: int = 0
    memory_bytes: int = 0

    def excess(self) -> str:
        """Return which limit of files or threads is exceeded; "" when none is."""
        if self.files > MOST_FILES:
            return f"the model's process wrote more than {MOST_FILES:,} files, the most that it may write"
        if self.file_bytes > MOST_FILE_BYTES:
            return (
                f"the model's process wrote more than {MOST_FILE_BYTES >> 20} MiB of files, the most that it may write"
            )
        if self.threads > MOST_THREADS:
            return f"the model's process started more than {MOST_THREADS:,} threads, the most that it may have"
        return ""


def usage_of(process: ModelProcess | None, folder: Path) -> Usage:
    """Measure the folder that a slot's process writes to, and the process with its descendants."""
    files, file_bytes = _files_below(folder)
    threads = memory = 0
    for pid in _family(process.pid) if process is not None and process.alive else ():
        status = _status_of(pid)
        threads += status.get("Threads", 0)
        memory += (status.get("RssAnon", 0) + status.get("RssShmem", 0)) * KIBIBYTE
    return Usage(files, file_bytes, threads, memory)


def _files_below(folder: Path) -> tuple[int, int]:
    """Count files and bytes until a limit is exceeded. A folder that cannot be read counts as exceeding it."""
    count, size, folders = 0, 0, [folder]
    while folders and count <= MOST_FILES:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in itertools.islice(entries, MOST_FILES + 1):
                    count += 1
                    size += _bytes_of(entry)
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(Path(entry.path))
        except FileNotFoundError:
            continue
        except OSError:  # nested too deeply for a path, or closed to its owner
            return MOST_FILES + 1, size
    return count, size


def _bytes_of(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_blocks * BLOCK_BYTES
    except FileNotFoundError:
        return 0


def _family(pid: int) -> list[int]:
    """Return a process and its descendants: bubblewrap runs the model's process as a grandchild."""
    found = [pid]
    for each in found:
        try:
            words = Path(f"/proc/{each}/task/{each}/children").read_text(encoding="ascii").split()
        except OSError:
            continue
        found += map(int, words)
    return found


def _status_of(pid: int) -> dict[str, int]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    fields = (line.partition(":") for line in lines)
    return {name: int(value.split()[0]) for name, _, value in fields if name in STATUS_FIELDS}
