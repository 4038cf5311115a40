"""No record of the domain is forgotten as a whole by the tests beside this one."""

import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from importlib import import_module

import pytest
from modicum_server import domain
from modicum_server.domain.audits import ItemCounts
from modicum_server.domain.datasets import Dataset, DatasetItem, UsedArtifact
from modicum_server.domain.findings import FindingControls, PixelSubsetFinding
from modicum_server.domain.models import Model, ModelVersion, VersionState
from modicum_server.domain.projects import Project

from tests.borders.filling import filled
from tests.borders.records import (
    AUDIT,
    ERASURE,
    EVENTS,
    FINDING,
    GRANT,
    HOLD,
    NEW_HOLD,
    NEW_TOKEN,
    NEW_TRAIL_ENTRY,
    NEW_TRUST_RULE,
    PREDICTION,
    RETENTION,
    REVIEW,
    SCORE_TASK,
    SEAL,
    SEARCH_TASK,
    SOURCES,
    SPOT_ROW,
    SPOT_TASK,
    STOPPED,
    SWAP,
    TOKEN,
    TRAIL_ENTRY,
    TRANSFER,
    TRUST_RULE,
    VERDICT,
)

MODULES = tuple(sorted(found.name for found in pkgutil.iter_modules(domain.__path__)))
#: Records that are not written down anywhere by themselves, by their module.
WITHIN_A_PROCESS: dict[str, set[str]] = {
    "access": {"OpenSession", "Revoked"},  # from a query to a call; made of grants and tokens
    "audits": {"NewShard", "Shard", "Unended"},  # columns, by name in tests/store; from a query to a check
    "backups": {"ArtifactList", "Backup", "Damaged", "HeldBytes", "TableCopy", "TableShape", "WrittenFile"},  # in files
    "collections": {"Collection", "Unreferred"},  # from a query to the words of a command
    "controls": {"ControlFacts"},  # a table in the code
    "endpoints": {"Description", "EndpointEntry", "Tensor"},  # the operator's file, in tests/endpoints
    "erasures": {"PictureUse"},  # from a query to what is removed
    "datasets": {"HeldArtifact"},  # from a query to the sweep of stored bytes
    "findings": {"FoundSubset", "PredictedImage"},  # on their way from a query to a task
    "gauges": {
        "NewestAudits",
        "ProjectUse",
        "Sight",
        "VersionAudit",
        "VersionVerdict",
    },  # between a query and the metrics
    "buildable": {"Family", "LeftToOthers"},  # tests/store has the first; from a query to a claim
    "needs": {"PossibleNeed"},  # from a query to the words of a page
    "pixel_subsets": {"Descent"},  # follows from a search and a canvas
    "projects": {"Origin", "Principal"},  # from a query to a call
    "retention": {"Past"},  # from a query to the words of a command
    "reviews": {"ReviewFigures", "ReviewShare", "ReviewerShares", "Seat"},  # counted, or from a query to a call
    "sign_in": {"Person", "ProviderResponse", "SignInFlow"},  # between a browser, its cookie and the provider
    "store_identity": {"StoreIdentity"},  # from a query to a check at start
    "tasks": {"CheckWork"},  # nothing to fill
    "traces": {"Cause"},  # tests/store has it; from a call to the row of a shard
    "trust": {"Identity"},  # from an identity token to the rules
    "verdicts": {"UsedPolicy"},  # from a query to a page
}
CROSSING = (
    AUDIT,
    FINDING,
    SEARCH_TASK,
    SCORE_TASK,
    SPOT_TASK,
    SPOT_ROW,
    VERDICT,
    PREDICTION,
    TRANSFER,
    STOPPED,
    REVIEW,
    SWAP,
    ERASURE,
    HOLD,
    NEW_HOLD,
    RETENTION,
    GRANT,
    TOKEN,
    NEW_TOKEN,
    TRUST_RULE,
    NEW_TRUST_RULE,
    TRAIL_ENTRY,
    NEW_TRAIL_ENTRY,
    SEAL,
    *EVENTS.values(),
    *SOURCES.values(),
    *map(filled, (Model, Dataset, DatasetItem, ItemCounts, UsedArtifact, Project)),
)


@pytest.mark.parametrize("name", MODULES)
def test_every_record_of_the_domain_crosses_here(name):
    seen = {kind.__name__ for record in CROSSING for kind in kinds_in(record)}

    assert set(records_of(name)) - seen == WITHIN_A_PROCESS.get(name, set())


def records_of(name: str) -> Iterator[str]:
    module = import_module(f"{domain.__name__}.{name}")
    for kind in vars(module).values():
        if isinstance(kind, type) and is_dataclass(kind) and kind.__module__ == module.__name__:
            yield kind.__name__


def kinds_in(value: object) -> set[type]:
    """The dataclasses that a value is made of."""
    if is_dataclass(value):
        parts = [getattr(value, field.name) for field in fields(value)]
        return {type(value)}.union(*map(kinds_in, parts))
    if isinstance(value, (tuple, list)):
        return set().union(*map(kinds_in, value))
    if isinstance(value, Mapping):
        return kinds_in([*value.values()])
    return set()


def test_filling_leaves_nothing_at_its_default():
    controls = filled(FindingControls)

    assert isinstance(controls.pixel_subset, PixelSubsetFinding)
    for record in (FINDING, controls, AUDIT, filled(ModelVersion, state=VersionState.PENDING)):
        for field in fields(record):
            assert getattr(record, field.name) != field.default, field.name
