"""How `make test` shares the tests out among its processes.

A process takes a whole module at a time, so that what a module's tests share is made once. The tests of some folders
share a running service: they stay together too. These begin, because they take longest; then come the longest modules,
and the small ones fill the time until the end.
"""

import pytest
from xdist.scheduler import LoadScopeScheduling

#: Folders whose tests share one running service, the longest first.
TOGETHER = ("tests/faults", "tests/acceptance", "tests/pages", "tests/metrics")

#: Modules that take minutes, the longest first: one that began last would run alone at the end.
LONGEST = (
    "tests/torchserve/test_hostile_programs.py",
    "tests/demo/test_demo_run.py",
    "tests/local/test_exit_codes_of_operators.py",
    "tests/deploy/test_empty_environments.py",
    "tests/rest/test_openapi.py",
    "tests/local/test_local_commands.py",
    "tests/rest/test_isolation.py",
    "tests/sis/test_sis_properties.py",
    "tests/client/test_registered_models.py",
    "tests/torchserve/test_streams.py",
)


def share_of(nodeid: str) -> str:
    """What goes to one process: the test's folder if its tests share a service, else its module."""
    module = nodeid.partition("::")[0]
    folder = module.rpartition("/")[0]
    return folder if folder in TOGETHER else module


def begin_with_the_longest(items: list[pytest.Item]) -> None:
    """Put the folders of `TOGETHER` first, then the modules of `LONGEST`; the order of the others stays."""
    places = {share: place for place, share in enumerate((*TOGETHER, *LONGEST))}
    items.sort(key=lambda item: places.get(share_of(item.nodeid), len(places)))


class ByShare(LoadScopeScheduling):
    """Hands out shares in the order of the tests."""

    def __init__(self, config: pytest.Config, log: object = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return share_of(nodeid)
