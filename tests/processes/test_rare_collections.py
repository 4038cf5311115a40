"""A process that serves makes full garbage collections rare."""

import subprocess
import sys

SHOW = """
import gc
from modicum_server.processes.rare_collections import collect_rarely
before = gc.get_threshold()
collect_rarely()
young, _, full = gc.get_threshold()
print(young > before[0], full > before[2], gc.get_freeze_count() > len(gc.get_objects()))
"""


def test_full_collections_are_rare_and_leave_out_what_was_there_at_the_start():
    done = subprocess.run([sys.executable, "-c", SHOW], capture_output=True, text=True, check=True, timeout=300)

    assert done.stdout.split() == ["True"] * 3
