"""Lets a child process end with the process that started it."""

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Let the kernel end this process by SIGTERM when its parent, `parent`, ends. Runs in the child, before exec.

    The kernel takes the thread that started the child for its parent.
    """
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it has ended already, so no signal would come
        os.kill(os.getpid(), signal.SIGTERM)
