"""Places of one classifier on another: the same places and pairs, only what the second one sees is new."""

from dataclasses import replace

import pytest
import torch
from modicum_sis.errors import ParameterError
from modicum_sis.spots.retests import spot_retests
from modicum_sis.spots.trials import spot_tests

from tests.sis.spot_models import (
    SIDE,
    BrightAnywhere,
    BrightCorner,
    MeanLight,
    classifier_of,
    with_corner,
    with_moving_spot,
)

OBJECTS = {index: torch.arange(SIDE * SIDE).reshape(SIDE, SIDE) >= SIDE * SIDE - 5 for index in range(32)}


def places_of(row):
    return [
        (trial.half, trial.place, trial.windows, trial.outside, trial.pasted.others, trial.covered.tops)
        for trial in row.trials
    ]


@pytest.mark.long
def test_a_classifier_retests_its_own_places_to_the_same_outcomes():
    images, predicted, masks = with_moving_spot()
    model = classifier_of(BrightAnywhere())
    rows = list(spot_tests(model, images, predicted, masks, objects=OBJECTS))

    again = list(spot_retests(model, images, rows, predicted, objects=OBJECTS))

    assert [[(one.pasted, one.covered) for one in row.trials] for row in again] == [
        [(one.pasted, one.covered) for one in row.trials] for row in rows
    ]
    assert all(after.passes < before.passes for after, before in zip(again, rows, strict=True)), "nothing is chosen"


def test_places_and_pairs_stay_and_what_another_classifier_sees_is_new():
    images, predicted = with_corner()
    rows = list(spot_tests(classifier_of(BrightCorner()), images, predicted, {}))

    again = list(spot_retests(classifier_of(MeanLight()), images, rows, predicted))

    assert [places_of(row) for row in again] == [places_of(row) for row in rows]
    bright = [trial for row in again if row.target_class == 1 for trial in row.trials]
    assert bright
    assert not any(any(trial.pasted.here) for trial in bright), "no small place makes an image light"
    assert all(all(trial.covered.here) for trial in bright), "every composite is dark"


@pytest.mark.long
def test_passes_are_those_of_every_pair_here_and_elsewhere():
    images, predicted = with_corner()
    rows = list(spot_tests(classifier_of(BrightCorner()), images, predicted, {}, objects=OBJECTS))
    spent: list[int] = []

    again = list(
        spot_retests(classifier_of(MeanLight()), images, rows, predicted, objects=OBJECTS, passed=spent.append)
    )

    pairs = [len(trial.pasted.sources) + len(trial.covered.sources) for row in rows for trial in row.trials]
    assert sum(row.passes for row in again) == sum(spent) == 2 * sum(pairs)


def test_a_retest_that_is_stopped_ends_after_a_whole_row():
    images, predicted = with_corner()
    rows = list(spot_tests(classifier_of(BrightCorner()), images, predicted, {}))
    spent: list[int] = []
    model = classifier_of(MeanLight())
    whole = list(spot_retests(model, images, rows, predicted))

    stopped = list(
        spot_retests(
            model,
            images,
            rows,
            predicted,
            passed=spent.append,
            should_stop=lambda: sum(spent) > whole[0].passes,
            chunk_size=16,
        )
    )

    assert stopped == whole[:1]


def test_places_outside_the_objects_need_the_objects_and_images_their_predictions():
    images, predicted = with_corner()
    model = classifier_of(BrightCorner())
    rows = list(spot_tests(model, images, predicted, {}, objects=OBJECTS))

    with pytest.raises(ParameterError, match="`objects` is required"):
        list(spot_retests(model, images, rows, predicted))
    with pytest.raises(ParameterError, match="expected 32 predictions"):
        list(spot_retests(model, images, rows, predicted[1:], objects=OBJECTS))


def test_a_row_without_places_stays_as_it_is():
    images, predicted = with_corner()
    model = classifier_of(BrightCorner())
    (row,) = spot_tests(model, images, [0] * 32, {}, rows=[0])

    assert list(spot_retests(model, images, [row], predicted)) == [replace(row, passes=0)]
