"""Files and names that survive a crash of the machine."""

import os
from pathlib import Path


def synchronise(place: Path) -> None:
    """Bring the bytes of a file, or the names in a folder, to the disk. Blocks."""
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
