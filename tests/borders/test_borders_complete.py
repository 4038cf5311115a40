"""No record of the domain is forgotten as a whole by the tests beside this one."""

from dataclasses import fields, is_dataclass
from types import ModuleType

import pytest
from modicum_server.domain import (
    audits as domain_audits,
)
from modicum_server.domain import (
    datasets as domain_datasets,
)
from modicum_server.domain import (
    findings as domain_findings,
)
from modicum_server.domain import (
    models as domain_models,
)
from modicum_server.domain import (
    searches as domain_searches,
)
from modicum_server.domain import (
    spots as domain_spots,
)
from modicum_server.domain import (
    statistics as domain_statistics,
)
from modicum_server.domain import (
    tasks as domain_tasks,
)
from modicum_server.domain import (
    verdicts as domain_verdicts,
)
from modicum_server.domain.datasets import Artifact, Dataset, DatasetItem
from modicum_server.domain.findings import (
    FindingControls,
    PixelSubsetFinding,
)
from modicum_server.domain.models import (
    Model,
    ModelVersion,
    VersionState,
)

from tests.borders.crossing_records import (
    AUDIT,
    FINDING,
    SCORE_TASK,
    SEARCH_TASK,
    SOURCES,
    SPOT_ROW,
    SPOT_TASK,
    VERDICT,
)
from tests.borders.filled_records import filled

#: Records that are not written down anywhere by themselves.
WITHIN_A_PROCESS: dict[ModuleType, set[str]] = {
    domain_audits: {"NewShard", "Shard"},  # columns, written and read by name in tests/store
    domain_findings: {"FoundSubset", "PredictedImage"},  # on their way from a query to a task
    domain_tasks: {"CheckWork", "SubsetScore"},  # nothing to fill; compared above by hand
    domain_datasets: set(),
    domain_models: set(),
    domain_searches: set(),
    domain_spots: set(),
    domain_statistics: set(),
    domain_verdicts: set(),
}
CROSSING = (
    AUDIT,
    FINDING,
    SEARCH_TASK,
    SCORE_TASK,
    SPOT_TASK,
    SPOT_ROW,
    VERDICT,
    *SOURCES.values(),
    *map(filled, (Model, Dataset, DatasetItem, Artifact)),
)
COMPARED_BY_HAND = {
    "Prediction",
    "Transfer",
    "TaskStarted",
    "TaskHeartbeat",
    "TaskFindings",
    "TaskScores",
    "TaskSpots",
    "TaskChecked",
    "TaskFinished",
    "Acceleration",
}


@pytest.mark.parametrize("module", WITHIN_A_PROCESS, ids=lambda module: module.__name__.rsplit(".", 1)[-1])
def test_every_record_of_the_domain_crosses_here(module):
    records = {
        name
        for name, kind in vars(module).items()
        if isinstance(kind, type) and is_dataclass(kind) and kind.__module__ == module.__name__
    }

    seen = {kind.__name__ for record in CROSSING for kind in kinds_in(record)}
    assert records - seen - COMPARED_BY_HAND - WITHIN_A_PROCESS[module] == set()


def kinds_in(value: object) -> set[type]:
    """The dataclasses that a value is made of."""
    if is_dataclass(value):
        parts = [getattr(value, field.name) for field in fields(value)]
        return {type(value)}.union(*map(kinds_in, parts))
    if isinstance(value, (tuple, list)):
        return set().union(*map(kinds_in, value))
    return set()


def test_filling_leaves_nothing_at_its_default():
    controls = filled(FindingControls)

    assert isinstance(controls.pixel_subset, PixelSubsetFinding)
    for record in (FINDING, controls, AUDIT, filled(ModelVersion, state=VersionState.PENDING)):
        for field in fields(record):
            assert getattr(record, field.name) != field.default, field.name
