"""Levels of isolation that this machine offers."""

import subprocess

import pytest
from modicum_server.torchserve.confinement.plan import Level
from modicum_server.torchserve.isolation import candidates

from tests import machine

#: Starts in namespaces of its own, without anything of ours that could be at fault.
PLAIN = ("--unshare-all", "--dev-bind", "/", "/", "--proc", "/proc", "true")


def require(level: Level) -> None:
    """Skip a test of a level that the kernel or the container refuses. Bubblewrap must be installed where CI runs.

    Whether the machine has one that encloses programs, the acceptance tests say.
    """
    if level is Level.BUBBLEWRAP:
        bubblewrap = machine.program("bwrap", package="bubblewrap")
        done = subprocess.run([bubblewrap, *PLAIN], capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"this machine refuses namespaces: {done.stderr.strip()}")
    if level not in candidates():
        pytest.skip(f"the kernel of this machine has no {level}")
