"""Which tests `make test` runs: all but those marked `long`, which only `make test-all` runs."""

from collections import Counter

import pytest


def long(*values: object, id: str | None = None) -> object:  # noqa: A002 - pytest's own name for it
    """Return one row of a parametrised test, for `make test-all` alone."""
    return pytest.param(*values, id=id, marks=pytest.mark.long)


class LongAfter:
    """Marks the rows of a parametrised test as long, after the first n that its marker `long_after` names."""

    def __init__(self) -> None:
        self._rows: Counter[str] = Counter()

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Count a row, in the order of the file."""
        marker = item.get_closest_marker("long_after")
        if marker is None:
            return
        test = item.nodeid.partition("[")[0]
        self._rows[test] += 1
        if self._rows[test] > marker.args[0]:
            item.add_marker(pytest.mark.long)
