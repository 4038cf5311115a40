"""Second half of the wrapper: `python -I -m ...inside RULES PROGRAM ARGUMENTS...`.

Applies the level of the rules to this process and becomes the program. If a step fails, the process ends, so that a
model never runs with less confinement than the worker expects.
"""

import os
import sys

from modicum_server.torchserve.confinement import landlock, seccomp
from modicum_server.torchserve.confinement.plan import Level, Rules
from modicum_server.torchserve.confinement.process import (
    die_with_parent,
    drop_capabilities,
    forbid_new_privileges,
    limit_resources,
)


def confine(rules: Rules) -> None:
    """Apply the level to this process. Raises OSError when the kernel cannot."""
    die_with_parent()
    limit_resources(rules.memory_bytes)
    if rules.level is Level.NONE:
        return
    forbid_new_privileges()
    if rules.level is Level.LANDLOCK:
        landlock.restrict(readable=rules.readable, writable=rules.writable, devices=rules.devices)
    if rules.level is not Level.BUBBLEWRAP:  # bubblewrap has dropped them
        drop_capabilities()
    seccomp.install()


def main() -> None:
    """Confine this process and become the program."""
    rules, program = Rules.loads(sys.argv[1]), sys.argv[2:]
    try:
        confine(rules)
    except OSError as error:
        sys.exit(f"the confinement {rules.level} could not be set up: {error}")
    os.execv(program[0], program)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
