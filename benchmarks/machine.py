"""When and where figures were measured: date, cores, memory, load, versions. It contains no host names and no paths."""

import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # has no types
import torch

GIBIBYTE = 1024**3
LIBRARIES = (
    "modicum-sis",
    "modicum-server",
    "modicum",
    "torch",
    "torchvision",
    "torchserve",
    "numpy",
    "captum",
    "foolbox",
    "efficientnet-lite-pytorch",
)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def taken(*, quick: bool) -> dict[str, Any]:
    """What stands beside every part's figures, as JSON values. Call it before the part runs."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "quick": quick,
        "processor": _processor(),
        "cores": cores(),
        "torch_threads": torch.get_num_threads(),
        "memory_gib": round(psutil.virtual_memory().total / GIBIBYTE),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "load_before": round(os.getloadavg()[0], 1),
        "versions": {"python": platform.python_version(), **_versions()},
    }


def _versions() -> dict[str, str]:
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _processor() -> str:
    """The processor's name, if the system reports it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(filter(None, named), platform.machine())
