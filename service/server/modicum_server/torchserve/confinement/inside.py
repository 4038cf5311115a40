"""Second half of the wrapper: `python -I -m ...inside RULES PROGRAM ARGUMENTS...`.

Applies the level of the rules to this process and becomes the program. If a step fails, the process ends, so that a
model never runs with less confinement than the worker expects.
"""

import os
import sys

from modicum_server.torchserve.confinement import landlock, seccomp
from modicum_server.torchserve.confinement.plan import Level, Rules
from modicum_server.torchserve.confinement.process import (
    become,
    die_with_parent,
    drop_capabilities,
    forbid_new_privileges,
    limit_resources,
    namespaces_count,
)


def confine(rules: Rules) -> None:
    """Apply the level to this process. Raises OSError when the kernel cannot."""
    parent = os.getppid()
    in_own_namespace = rules.level is Level.BUBBLEWRAP and namespaces_count()
    limit_resources(rules.memory_bytes, counted_alone=rules.user is not None or in_own_namespace)
    if rules.level is not Level.NONE or rules.user is not None:
        forbid_new_privileges()
    if rules.level is Level.LANDLOCK:
        landlock.restrict(readable=rules.readable, writable=rules.writable, devices=rules.devices)
    if rules.user is not None:
        become(rules.user, rules.groups)
    die_with_parent()  # a change of the user clears it
    if os.getppid() != parent:
        raise ProcessLookupError("the process that started it has ended")
    if rules.level is Level.NONE:
        return
    if rules.level is not Level.BUBBLEWRAP or rules.user is not None:  # else bubblewrap has dropped them
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
