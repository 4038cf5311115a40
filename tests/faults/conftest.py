"""Fixtures of the fault tests: the stage, and the undisturbed run on it."""

from collections.abc import Iterator

import pytest

from tests.faults.fault import Reference
from tests.faults.reference import undisturbed
from tests.faults.stage import Stage, stage
from tests.faults.table import SIGNS


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith("tests/faults/"):
            item.add_marker("acceptance")


@pytest.fixture(scope="session")
def fault_seed(request: pytest.FixtureRequest) -> int:
    """The seed of all random choices. The output of a failed test shows it."""
    seed = int(request.config.getoption("fault_seed"))
    print(f"--fault-seed {seed}")  # noqa: T201 - shown where a test fails
    return seed


@pytest.fixture(scope="package")
def playing() -> Iterator[Stage]:
    """The stage on which the faults are played one after the other."""
    with stage() as opened:
        yield opened


@pytest.fixture(scope="package")
def reference(playing: Stage) -> Reference:
    """The undisturbed run, once per session."""
    return undisturbed(playing, SIGNS)
