"""What the fault tests share: the stage, and the undisturbed run on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.fault import Reference
from tests.faults.reference import undisturbed
from tests.faults.stage import Stage, stage
from tests.faults.table import SIGNS


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the long ones for those who ask for them."""
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in here:
        item.add_marker("acceptance")
    if not config.getoption("full"):
        long = [item for item in here if item.get_closest_marker("full")]
        items[:] = [item for item in items if item not in long]
        config.hook.pytest_deselected(items=long)


@pytest.fixture(scope="session")
def fault_seed(request: pytest.FixtureRequest) -> int:
    """What is left to chance comes from this; it stands in the output of a test that fails."""
    seed = int(request.config.getoption("fault_seed"))
    print(f"--fault-seed {seed}")  # noqa: T201 - shown where a test fails
    return seed


@pytest.fixture(scope="session")
def playing() -> Iterator[Stage]:
    """The stage, on which one fault follows the other."""
    with stage() as opened:
        yield opened


@pytest.fixture(scope="session")
def reference(playing: Stage) -> Reference:
    """The undisturbed run, once a session."""
    return undisturbed(playing, SIGNS)
