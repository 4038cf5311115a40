"""How the classes of one version map to those of another."""

from dataclasses import replace

import pytest
from modicum_server.domain.classes import same_classes
from modicum_server.domain.models import ModelVersion, VersionState, Weights

from tests.usecases.usecases_stage import CHECK, INPUT, PROJECT, now


def version(*labels: str, count: int | None) -> ModelVersion:
    check = None if count is None else replace(CHECK, class_count=count)
    name = f"{PROJECT}/models/m/versions/1"
    return ModelVersion(name, Weights("", ""), INPUT, labels, "", VersionState.READY, now(), check)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param(version("a", "b", count=2), version("a", "b", count=2), (0, 1), id="equal names"),
        pytest.param(version("a", "b", "c", count=3), version("c", "a", "b", count=3), (1, 2, 0), id="another order"),
        pytest.param(version("a", "b", count=2), version("a", "x", count=2), None, id="another name"),
        pytest.param(version("a", "b", count=2), version("a", "b", "c", count=3), None, id="more names"),
        pytest.param(version("a", "a", count=2), version("a", "a", count=2), (0, 1), id="a name twice, same order"),
        pytest.param(version("a", "a", "b", count=3), version("a", "b", "b", count=3), None, id="which of the two?"),
        pytest.param(version("a", "b", count=2), version(count=2), (0, 1), id="one without names, as many"),
        pytest.param(version(count=3), version(count=2), None, id="without names, not as many"),
        pytest.param(version(count=3), version(count=3), (0, 1, 2), id="without names, as many"),
        pytest.param(version(count=None), version(count=None), None, id="nothing known"),
    ],
)
def test_classes_are_matched_by_name_or_else_by_index(first, second, expected):
    assert same_classes(first, second) == expected
