"""The spot test on models that a person can check: one bright corner, or a bright spot anywhere, makes class 1."""

from dataclasses import replace

import pytest
import torch
from modicum.gate import spot_passes as bounds
from modicum_server.domain.spots import LEAST_CLASS_IMAGES
from modicum_sis.errors import ParameterError
from modicum_sis.images.source import ImageSource
from modicum_sis.spots import choice, patterns, places, refinement, sources, trials
from modicum_sis.spots.evidence import EvidenceMaps
from modicum_sis.spots.interventions import Interventions
from modicum_sis.spots.places import Place, PlaceKind
from modicum_sis.spots.sources import split_images
from modicum_sis.spots.trials import spot_tests
from torch import Tensor, nn

from tests.sis.spot_models import (
    CANVASES,
    SIDE,
    BrightAnywhere,
    BrightCorner,
    MeanLight,
    classifier_of,
    dim_images,
    of_class,
    share,
    with_corner,
    with_moving_spot,
)


def test_a_fixed_place_covers_the_corner_that_decides():
    images, predicted = with_corner()

    rows = list(spot_tests(classifier_of(BrightCorner()), images, predicted, {}))

    assert [row.target_class for row in rows] == [0, 1, None]
    fixed = [trial for trial in of_class(rows, 1).trials if trial.place.kind is not PlaceKind.OWN]
    for trial in fixed:
        assert bool(trial.place.region((SIDE, SIDE))[0, 0])
        assert share(trial.pasted.here) == share(trial.covered.here) == 1.0
        assert share(trial.pasted.elsewhere) < 0.5
    assert {trial.half for trial in fixed} == {0, 1}
    assert [row.sources for row in rows] == [16, 16, 32]


class BrightColumn(nn.Module):
    """Class 1 where all of a column is bright, else class 0."""

    def forward(self, images: Tensor) -> Tensor:
        bright = images.amin(dim=2).amax(dim=(1, 2)) - 0.75
        return torch.stack([-bright, bright], dim=1)


def test_a_stripe_is_chosen_where_no_window_does_as_much():
    images = dim_images(32)
    images[1::2, 0, :, 5] = 1.0

    rows = list(spot_tests(classifier_of(BrightColumn()), images, [index % 2 for index in range(32)], {}))

    fixed = [trial for trial in of_class(rows, 1).trials if trial.place.kind is not PlaceKind.OWN]
    assert [(trial.place.height, trial.place.top) for trial in fixed] == [(SIDE, 0), (SIDE, 0)]
    assert all(trial.place.left <= 5 < trial.place.left + trial.place.width for trial in fixed)
    assert all(share(trial.pasted.here) == 1.0 for trial in fixed)


def test_a_stripe_is_not_chosen_where_a_window_does_as_much():
    images, predicted = with_corner()

    rows = list(spot_tests(classifier_of(BrightCorner()), images, predicted, {}))

    for trial in (trial for row in rows for trial in row.trials):
        assert (trial.place.kind is PlaceKind.RING) or SIDE not in {trial.place.height, trial.place.width}


class ColumnEdge(nn.Module):
    """Class 1 where brightness steps between two columns in every row, else class 0."""

    def forward(self, images: Tensor) -> Tensor:
        steps = (images[..., 1:] - images[..., :-1]).abs().amin(dim=2).amax(dim=(1, 2)) - 0.01
        return torch.stack([-steps, steps], dim=1)


def flat_images(count: int = 32) -> Tensor:
    """Each of one brightness, all different; every second image has a bright column."""
    images = torch.linspace(0.2, 0.8, count)[:, None, None, None].repeat(1, 1, SIDE, SIDE)
    images[1::2, 0, :, 5] = 1.0
    return images


@pytest.mark.parametrize(("module", "chosen"), [(BrightColumn(), True), (ColumnEdge(), False)])
def test_a_stripe_is_not_chosen_where_it_does_as_much_with_what_another_class_shows(module, chosen):
    rows = list(spot_tests(classifier_of(module), flat_images(), [index % 2 for index in range(32)], {}))

    fixed = [trial for trial in of_class(rows, 1).trials if trial.place.kind is not PlaceKind.OWN]
    assert [trial.place.height == SIDE for trial in fixed] == [chosen, chosen]


def test_an_own_window_finds_a_spot_that_moves():
    images, predicted, masks = with_moving_spot()

    row = of_class(list(spot_tests(classifier_of(BrightAnywhere()), images, predicted, masks)), 1)

    own = [trial for trial in row.trials if trial.place.kind is PlaceKind.OWN]
    assert len(own) == 2
    for trial in own:
        assert share(trial.pasted.here) == share(trial.covered.here) == 1.0
        assert share(trial.pasted.elsewhere) < 0.3
        for index, (top, left) in trial.windows.items():
            assert bool((masks[index] & trial.place.at(top, left).region((SIDE, SIDE))).any())


def test_every_outcome_is_what_the_model_says_of_the_composite_made_by_hand():
    images, predicted, masks = with_moving_spot()
    model = BrightAnywhere()

    rows = list(spot_tests(classifier_of(model), images, predicted, masks))

    def seen(inside: int, outside: int, region: Tensor) -> int:
        return int(model(torch.where(region, images[inside], images[outside])[None]).argmax())

    for trial in (trial for row in rows for trial in row.trials):
        for pasting, outcomes in ((True, trial.pasted), (False, trial.covered)):
            for place, (source, other) in enumerate(zip(outcomes.sources, outcomes.others, strict=True)):
                here = trial.place.at(*trial.windows[source]) if trial.windows else trial.place
                if here.kind is PlaceKind.PATTERN:
                    continue  # what it is compared with has a test of its own
                if here.kind is PlaceKind.RING:
                    elsewhere = places.inner_band((SIDE, SIDE), here.area((SIDE, SIDE))).region((SIDE, SIDE))
                else:
                    elsewhere = here.at(outcomes.tops[place], outcomes.lefts[place]).region((SIDE, SIDE))
                for region, answer in (
                    (here.region((SIDE, SIDE)), outcomes.here[place]),
                    (elsewhere, outcomes.elsewhere[place]),
                ):
                    pair = (source, other) if pasting else (other, source)
                    assert answer == ((seen(*pair, region) == predicted[source]) is pasting)


def test_no_class_follows_a_place_where_only_the_whole_image_counts():
    images = dim_images(32)
    images[1::2] += 0.75

    rows = list(spot_tests(classifier_of(MeanLight()), images, [index % 2 for index in range(32)], {}))

    for trial in (trial for row in rows for trial in row.trials):
        assert not any((*trial.pasted.here, *trial.pasted.elsewhere, *trial.covered.here, *trial.covered.elsewhere))


def test_rows_are_equal_bit_by_bit_for_a_seed_and_in_every_chunk_size_and_differ_for_another_seed():
    images, predicted, masks = with_moving_spot()
    model = classifier_of(BrightAnywhere())

    first, again, small = (
        list(spot_tests(model, images, predicted, masks, seed=4, chunk_size=size)) for size in (None, None, 3)
    )

    assert first == again == small
    assert first != list(spot_tests(model, images, predicted, masks, seed=5))


def test_an_image_with_nan_or_without_a_prediction_is_left_out():
    images, predicted = with_corner(36)
    images[3] = torch.nan
    predicted[5] = None

    rows = list(spot_tests(classifier_of(BrightCorner()), images, predicted, {}))

    used = {
        index
        for row in rows
        for trial in row.trials
        for outcomes in (trial.pasted, trial.covered)
        for index in (*outcomes.sources, *outcomes.others)
    }
    assert used == set(range(36)) - {3, 5}


def test_the_model_is_never_shown_an_image_with_nan():
    images, predicted = with_corner()
    images[3] = torch.nan
    module = BrightCorner()
    module.register_forward_pre_hook(lambda _, inputs: pytest.fail("NaN") if bool(inputs[0].isnan().any()) else None)

    rows = list(spot_tests(classifier_of(module), images, predicted, {}, digests=[str(one) for one in range(32)]))

    outcomes = of_class(rows, 1).trials[0].pasted
    assert not any(here for source, here in zip(outcomes.sources, outcomes.here, strict=True) if source == 3)


class NanWhereBright(BrightAnywhere):
    def forward(self, images: Tensor) -> Tensor:
        bright = images.amax(dim=(1, 2, 3), keepdim=True)[:, 0, 0] > 0.75
        return super().forward(images).masked_fill(bright, torch.nan)


def test_a_class_that_cannot_be_computed_follows_no_place():
    images, predicted, masks = with_moving_spot()

    row = of_class(list(spot_tests(classifier_of(NanWhereBright()), images, predicted, masks)), 1)

    assert not any(any(trial.pasted.here) for trial in row.trials)


def test_images_of_one_class_have_nothing_to_be_copied_into():
    images, _ = with_corner()

    rows = list(spot_tests(classifier_of(BrightCorner()), images, [0] * 32, {}))

    assert [(row.target_class, row.trials, row.passes) for row in rows] == [(0, (), 0), (None, (), 0)]


def test_a_class_of_fewer_than_eight_images_has_no_row_of_its_own():
    predicted = [0] * 8 + [1] * 7

    assert split_images(predicted, {}, [str(index) for index in range(15)], seed=0).classes() == [0]
    assert split_images([], {}, [], seed=0).classes() == []


def test_the_scan_of_an_image_without_a_subset_finds_what_decides():
    images, predicted, masks = with_moving_spot()
    split = split_images(predicted, {}, [str(index) for index in range(len(images))], seed=0)
    model = classifier_of(BrightAnywhere())
    maps = EvidenceMaps(Interventions(model, ImageSource(model, images)), split)

    for half, indices in enumerate(split.halves):
        for index in indices:
            density = maps.of(index, half)
            if predicted[index] == 1:
                assert float(density[masks[index]]) == float(density.max()) > 0
            assert density.shape == (SIDE, SIDE)
            assert float(density.min()) >= 0


def test_a_scan_is_made_once_and_takes_the_passes_that_the_server_plans():
    images, predicted, _ = with_moving_spot()
    split = split_images(predicted, {}, [str(index) for index in range(len(images))], seed=0)
    model = classifier_of(BrightAnywhere())
    interventions = Interventions(model, ImageSource(model, images))
    maps = EvidenceMaps(interventions, split)
    first = split.halves[0][0]

    assert torch.equal(maps.of(first, 0), maps.of(first, 0))

    assert interventions.passes == bounds.SCAN_PASSES


def test_nothing_is_known_of_an_image_that_no_other_can_cover():
    images, _ = with_corner()
    split = split_images([0] * len(images), {}, [str(index) for index in range(len(images))], seed=0)
    model = classifier_of(BrightCorner())
    maps = EvidenceMaps(Interventions(model, ImageSource(model, images)), split)

    assert not bool(maps.of(split.halves[0][0], 0).any())


def test_an_own_window_finds_a_spot_that_moves_without_subsets():
    images, predicted, _ = with_moving_spot()

    row = of_class(list(spot_tests(classifier_of(BrightAnywhere()), images, predicted, {})), 1)

    own = [trial for trial in row.trials if trial.place.kind is PlaceKind.OWN]
    assert len(own) == 2
    assert all(share(trial.pasted.here) == share(trial.covered.here) == 1.0 for trial in own)


def test_an_empty_mask_counts_as_none():
    images, predicted = with_corner()

    rows = list(spot_tests(classifier_of(BrightCorner()), images, predicted, {1: torch.zeros(SIDE, SIDE).bool()}))

    assert rows == list(spot_tests(classifier_of(BrightCorner()), images, predicted, {}))


@pytest.mark.long
def test_a_run_that_is_stopped_ends_after_a_whole_row():
    images, predicted = with_corner()
    spent: list[int] = []
    whole = list(spot_tests(classifier_of(BrightCorner()), images, predicted, {}))

    rows = list(
        spot_tests(
            classifier_of(BrightCorner()),
            images,
            predicted,
            {},
            passed=spent.append,
            should_stop=lambda: sum(spent) >= whole[0].passes + 1,
            chunk_size=16,
        )
    )

    assert rows == whole[:1]


@pytest.mark.long
def test_a_row_takes_the_same_passes_whichever_rows_are_tested_with_it():
    images, predicted, masks = with_moving_spot()
    together = list(spot_tests(classifier_of(BrightAnywhere()), images, predicted, masks, rows=[None, 0, 1]))

    alone = [list(spot_tests(classifier_of(BrightAnywhere()), images, predicted, masks, rows=[one])) for one in (1, 0)]

    assert [row.passes for row in together[:0:-1]] == [row.passes for (row,) in alone]


def test_passes_are_those_of_the_rows_and_what_is_counted():
    images, predicted, masks = with_moving_spot()
    spent: list[int] = []

    rows = list(spot_tests(classifier_of(BrightAnywhere()), images, predicted, masks, passed=spent.append))

    assert sum(spent) == sum(row.passes for row in rows)
    assert sum(spent) <= bounds.most_spot_passes(len(images), len(rows))


@pytest.mark.long_after(2)
@pytest.mark.parametrize("canvas", [canvas for canvas in CANVASES if canvas != (1, 1)])
def test_every_canvas_can_be_tested(canvas):
    images = torch.rand(32, 1, *canvas, generator=torch.Generator().manual_seed(0))
    images[:, 0, 0, 0] = torch.arange(32) % 2
    masks = {index: torch.ones(canvas, dtype=torch.bool) for index in range(32)}

    rows = list(spot_tests(classifier_of(BrightCorner()), images, [index % 2 for index in range(32)], masks, rows=[1]))

    assert {trial.half for trial in rows[0].trials} == {0, 1}


def test_as_many_predictions_as_images_are_needed_and_masks_of_images():
    images, predicted = with_corner()

    with pytest.raises(ParameterError, match="expected 32 predictions"):
        list(spot_tests(classifier_of(BrightCorner()), images, predicted[1:], {}))
    with pytest.raises(ParameterError, match="got one of image 32"):
        list(spot_tests(classifier_of(BrightCorner()), images, predicted, {32: torch.ones(SIDE, SIDE).bool()}))


def test_the_servers_bounds_are_the_librarys():
    density = torch.rand(224, 224, generator=torch.Generator().manual_seed(0))
    canvas = (224, 224)
    first, second, third = (count for count, _ in choice.ROUNDS)
    later = choice.ROUNDS[0][1] * second + choice.ROUNDS[1][1] * third

    fixed = sum(len(tried) * first + later for tried in (choice.fixed_places(density), places.stripes(canvas)))
    shaped = len(patterns.densest_patterns(density)) * (first + second + third)  # all of them stay until the last round
    own = len(places.own_windows(canvas)) * (first + second)  # it has no third round

    edges = 2 * (first + second + third)  # of a stripe and of a pattern
    refining = refinement.PAIRS * (1 + len(refinement.STEPS) * 2 * len(refinement.EDGES))

    assert len(sources.HALVES) * (fixed + shaped + edges + own + refining) == bounds.CHOICE_PASSES
    assert len(sources.HALVES) * trials.MOST_PASTED == bounds.MOST_PASTED
    assert trials.COVERINGS == bounds.COVERINGS
    assert len(sources.HALVES) * choice.MOST_OWN_SOURCES == bounds.MOST_SCANNED
    assert sources.LEAST_SOURCES == LEAST_CLASS_IMAGES


def test_an_own_place_has_the_size_of_its_kind_and_the_position_of_the_mask():
    mask = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    mask[5:7, 8:10] = True
    place = Place(PlaceKind.OWN, 2, 2)

    assert choice.own_place(place, mask) == Place(PlaceKind.WINDOW, 2, 2, 5, 8)
    fixed = replace(place, kind=PlaceKind.WINDOW)
    assert choice.own_place(fixed, mask) == fixed
