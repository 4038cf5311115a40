"""Planted cues among boxes: where boxes are drawn, and what the tables say of places."""

import numpy as np
import pytest

from benchmarks.planted.object_tables import spots_among_objects
from benchmarks.planted.objects import AREAS, TIGHT, drawn_box, object_cases

CUE = np.zeros((32, 32), dtype=bool)
CUE[14:18, 14:18] = True


@pytest.mark.parametrize(("inside", "area"), [*((True, area) for area in AREAS), (False, 0.1), (False, 0.25)])
def test_a_box_holds_the_whole_cue_or_none_of_it_and_has_about_its_area(inside, area):
    drawn = np.random.default_rng(0)

    boxes = [drawn_box(CUE, drawn, inside=inside, area=area) for _ in range(20)]

    assert all((box & CUE).sum() == (CUE.sum() if inside else 0) for box in boxes)
    assert all(abs(box.mean() - area) < 0.02 for box in boxes)


def test_the_tightest_box_is_the_cue_itself():
    assert (drawn_box(CUE, np.random.default_rng(0), inside=True, area=TIGHT) == CUE).all()


def test_a_cue_that_no_box_can_hold_has_none():
    everywhere, drawn = np.ones((32, 32), dtype=bool), np.random.default_rng(0)

    assert drawn_box(everywhere, drawn, inside=True, area=0.25) is None
    assert drawn_box(everywhere, drawn, inside=True, area=TIGHT) is None


def test_networks_have_one_class_with_a_cue_in_a_known_place():
    assert {(case.scope, case.cue.has_place) for case in object_cases()} == {("one", True)}
    assert {case.set_aside for case in object_cases()} == {True, False}


def test_tables_count_data_sets_of_boxes_by_where_the_cue_lies():
    places = [
        {"class": 3, "own": False, "inside": True, "area": 0.1, "ends": [[0.6, 0.8], [0.2, 0.4], [0.01, 0.04]]},
        {"class": 3, "own": False, "inside": False, "area": 0.1, "ends": [[0.0, 0.04], [0.0, 0.12]]},
    ]

    text = "\n".join(spots_among_objects([{"set_aside": False, "places": places}]))

    limits = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("| 0.")]
    outside = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in limits[:5]}
    inside = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in limits[5:]}
    assert outside["0.1"] == ["none", "50% of 2", "none", "33% of 3"]
    assert outside["0.15"] == ["none", "100% of 2", "none", "33% of 3"]
    assert inside["0.5"] == ["none", "0% of 2", "none", "33% of 3"]
