"""Which project a client works in, where it is not told: that of a variable, else `default`."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLE = "MODICUM_PROJECT"


def usual_project() -> str:
    """Return the id of the project."""
    return os.environ.get(VARIABLE) or "default"


@contextmanager
def in_project(project: str) -> Iterator[None]:
    """Let clients that are opened in this block work in that project; the usual one if it is empty."""
    before = os.environ.get(VARIABLE)
    if project:
        os.environ[VARIABLE] = project
    try:
        yield
    finally:
        os.environ.pop(VARIABLE, None)
        if before is not None:
            os.environ[VARIABLE] = before
