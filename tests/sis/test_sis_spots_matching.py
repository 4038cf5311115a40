"""What a place outside known objects is compared with: what moves at least 90% as many pixels, or nothing at all."""

import pytest
import torch
from modicum_sis.images.source import ImageSource
from modicum_sis.spots.comparison import refilled_attempts
from modicum_sis.spots.copying import COVER, PASTE
from modicum_sis.spots.interventions import Interventions
from modicum_sis.spots.matching import least_moved, matching_band, matching_corners
from modicum_sis.spots.patterns import pattern
from modicum_sis.spots.places import Band, Place, PlaceKind, rings, window
from modicum_sis.spots.retests import spot_retests
from modicum_sis.spots.sources import Pair
from modicum_sis.spots.trials import SpotTrial, spot_tests
from torch import Tensor, nn

from tests.sis.spot_models import SIDE, classifier_of, dim_images

CANVAS = (32, 32)
IMAGES = 64
PREDICTED = [index % 2 for index in range(IMAGES)]
CENTRE = window((SIDE, SIDE), 3, 3, 7, 7)


class PixelsFollow(nn.Module):
    """Class 1 where at least 8 pixels are light, wherever they are: no place counts more than another."""

    def forward(self, images: Tensor) -> Tensor:
        light = (images[:, 0] > 0.5).flatten(1).sum(dim=1) - 7.5
        return torch.stack([-light, light], dim=1)


def light_and_dim() -> Tensor:
    """Every second image is light."""
    images = dim_images(IMAGES)
    images[1::2] += 0.75
    return images


def beside(images: Tensor, objects: dict[int, Tensor], masks: dict[int, Tensor] | None = None) -> list[SpotTrial]:
    rows = spot_tests(classifier_of(PixelsFollow()), images, PREDICTED, masks or {}, objects=objects)
    return [trial for row in rows for trial in row.trials if trial.outside]


def object_masks() -> dict[int, Tensor]:
    """A central object in each image, of one of three sizes."""
    return {index: window((SIDE, SIDE), 3 + index % 3, 3, 7 - index % 3, 6) for index in range(IMAGES)}


@pytest.mark.parametrize(("here", "least"), [(1, 1), (9, 9), (10, 9), (11, 10), (84, 76), (100, 90), (0, 0)])
def test_a_comparison_moves_at_least_nine_tenths(here, least):
    assert least_moved(here) == least


def test_corners_are_those_of_every_window_that_moves_as_many_pixels_and_none_of_the_same():
    movable = ~(window(CANVAS, 6, 6, 20, 20) | window(CANVAS, 2, 28, 9, 3))
    place = Place(PlaceKind.WINDOW, 10, 10, 1, 0)
    here = place.region(CANVAS) & movable

    found = {tuple(corner) for corner in matching_corners(place, movable).tolist()}

    def fits(top: int, left: int) -> bool:
        there = window(CANVAS, top, left, 10, 10) & movable
        return int(there.sum()) >= 0.9 * int(here.sum()) and not bool((there & here).any())

    assert found == {(top, left) for top in range(23) for left in range(23) if fits(top, left)}
    assert 0 < len(found) < 23 * 23


@pytest.mark.parametrize(
    "movable",
    [
        pytest.param(window(CANVAS, 8, 8, 16, 16), id="the window moves nothing"),
        pytest.param(window(CANVAS, 0, 0, 8, 8), id="nothing else moves"),
        pytest.param(torch.zeros(CANVAS, dtype=torch.bool), id="all is object"),
    ],
)
def test_there_is_no_corner_where_the_window_cannot_be_compared(movable):
    assert len(matching_corners(Place(PlaceKind.WINDOW, 8, 8, 0, 0), movable)) == 0


def test_a_band_lies_as_far_in_as_it_moves_as_many_pixels_as_the_ring():
    ring = Place(PlaceKind.RING, 2, 2)

    band = matching_band(ring, ~window(CANVAS, 6, 6, 20, 20))

    assert band == Band(3, 3), "rows 3 to 5 move 276 pixels, rows 4 and 5 move 176, where the ring moves 240"


@pytest.mark.parametrize("canvas", [(12, 12), (32, 32), (224, 224), (20, 60)])
def test_a_band_among_no_objects_begins_where_that_of_whole_images_does(canvas):
    for ring in rings(canvas):
        band = matching_band(ring, torch.ones(canvas, dtype=torch.bool))

        assert band is not None
        assert band.offset <= min(canvas) // 4
        assert int(band.region(canvas).sum()) >= 0.9 * ring.area(canvas)
        assert band.offset == min(canvas) // 4 or ring.area(canvas) > (canvas[0] // 2) * (canvas[1] // 2)


@pytest.mark.parametrize(
    "objects",
    [
        pytest.param(window(CANVAS, 1, 1, 30, 30), id="only the edge is free"),
        pytest.param(window(CANVAS, 0, 0, 32, 32), id="nothing is free"),
    ],
)
def test_a_ring_around_objects_has_no_band(objects):
    assert matching_band(Place(PlaceKind.RING, 1, 1), ~objects) is None


@pytest.mark.long
def test_every_comparison_outside_objects_moves_as_many_pixels_and_none_of_the_same():
    objects = object_masks()

    trials = beside(light_and_dim(), objects)

    windows = 0
    for trial in trials:
        for outcomes in (trial.pasted, trial.covered):
            corners = zip(outcomes.tops, outcomes.lefts, strict=True)
            for source, other, corner in zip(outcomes.sources, outcomes.others, corners, strict=True):
                if trial.place.kind not in {PlaceKind.WINDOW, PlaceKind.OWN}:
                    continue
                place = trial.place.at(*trial.windows[source]) if trial.windows else trial.place
                movable = ~(objects[source] | objects[other])
                here, there = (one.region((SIDE, SIDE)) & movable for one in (place, place.at(*corner)))
                assert int(there.sum()) >= 0.9 * int(here.sum()) > 0
                assert not bool((here & there).any())
                windows += 1
    assert windows


@pytest.mark.long
def test_a_network_that_counts_pixels_follows_no_place_outside_the_objects_more_than_another():
    """Half of the pixels that move would not be enough. So a comparison that moves fewer would name the place."""
    trials = beside(light_and_dim(), dict.fromkeys(range(IMAGES), CENTRE))

    assert any(any(trial.pasted.here) for trial in trials if trial.target_class == 1)
    for trial in trials:
        for outcomes in (trial.pasted, trial.covered):
            assert outcomes.here == outcomes.elsewhere


@pytest.mark.long
def test_pairs_without_a_comparison_are_left_out_and_counted():
    """The objects leave two rows at the top alone, so a window there moves what no other one does."""
    objects = dict.fromkeys(range(IMAGES), CENTRE) | {
        index: ~window((SIDE, SIDE), 0, 0, 2, 3) for index in range(0, IMAGES, 4)
    }
    free = beside(light_and_dim(), dict.fromkeys(range(IMAGES), CENTRE))

    trials = beside(light_and_dim(), objects)

    assert sum(trial.pasted.left_out for trial in free) < sum(trial.pasted.left_out for trial in trials)
    for trial in trials:
        for outcomes in (trial.pasted, trial.covered):
            assert not {*outcomes.sources, *outcomes.others} & set(range(0, IMAGES, 4))


@pytest.mark.long
def test_the_same_seed_draws_the_same_comparisons_and_another_seed_others():
    images, objects = light_and_dim(), object_masks()

    def corners(seed: int):
        rows = spot_tests(classifier_of(PixelsFollow()), images, PREDICTED, {}, objects=objects, seed=seed)
        return [(trial.pasted.tops, trial.pasted.lefts) for row in rows for trial in row.trials if trial.outside]

    assert corners(1) == corners(1) != corners(2)


@pytest.mark.parametrize("intervention", [PASTE, COVER])
def test_a_pattern_is_filled_from_an_image_of_which_as_many_of_its_pixels_move(intervention):
    diagonal = torch.eye(SIDE, dtype=torch.bool)
    nothing_near = window((SIDE, SIDE), 0, SIDE - 1, 1, 1)
    objects = {index: nothing_near if index % 4 < 2 else CENTRE for index in range(IMAGES)}
    model = classifier_of(PixelsFollow())
    source = ImageSource(model, light_and_dim(), [str(index) for index in range(IMAGES)])
    outside = Interventions(model, source).outside(objects)
    pairs = [Pair(index, index + step) for index in range(1, 40, 2) for step in (3, 5)]
    placed = [(pair, pattern(diagonal)) for pair in pairs]

    attempts = refilled_attempts(outside, intervention, placed, PREDICTED)

    assert attempts
    for one in attempts:
        here, there = (
            int(outside.moved(intervention.composite(pair, diagonal)).sum()) for pair in (one.pair, one.compared_pair)
        )
        assert there >= 0.9 * here > 0
        assert one.compared_pair.source != one.compared_pair.other
    again = refilled_attempts(outside, intervention, [(one.pair, one.place) for one in attempts], PREDICTED)
    assert again == attempts, "pairs that were compared once have the same comparisons again"


def test_a_pattern_that_lies_on_the_objects_is_not_compared():
    model = classifier_of(PixelsFollow())
    source = ImageSource(model, light_and_dim(), [str(index) for index in range(IMAGES)])
    outside = Interventions(model, source).outside(dict.fromkeys(range(IMAGES), CENTRE))
    placed = [(Pair(index, index + 1), pattern(CENTRE)) for index in range(1, 40, 2)]

    assert refilled_attempts(outside, PASTE, placed, PREDICTED) == []


@pytest.mark.long
def test_a_classifier_retests_its_own_places_beside_objects_to_the_same_outcomes():
    images, objects, model = light_and_dim(), object_masks(), classifier_of(PixelsFollow())
    masks = {index: torch.eye(SIDE, dtype=torch.bool) for index in range(1, IMAGES, 2)}
    rows = list(spot_tests(model, images, PREDICTED, masks, objects=objects))

    again = list(spot_retests(model, images, rows, PREDICTED, objects=objects))

    assert [[(one.pasted, one.covered) for one in row.trials] for row in again] == [
        [(one.pasted, one.covered) for one in row.trials] for row in rows
    ]
