"""A chosen window moves to where it argues most strongly: on a model that counts the bright pixels of one patch."""

import pytest
import torch
from modicum_sis import Classifier
from modicum_sis.images.source import ImageSource
from modicum_sis.spots import places, refinement, sources
from modicum_sis.spots.choice import choose_fixed, fixed_places
from modicum_sis.spots.interventions import Interventions
from modicum_sis.spots.places import Place, PlaceKind
from modicum_sis.spots.refinement import neighbours, refined
from modicum_sis.spots.sources import SplitImages, split_images
from torch import Tensor, nn

SIDE, COUNT = 20, 60
CANVAS = (SIDE, SIDE)
PATCH = places.window(CANVAS, 7, 9, 4, 4)


class BrightPatch(nn.Module):
    """Class 1, the surer the more pixels of the patch are bright, where most of them are; else class 0."""

    def forward(self, images: Tensor) -> Tensor:
        bright = (images[:, 0][:, PATCH] > 0.75).float().mean(dim=1) - 0.5
        return torch.stack([-bright, bright], dim=1)


def with_patch(images_with_it: slice = slice(1, None, 2)) -> Tensor:
    """Dim images, some with the bright patch: by default those of class 1, which have an odd index."""
    images = 0.25 * torch.rand(COUNT, 1, *CANVAS, generator=torch.Generator().manual_seed(3))
    images[images_with_it, 0, PATCH] = 1.0
    return images


def staged(images: Tensor) -> tuple[Interventions, SplitImages]:
    classifier = Classifier(BrightPatch(), bounds=(0, 1), mean=0.0, std=1.0)
    split = split_images([index % 2 for index in range(COUNT)], {}, [f"{index:02}" for index in range(COUNT)], seed=0)
    return Interventions(classifier, ImageSource(classifier, images)), split


def refined_from(place: Place, steps: tuple[float, ...] = refinement.STEPS) -> Place:
    interventions, split = staged(with_patch())
    return refined(interventions, split, place, split.pairs(split.of_class(1, 0), 0, "a test", most=16), steps)


def window(top: int, left: int, height: int, width: int) -> Place:
    return Place(PlaceKind.WINDOW, height, width, top, left)


@pytest.mark.parametrize("start", [window(4, 9, 5, 5), window(9, 11, 6, 6), window(6, 6, 5, 5), window(8, 2, 4, 9)])
def test_a_window_that_holds_a_part_of_the_patch_moves_until_it_holds_all_of_it(start):
    assert int((start.region(CANVAS) & PATCH).sum()) < int(PATCH.sum())

    place = refined_from(start)

    assert bool(place.region(CANVAS)[PATCH].all())


def test_a_window_stays_where_none_of_its_neighbours_argues_more_strongly():
    assert refined_from(window(7, 9, 4, 4)) == window(7, 9, 4, 4)
    assert refined_from(window(0, 0, 3, 3)) == window(0, 0, 3, 3)


def test_of_neighbours_that_are_alike_the_larger_one_counts():
    assert refined_from(window(6, 9, 4, 4), steps=(0.05,)) == window(6, 9, 5, 4)


@pytest.mark.parametrize("canvas", [(20, 20), (32, 32), (28, 28), (20, 60), (224, 224), (1, 8), (2, 9), (1, 1)])
@pytest.mark.parametrize("share", refinement.STEPS)
def test_neighbours_lie_on_the_canvas_and_are_no_larger_than_a_tenth_of_it_or_than_the_window(canvas, share):
    for place in [*places.grid(canvas), *places.stripes(canvas)]:
        most = max(places.LARGEST_AREA * canvas[0] * canvas[1], place.area(canvas))

        for one in neighbours(place, canvas, share):
            assert one != place
            assert int(one.region(canvas).sum()) == one.area(canvas) >= 1
            assert one.area(canvas) <= most


def test_the_chosen_place_is_refined_and_holds_the_patch():
    interventions, split = staged(with_patch())

    place = choose_fixed(interventions, split, 1, 0)

    assert place is not None
    assert bool(place.region(CANVAS)[PATCH].all())


def test_a_place_that_makes_fewer_than_a_tenth_the_class_is_not_refined():
    interventions, split = staged(with_patch(slice(1, 2)))
    tried = [*fixed_places(torch.zeros(CANVAS)), *places.stripes(CANVAS)]

    assert all(choose_fixed(interventions, split, 1, half) in tried for half in sources.HALVES)


def test_images_of_the_testing_half_take_no_part_in_the_choice():
    images = with_patch()
    changed = images.clone()
    changed[list(staged(images)[1].halves[1])] = 1.0

    place, with_changed = (choose_fixed(*staged(each), 1, 0) for each in (images, changed))

    assert place == with_changed
