"""Rows of the spot test that a model's process makes up are refused with a reason. Nothing of them is stored."""

import math
from dataclasses import replace

import pytest
from modicum_server.domain.finding_claims import MOST_PASSES
from modicum_server.domain.findings import Subset
from modicum_server.domain.spot_claims import MOST_REGIONS
from modicum_server.domain.spots import (
    SpotKind,
    SpotObjects,
    SpotOutcomes,
    SpotPlace,
    SpotRegion,
    SpotRow,
    SpotTrial,
    SpotWindow,
)
from modicum_server.domain.tasks import TaskSpots
from modicum_server.model_server import ExpectedResults, TaskFailed
from modicum_sis.spots.trials import SHOWN

from tests.worker.arithmetic_model_server import subset_of
from tests.worker.test_worker_expected_results import ITEMS, OUTSIDE, OWN, PAIR, PATTERN, RING, ROW, SPOT_TASK

BARE_TASK = replace(SPOT_TASK, work=replace(SPOT_TASK.work, items=ITEMS))
"""Its images have no objects."""
WINDOW = replace(RING, place=SpotPlace(SpotKind.WINDOW, 2, 2, 1, 1))
FAR = 2**31 - 1


def refusal(row: SpotRow, task=SPOT_TASK) -> str:
    with pytest.raises(TaskFailed) as caught:
        ExpectedResults(task).accept(TaskSpots((row,), 9))
    assert (caught.value.task_reason, caught.value.model_at_fault) == ("HANDLER_BUG", False)
    return str(caught.value)


def with_pixels(pixels: bytes, kind: SpotKind = SpotKind.PATTERN) -> SpotTrial:
    return replace(PATTERN, place=replace(PATTERN.place, kind=kind, pixels=pixels))


def pairs(trial: SpotTrial, **changes) -> SpotTrial:
    return replace(trial, pasted=replace(PAIR, **changes))


def twice(outcomes: SpotOutcomes) -> SpotOutcomes:
    return SpotOutcomes(*(getattr(outcomes, name) * 2 for name in SpotOutcomes.__slots__ if name != "left_out"))


@pytest.mark.parametrize("trial", [OWN, RING, PATTERN, OUTSIDE, WINDOW, pairs(WINDOW, tops=(2,), lefts=(2,))])
def test_a_trial_that_can_be_is_taken(trial):
    row = replace(ROW, trials=(trial,))

    assert ExpectedResults(SPOT_TASK).accept(TaskSpots((row,), 9)).rows == (row,)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (replace(ROW, sources=3), "impossible counts"),
        (replace(ROW, sources=-1), "impossible counts"),
        (replace(ROW, sources=0), "impossible counts"),
        (replace(ROW, passes=-1), "impossible counts"),
        (replace(ROW, passes=MOST_PASSES + 1), "impossible counts"),
        (replace(ROW, trials=(OWN, OWN)), "more places than a half has"),
        (replace(ROW, target_class=None, sources=0), "impossible counts"),
    ],
)
def test_a_row_that_cannot_be_is_refused(row, says):
    assert says in refusal(row)


@pytest.mark.parametrize(
    ("trial", "says"),
    [
        pytest.param(replace(OWN, half=2), "more places than a half", id="a third half"),
        pytest.param(pairs(OWN, others=(6,)), "pairs of other images", id="another image"),
        pytest.param(pairs(OWN, here=()), "pairs without results", id="a pair without a result"),
        pytest.param(pairs(RING, others=(4,)), "pairs of images of one class", id="an image with itself"),
        pytest.param(pairs(RING, sources=(5,), others=(4,)), "another class than", id="a source of another class"),
        pytest.param(replace(RING, covered=twice(PAIR)), "pairs of images of one class", id="a pair twice"),
        pytest.param(pairs(RING, left_out=-1), "impossible counts", id="a negative number of pairs"),
        pytest.param(pairs(RING, left_out=FAR), "impossible counts", id="more pairs than there are"),
        pytest.param(replace(OWN, windows=(SpotWindow(6, 0, 0),)), "pairs of other", id="a window of another image"),
        pytest.param(replace(OWN, windows=(SpotWindow(4, 3, 0),)), "own windows outside", id="a window beyond"),
        pytest.param(replace(OWN, windows=()), "sources without one", id="no window"),
        pytest.param(replace(OWN, windows=OWN.windows * 2), "own windows", id="a window twice"),
        pytest.param(replace(RING, windows=OWN.windows), "own windows", id="own windows of a ring"),
        pytest.param(replace(OWN, place=SpotPlace(SpotKind.OWN, 2, 2, 1, 1)), "places outside", id="an own position"),
        pytest.param(replace(OWN, place=SpotPlace(SpotKind.OWN, -2, 2)), "places outside", id="a negative size"),
        pytest.param(replace(WINDOW, place=SpotPlace(SpotKind.WINDOW, 2, 2, -1, 0)), "places", id="a negative top"),
        pytest.param(replace(RING, place=SpotPlace(SpotKind.RING, 4, 4)), "places outside", id="a ring that is all"),
        pytest.param(replace(RING, place=SpotPlace(SpotKind.RING, 0, 0)), "places outside", id="a ring of no width"),
        pytest.param(replace(RING, place=SpotPlace(SpotKind.RING, 1, 1, 99, -7)), "places", id="a ring elsewhere"),
        pytest.param(pairs(WINDOW, tops=(-FAR,)), "windows of comparison outside", id="a comparison far above"),
        pytest.param(pairs(WINDOW, lefts=(FAR,)), "windows of comparison outside", id="a comparison far right"),
        pytest.param(pairs(OWN, tops=(3,)), "windows of comparison outside", id="a comparison beyond the canvas"),
        pytest.param(pairs(RING, tops=(1,)), "windows of comparison outside", id="a comparison window of a ring"),
        pytest.param(with_pixels(b""), "places outside", id="a pattern without its pixels"),
        pytest.param(with_pixels(b"\x00"), "places outside", id="a pattern of no pixel"),
        pytest.param(with_pixels(b"\x85"), "places outside", id="a pattern with a pixel beyond its window"),
        pytest.param(with_pixels(b"\x84\x00"), "places outside", id="a pattern with pixels of a larger window"),
        pytest.param(replace(PATTERN, place=replace(PATTERN.place, top=2)), "places outside", id="a pattern beyond"),
        pytest.param(with_pixels(b"\x84", SpotKind.WINDOW), "places outside", id="a window with pixels of its own"),
        pytest.param(replace(RING, on_objects=SpotObjects((6,), (0.5,))), "pairs of other", id="of another image"),
        pytest.param(replace(RING, on_objects=SpotObjects((4,), ())), "pairs without", id="objects without a share"),
        pytest.param(replace(RING, on_objects=SpotObjects((4,), (1.5,))), "objects of images", id="a share above 1"),
        pytest.param(replace(RING, on_objects=SpotObjects((4,), (math.nan,))), "objects of images", id="no number"),
        pytest.param(replace(RING, on_objects=SpotObjects((4, 4), (1.0, 1.0))), "objects of images", id="one twice"),
        pytest.param(replace(OUTSIDE, outside=False), "copied pixels", id="copied pixels on whole images"),
        pytest.param(replace(OUTSIDE, regions=OUTSIDE.regions * (MOST_REGIONS + 1)), "copied pixels", id="many"),
        pytest.param(replace(OUTSIDE, regions=(SpotRegion(6, 5, subset_of(1)),)), "pairs of other", id="pixels of 6"),
        pytest.param(replace(OUTSIDE, regions=(SpotRegion(5, 4, subset_of(1)),)), "copied pixels", id="no such pair"),
        pytest.param(
            replace(OUTSIDE, regions=(SpotRegion(4, 5, Subset(b"1", 8, 1, 1)),)), "copied pixels", id="another canvas"
        ),
        pytest.param(
            replace(OUTSIDE, regions=(SpotRegion(4, 5, Subset(b"1", 4, 4, 1)),)), "copied pixels", id="a short mask"
        ),
        pytest.param(
            replace(OUTSIDE, regions=(SpotRegion(4, 5, replace(subset_of(1), size=FAR)),)),
            "copied pixels",
            id="another size than the mask has",
        ),
    ],
)
def test_a_place_or_a_pair_that_cannot_be_is_refused(trial, says):
    assert says in refusal(replace(ROW, trials=(trial,)))


@pytest.mark.parametrize("trial", [replace(OUTSIDE, regions=()), replace(RING, on_objects=OUTSIDE.on_objects)])
def test_objects_of_images_that_have_none_are_refused(trial):
    assert "objects of images that have none" in refusal(replace(ROW, trials=(trial,)), BARE_TASK)


def test_as_many_regions_are_taken_as_the_library_keeps():
    assert MOST_REGIONS == SHOWN
