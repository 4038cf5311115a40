"""Patterns: which pixels are tried, when a pattern is chosen, and what it is compared with."""

import pytest
import torch
from modicum_sis.images.source import ImageSource
from modicum_sis.spots.comparison import refilled_attempts
from modicum_sis.spots.copying import COVER, PASTE
from modicum_sis.spots.interventions import Interventions
from modicum_sis.spots.patterns import densest_patterns, pattern
from modicum_sis.spots.places import Place, PlaceKind
from modicum_sis.spots.retests import spot_retests
from modicum_sis.spots.sources import Pair
from modicum_sis.spots.trials import spot_tests
from torch import Tensor, nn

from tests.sis.spot_models import CANVASES, SIDE, BrightCorner, classifier_of, dim_images, of_class, share, with_corner

SCATTERED = [(0, 11), (3, 2), (6, 7), (9, 4), (11, 0)]
"""Pixels that no window, stripe or ring of a tenth of the canvas holds together."""
IMAGES = 32
PREDICTED = [index % 2 for index in range(IMAGES)]


def any_fits(*_: Pair) -> bool:
    """Whether an image may fill the place of a pair: any may."""
    return True


def scattered() -> Tensor:
    """The pixels as a mask (H, W)."""
    mask = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    mask[tuple(zip(*SCATTERED, strict=True))] = True
    return mask


class AllBright(nn.Module):
    """Class 1 where every scattered pixel is bright, else class 0."""

    def forward(self, images: Tensor) -> Tensor:
        bright = images[:, 0, scattered()].amin(dim=1) - 0.75
        return torch.stack([-bright, bright], dim=1)


class AllStandOut(nn.Module):
    """Class 1 where every scattered pixel is bright, or, in light images, differs from the median; else class 0."""

    def __init__(self, light: float) -> None:
        super().__init__()
        self.light = light

    def forward(self, images: Tensor) -> Tensor:
        held = images[:, 0, scattered()]
        median = images.flatten(1).median(dim=1).values
        stand_out = (held - median[:, None]).abs().amin(dim=1) > 0.01
        seen = ((held > 0.75).all(dim=1) | (stand_out & (median > self.light))).float()
        return torch.stack([1 - seen, seen], dim=1)


class ClassByLevel(nn.Module):
    """Class 1, 2, … where all scattered pixels have the level of the class, else class 0."""

    def __init__(self, levels: Tensor) -> None:
        super().__init__()
        self.levels = levels

    def forward(self, images: Tensor) -> Tensor:
        distances = (images[:, 0, scattered()][:, None] - self.levels[:, None]).abs().amax(dim=2)
        seen = (distances < 0.005).float()
        return torch.cat([0.5 * torch.ones(len(images), 1), seen], dim=1)


def of_many_classes(predicted: list[int]) -> tuple[Tensor, ClassByLevel]:
    """Dim images whose scattered pixels have the level of their class, and the module that goes by it."""
    levels = torch.linspace(0.5, 1.0, max(predicted))
    images = dim_images(len(predicted))
    images[:, 0, scattered()] = levels[torch.tensor(predicted) - 1][:, None]
    return images, ClassByLevel(levels)


def with_scattered() -> tuple[Tensor, dict[int, Tensor]]:
    """Images of one brightness each, all different; in every second one the scattered pixels are bright."""
    images = torch.linspace(0.2, 0.7, IMAGES)[:, None, None, None].repeat(1, 1, SIDE, SIDE)
    images[1::2, 0, scattered()] = 1.0
    return images, {index: scattered() for index in range(1, IMAGES, 2)}


@pytest.mark.parametrize("canvas", CANVASES)
def test_a_pattern_has_the_pixels_of_its_mask_and_its_window_is_the_smallest_that_holds_them(canvas):
    mask = torch.rand(canvas, generator=torch.Generator().manual_seed(1)) < 0.2
    mask[-1, -1] = True

    place = pattern(mask)

    assert torch.equal(place.region(canvas), mask)
    assert place.area(canvas) == int(mask.sum())
    held = mask[place.top : place.top + place.height, place.left : place.left + place.width]
    assert all(bool(edge.any()) for edge in (held[0], held[-1], held[:, 0], held[:, -1]))


def test_the_densest_pixels_are_tried_at_each_area_and_of_equals_the_first():
    density = torch.zeros(10, 8)
    density[2, 3], density[7, 1] = 3.0, 2.0
    density[4, 4] = density[5, 5] = density[9, 7] = 1.0

    large, small = densest_patterns(density)

    assert large.region((10, 8)).nonzero().tolist() == [[2, 3], [4, 4], [5, 5], [7, 1]]
    assert small.region((10, 8)).nonzero().tolist() == [[2, 3], [7, 1]]


def test_a_pixel_in_which_no_subset_lies_is_in_no_pattern_and_none_comes_twice():
    density = torch.zeros(10, 8)

    assert densest_patterns(density) == []

    density[2, 3] = 1.0
    assert densest_patterns(density) == [Place(PlaceKind.PATTERN, 1, 1, 2, 3, b"\x80")]


def test_a_pattern_is_chosen_where_scattered_pixels_count_only_together():
    images, masks = with_scattered()

    row = of_class(list(spot_tests(classifier_of(AllBright()), images, PREDICTED, masks)), 1)

    fixed = [trial for trial in row.trials if trial.place.kind is not PlaceKind.OWN]
    assert [trial.place for trial in fixed] == [pattern(scattered())] * 2
    for trial in fixed:
        assert share(trial.pasted.here) == share(trial.covered.here) == 1.0
        assert not any((*trial.pasted.elsewhere, *trial.covered.elsewhere))


@pytest.mark.long_after(1)
@pytest.mark.parametrize(("light", "chosen"), [(0.62, True), (0.4, False), (0.0, False)])
def test_a_pattern_is_chosen_if_it_does_three_times_as_much_as_with_what_another_class_shows(light, chosen):
    """Of the images of class 0 a sixth, three fifths and all are light."""
    images, masks = with_scattered()

    row = of_class(list(spot_tests(classifier_of(AllStandOut(light)), images, PREDICTED, masks)), 1)

    kinds = [trial.place.kind for trial in row.trials if trial.place.kind is not PlaceKind.OWN]
    assert [kind is PlaceKind.PATTERN for kind in kinds] == [chosen, chosen]


def test_a_pattern_is_not_chosen_where_a_window_does_as_much():
    images, predicted = with_corner()
    masks = {index: torch.eye(SIDE, dtype=torch.bool) for index in range(1, IMAGES, 2)}

    rows = list(spot_tests(classifier_of(BrightCorner()), images, predicted, masks))

    assert PlaceKind.PATTERN not in {trial.place.kind for row in rows for trial in row.trials}


def test_a_copy_is_compared_with_the_same_pixels_of_the_next_image_of_another_class():
    pairs = [Pair(0, 5), Pair(1, 6), Pair(2, 7), Pair(0, 8)]
    predicted = [0, 0, 1, None, None, 1, 1, 0, 2]

    refilled = PASTE.refilled(pairs, predicted, any_fits)

    assert refilled == [Pair(6, 5), Pair(8, 6), Pair(8, 7), Pair(5, 8)]


def test_a_cover_is_compared_with_one_from_another_source_of_the_class():
    pairs = [Pair(0, 5), Pair(0, 6), Pair(1, 7), Pair(2, 8)]
    predicted = [0, 0, 0, None, 3, 1, 1, 1, 1]

    refilled = COVER.refilled(pairs, predicted, any_fits)

    assert refilled == [Pair(0, 1), Pair(0, 2), Pair(1, 0), Pair(2, 1)]


def test_only_covers_of_sources_whose_class_another_source_has_are_compared():
    images, predicted = dim_images(5), [0, 1, 2, 0, 1]
    interventions = Interventions(classifier_of(AllBright()), ImageSource(classifier_of(AllBright()), images, "abcde"))
    pairs = [Pair(0, 2), Pair(0, 3), Pair(1, 0), Pair(2, 0), Pair(3, 1)]

    def compared(given: list[Pair]) -> list[Pair]:
        placed = [(pair, pattern(scattered())) for pair in given]
        return [one.pair for one in refilled_attempts(interventions, COVER, placed, predicted)]

    assert compared(pairs) == [Pair(0, 2), Pair(0, 3), Pair(3, 1)]
    assert compared(pairs[:2]) == [], "two pairs of one source are one source"


ONCE = [*range(1, 17), *range(1, 17)]
"""Sixteen classes, each of one image in each half."""
SOME_TWICE = [*range(1, 11), *range(1, 11), *(1, 2, 3), *(1, 2, 3)]
"""Ten classes: three have two images in each half, the others one."""


@pytest.mark.parametrize(("predicted", "covered"), [(ONCE, set()), (SOME_TWICE, {1, 2, 3})])
def test_a_pattern_is_covered_only_where_the_class_has_another_image_in_the_half(predicted, covered):
    """Covered with what another class shows, each image loses its class: without a comparison that says nothing."""
    images, module = of_many_classes(predicted)
    model = classifier_of(module)

    row = of_class(list(spot_tests(model, images, predicted, dict.fromkeys(range(len(images)), scattered()))), None)

    trials = [trial for trial in row.trials if trial.place.kind is PlaceKind.PATTERN]
    assert [trial.half for trial in trials] == [0, 1]
    for trial in trials:
        assert share(trial.pasted.here) == 1.0
        assert not any(trial.pasted.elsewhere)
        assert {predicted[source] for source in trial.covered.sources} == covered
        assert all(trial.covered.here)
        assert not any(trial.covered.elsewhere)
    again = next(spot_retests(model, images, [row], predicted))
    assert [trial.covered for trial in again.trials] == [trial.covered for trial in row.trials]


def test_outcomes_elsewhere_are_those_of_the_same_pixels_filled_otherwise():
    images, masks = with_scattered()
    images[1, 0, 0, 11] = 0.5  # this one is of class 1 for its prediction alone: its pixels make no other so
    module = AllBright()

    row = of_class(list(spot_tests(classifier_of(module), images, PREDICTED, masks)), 1)

    for trial in (trial for trial in row.trials if trial.place.kind is PlaceKind.PATTERN):
        for outcomes, intervention in ((trial.pasted, PASTE), (trial.covered, COVER)):
            pairs = [Pair(*pair) for pair in zip(outcomes.sources, outcomes.others, strict=True)]
            for pair, elsewhere in zip(
                intervention.refilled(pairs, PREDICTED, any_fits), outcomes.elsewhere, strict=True
            ):
                made = intervention.composite(pair, scattered())
                seen = module(torch.where(made.region, images[made.inside], images[made.outside])[None])
                assert elsewhere is intervention.followed(int(seen.argmax()), 1)
    covered = [trial.covered.elsewhere for trial in row.trials if trial.place.kind is PlaceKind.PATTERN]
    assert any(any(one) for one in covered), "the first image of class 1 covers others with what does not keep them"


def test_a_pattern_is_retested_to_the_same_outcomes():
    images, masks = with_scattered()
    model = classifier_of(AllBright())
    rows = list(spot_tests(model, images, PREDICTED, masks))

    again = list(spot_retests(model, images, rows, PREDICTED))

    assert [[(one.place, one.pasted, one.covered) for one in row.trials] for row in again] == [
        [(one.place, one.pasted, one.covered) for one in row.trials] for row in rows
    ]


def test_dim_images_have_no_pattern_to_choose():
    rows = list(spot_tests(classifier_of(AllBright()), dim_images(IMAGES), PREDICTED, {}))

    assert PlaceKind.PATTERN not in {trial.place.kind for row in rows for trial in row.trials}
