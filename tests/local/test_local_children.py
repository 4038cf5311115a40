"""Children of the supervisor end with it, whenever it ends."""

import os
import signal
import subprocess
import sys

import pytest

ASK = """
import sys
from modicum_server.processes.dying_with_parent import die_with_parent
die_with_parent(int(sys.argv[1]))
"""


@pytest.mark.long_after(1)
@pytest.mark.parametrize(("parent", "ended_by"), [("ours", 0), ("gone", -signal.SIGTERM)])
def test_a_child_whose_parent_ended_before_it_registered_ends_too(parent, ended_by):
    number = os.getpid() if parent == "ours" else os.getpid() + 1
    done = subprocess.run([sys.executable, "-c", ASK, str(number)], check=False, timeout=300)

    assert done.returncode == ended_by
