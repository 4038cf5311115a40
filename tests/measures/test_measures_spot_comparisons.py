"""Two versions on the same spots: which pairs count, and what the differences and their intervals are."""

from dataclasses import replace

import numpy as np
import pytest
from modicum_server.domain.findings import FindingReason
from modicum_server.domain.searches import Control, ControlPlan
from modicum_server.domain.spots import SpotKind, SpotOutcomes, SpotPlace, SpotRow, SpotTrial

from tests.measures.example_audit import OTHER_VERSION, VERSION, document_and_rows, finding

CATS, IMAGES = 10, 20
SOURCES, OTHERS = tuple(range(CATS)), tuple(range(CATS, IMAGES))
PLACE = SpotPlace(SpotKind.WINDOW, 2, 2, 1, 1)


def findings(version: str, *, changed: int | None = None):
    """Images 0 to 9 are cats, the others dogs; one image may be of another class."""
    classes = [int(at >= CATS) if at != changed else 2 for at in range(IMAGES)]
    return [finding(at, predicted_class=one, target_class=one, model_version=version) for at, one in enumerate(classes)]


def row(followed: int, *, elsewhere: int = 0, **changes) -> SpotRow:
    here, there = (tuple(at < count for at in range(CATS)) for count in (followed, elsewhere))
    outcomes = SpotOutcomes(SOURCES, OTHERS, here, there, (0,) * CATS, (0,) * CATS)
    return SpotRow(0, CATS, (SpotTrial(0, PLACE, (), outcomes, outcomes, **changes),))


def difference(first: SpotRow, second: SpotRow, *, changed: int | None = None) -> dict:
    document, _ = document_and_rows(
        [*findings(VERSION), *findings(OTHER_VERSION, changed=changed)],
        versions=(VERSION, OTHER_VERSION),
        spots={VERSION: [first]},
        retests={(VERSION, OTHER_VERSION): [second]},
        plans=(ControlPlan(Control.SPOT),),
    )
    (pair,) = document["comparisons"]
    return pair["measures"]["spot_pasted_version_difference"]


def test_the_difference_is_first_less_second_each_less_elsewhere():
    found = difference(row(8, elsewhere=1), row(3))

    assert (found["value"], found["n"], found["title"]) == (
        pytest.approx(0.7 - 0.3),
        CATS,
        "Difference in how often a copied spot brings its class",
    )
    assert found["groups"]["cat"]["value"] == found["value"]


def test_versions_that_are_alike_differ_by_nothing_within_an_interval_that_is_not():
    found = difference(row(8), row(8))

    assert found["value"] == 0.0
    # ten zeros, a 1 and a -1: standard error of 12 values; t of 11 degrees is 2.201
    reach = 2.201 * np.std([*[0.0] * 10, 1.0, -1.0], ddof=1) / np.sqrt(12)
    assert (found["interval"]["low"], found["interval"]["high"]) == pytest.approx((-reach, reach), abs=1e-3)


@pytest.mark.parametrize("changed", [0, CATS])
def test_pairs_on_which_the_versions_see_different_sources_are_left_out(changed):
    found = difference(row(10), row(0), changed=changed)

    # image 0 is a source: its pair says nothing of the second. Image 10 is another image: still no cat, so it counts.
    assert found["n"] == (CATS - 1 if changed == 0 else CATS)
    assert found["value"] == 1.0


def test_places_outside_the_objects_and_rows_that_failed_say_nothing():
    assert difference(row(8, outside=True), row(3, outside=True))["value"] is None
    failed = replace(row(0), trials=(), reason=FindingReason.MODEL_DIED)
    found = difference(row(8), failed)
    assert found["unavailable"] == "no pair of images on which both versions agree"


def test_a_pair_without_a_retest_has_no_such_measure():
    document, _ = document_and_rows(
        [*findings(VERSION), *findings(OTHER_VERSION)], versions=(VERSION, OTHER_VERSION), spots={VERSION: [row(8)]}
    )

    assert "spot_pasted_version_difference" not in document["comparisons"][0]["measures"]
