"""A cache of slow results. Each result's name is a digest of all that it depends on."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.results import ROOT

VARIABLE = "MODICUM_BENCH_CACHE"
DEFAULT = ROOT / "benchmarks" / ".cache"


def path_of(kind: str, determinants: Iterable[str], suffix: str) -> Path:
    """The path of a result, whether or not it exists."""
    folder = os.environ.get(VARIABLE)
    name = hashlib.sha256("\n".join(determinants).encode()).hexdigest()
    return (Path(folder) if folder else DEFAULT) / f"{kind}-{name}{suffix}"


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Yield a file to write. It gets its final name once it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}{path.suffix}")
    yield partial
    partial.replace(path)
