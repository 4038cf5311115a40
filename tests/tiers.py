"""Which tests `make test` runs: all but those marked `long`, which only `make test-all` runs."""

import pytest


def long(*values: object, id: str | None = None) -> object:  # noqa: A002 - pytest's own name for it
    """Return one row of a parametrised test, for `make test-all` alone."""
    return pytest.param(*values, id=id, marks=pytest.mark.long)
