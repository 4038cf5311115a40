"""What the fault tests share: stages, one for each set of variables, and the undisturbed run."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.fault import Reference
from tests.faults.reference import undisturbed
from tests.faults.stage import Stage, stage

Stages = Callable[[Mapping[str, str]], Stage]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the long ones for those who ask for them; let those follow each other that share a stage."""
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in here:
        item.add_marker("acceptance")
    if not config.getoption("full"):
        long = [item for item in here if item.get_closest_marker("full")]
        items[:] = [item for item in items if item not in long]
        config.hook.pytest_deselected(items=long)
    played = [item for item in items if "fault" in getattr(item, "fixturenames", ())]
    places = [place for place, item in enumerate(items) if item in played]
    for place, item in zip(places, sorted(played, key=_stage_of), strict=True):
        items[place] = item


def _stage_of(item: pytest.Item) -> list[tuple[str, str]]:
    """The settings of the stage on which the item's fault is played."""
    callspec = getattr(item, "callspec", None)
    return sorted(callspec.params["fault"].variables.items()) if callspec else []


@pytest.fixture(scope="session")
def fault_seed(request: pytest.FixtureRequest) -> int:
    """What is left to chance comes from this; it stands in the output of a test that fails."""
    seed = int(request.config.getoption("fault_seed"))
    print(f"--fault-seed {seed}")  # noqa: T201 - shown where a test fails
    return seed


@pytest.fixture(scope="session")
def stages() -> Iterator[Stages]:
    """The stage with these variables; the last one asked for stays until another one is."""
    with ExitStack() as opened:
        present: dict[frozenset[tuple[str, str]], Stage] = {}

        def with_variables(variables: Mapping[str, str]) -> Stage:
            key = frozenset(variables.items())
            if key not in present:
                opened.pop_all().close()
                present.clear()
                present[key] = opened.enter_context(stage(**variables))
            return present[key]

        yield with_variables


@pytest.fixture(scope="session")
def reference(stages: Stages) -> Reference:
    """The undisturbed run, once a session, on the plain stage."""
    return undisturbed(stages({}))
