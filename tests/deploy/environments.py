"""Environments that tests install into.

torch and its like are large. Tests that only look at them lend the environment those of the tests.
"""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.deploy.dockerfile_reading import REPOSITORY


def install(python: Path, *arguments: str | Path) -> str:
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", *map(str, arguments)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    return done.stdout


def lend_packages(python: Path) -> None:
    """Let an environment import the packages of the tests' environment, but not those installed there as editable."""
    (site_packages,) = python.parents[1].glob("lib/python*/site-packages")
    (site_packages / "lent.pth").write_text(sysconfig.get_path("purelib"))


def run(*command: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MODICUM_", "PYTHON"))}
    return subprocess.run(
        [str(word) for word in command],
        cwd="/",
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
