"""How `make test` shares the tests out among its processes.

A process takes a whole module at a time, so that what a module's tests share is made once. The tests of some folders
share a running service: they stay together too. These begin, because they take longest; the small modules then fill
the time until the end.
"""

import pytest
from xdist.scheduler import LoadScopeScheduling

#: Folders whose tests share one running service, the longest first.
TOGETHER = ("tests/faults", "tests/acceptance", "tests/pages", "tests/metrics")


def share_of(nodeid: str) -> str:
    """What goes to one process: the test's folder if its tests share a service, else its module."""
    module = nodeid.partition("::")[0]
    folder = module.rpartition("/")[0]
    return folder if folder in TOGETHER else module


def begin_with_the_longest(items: list[pytest.Item]) -> None:
    """Put the folders of `TOGETHER` first; the order of the others stays."""
    places = {folder: place for place, folder in enumerate(TOGETHER)}
    items.sort(key=lambda item: places.get(share_of(item.nodeid), len(TOGETHER)))


class ByShare(LoadScopeScheduling):
    """Hands out shares in the order of the tests."""

    def __init__(self, config: pytest.Config, log: object = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return share_of(nodeid)
