"""Where what takes long is kept, each under a digest of all that it is a function of. Knows nothing of what is kept."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.results import ROOT

VARIABLE = "MODICUM_BENCH_CACHE"
DEFAULT = ROOT / "benchmarks" / ".cache"


def path_of(kind: str, determinants: Iterable[str], suffix: str) -> Path:
    """The file of one result, whether it is there or not."""
    folder = os.environ.get(VARIABLE)
    name = hashlib.sha256("\n".join(determinants).encode()).hexdigest()
    return (Path(folder) if folder else DEFAULT) / f"{kind}-{name}{suffix}"


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """A file to write, which is found at the path only once it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}{path.suffix}")
    yield partial
    partial.replace(path)
