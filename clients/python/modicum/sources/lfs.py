"""Pointers of Git LFS: small text files that stand for files which were not fetched."""

import stat
from pathlib import Path

BEGINNING = b"version https://git-lfs"
#: Its own limit.
MOST_BYTES = 1024
ADVICE = "run `git lfs pull` (in CI, check out with LFS)"


def is_pointer(path: Path) -> bool:
    """Whether a file is such a pointer. One that cannot be read is none."""
    try:
        told = path.stat()
        if not stat.S_ISREG(told.st_mode) or told.st_size > MOST_BYTES:
            return False
        with path.open("rb") as stream:
            return stream.read(len(BEGINNING)) == BEGINNING
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return False


def pointer_text(path: Path, wanted: str) -> str:
    """What to say of a pointer that stands where `wanted` should be."""
    return f"{path}: is a pointer of Git LFS, not {wanted}: {ADVICE}"
