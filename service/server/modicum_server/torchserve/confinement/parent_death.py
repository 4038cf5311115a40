"""Runs a program that dies with its parent: `python -I -m ...parent_death PARENT_PID PROGRAM ARGUMENTS...`."""

import os
import sys

from modicum_server.torchserve.confinement.process import die_with_parent


def main() -> None:
    """Make this process die with its parent, then become the program."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    die_with_parent()
    if os.getppid() != parent:
        sys.exit(f"the parent process {parent} ended before this process started to watch it")
    os.execv(program[0], program)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
