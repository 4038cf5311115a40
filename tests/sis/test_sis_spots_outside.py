"""The spot test outside the objects: what lies on an object is neither copied nor covered."""

import pytest
import torch
from modicum_sis.errors import ParameterError
from modicum_sis.images.source import ImageSource
from modicum_sis.spots.interventions import Composite, Interventions
from modicum_sis.spots.outside import dividing, overlap
from modicum_sis.spots.trials import SpotTrial, spot_tests
from torch import Tensor, nn

from tests.sis.spot_models import (
    SIDE,
    BrightAnywhere,
    BrightCorner,
    classifier_of,
    of_class,
    with_corner,
    with_moving_spot,
)


def box(top: int, left: int, height: int, width: int) -> Tensor:
    mask = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    mask[top : top + height, left : left + width] = True
    return mask


MIDDLE, UPPER_LEFT = box(4, 4, 4, 4), box(0, 0, 6, 6)


def trials_of(images, predicted, objects, *, module=None, masks=None, target_class=1) -> list[SpotTrial]:
    model = classifier_of(module or BrightCorner())
    row = of_class(list(spot_tests(model, images, predicted, masks or {}, objects=objects)), target_class)
    return [trial for trial in row.trials if trial.outside]


@pytest.mark.long
def test_a_spot_beside_the_objects_is_found_outside_them():
    images, predicted = with_corner()

    trials = trials_of(images, predicted, dict.fromkeys(range(32), MIDDLE))

    assert {trial.half for trial in trials} == {0, 1}
    assert all(all(trial.pasted.here) and all(trial.covered.here) for trial in trials if trial.place.kind != "own")


def test_a_spot_on_the_objects_is_not_found_outside_them():
    images, predicted = with_corner()

    trials = trials_of(images, predicted, dict.fromkeys(range(32), UPPER_LEFT))

    assert trials
    assert not any(any((*trial.pasted.here, *trial.covered.here)) for trial in trials)


def test_a_spot_that_moves_is_found_where_it_lies_outside():
    images, predicted, masks = with_moving_spot(64)
    objects = {index: box(SIDE - 1, SIDE - 1, 1, 1) for index in range(64)}

    trials = trials_of(images, predicted, objects, module=BrightAnywhere(), masks=masks)

    own = [trial for trial in trials if trial.place.kind == "own"]
    beside = {index for index, mask in masks.items() if not bool((mask & objects[index]).any())}
    answers = {
        source: here for trial in own for source, here in zip(trial.pasted.sources, trial.pasted.here, strict=True)
    }
    assert answers == {index: index in beside for index in masks}


class Seen(nn.Module):
    """Keeps what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.images: list[Tensor] = []

    def forward(self, images: Tensor) -> Tensor:
        self.images += list(images)
        return torch.zeros(len(images), 2)


def test_no_pixel_on_an_object_of_either_image_moves():
    images = torch.arange(2 * SIDE * SIDE, dtype=torch.float32).reshape(2, 1, SIDE, SIDE) / (2 * SIDE * SIDE)
    module = Seen()
    classifier = classifier_of(module)
    plain = Interventions(classifier, ImageSource(classifier, images, ["a", "b"]))
    everything = torch.ones(SIDE, SIDE, dtype=torch.bool)
    objects = {0: box(0, 0, 2, SIDE), 1: box(0, 0, SIDE, 3)}
    module.images.clear()

    plain.outside(objects).classes([Composite(inside=0, outside=1, region=everything)])

    free = ~(objects[0] | objects[1])
    (shown,) = module.images
    assert torch.equal(shown[0][free], images[0, 0][free])
    assert torch.equal(shown[0][~free], images[1, 0][~free])
    assert plain.passes == 0, "each counts its own passes"


@pytest.mark.long
def test_places_of_the_whole_test_say_how_much_of_them_lies_on_the_objects():
    images, predicted = with_corner()
    objects = {index: box(0, 0, SIDE, 1) for index in range(0, 32, 3)}

    rows = list(spot_tests(classifier_of(BrightCorner()), images, predicted, {}, objects=objects))

    for trial in (trial for row in rows for trial in row.trials):
        sources = {*trial.pasted.sources, *trial.covered.sources} & set(objects)
        places = {one: trial.place.at(*trial.windows[one]) if trial.windows else trial.place for one in sources}
        shares = {one: overlap(objects[one], place.region((SIDE, SIDE))) for one, place in places.items()}
        assert shares == {one: trial.on_objects[one] for one in sources}
        assert set(trial.on_objects) <= set(objects)


def test_the_overlap_is_the_share_of_the_smaller_one():
    assert overlap(box(0, 0, 2, 2), box(1, 0, 2, 4)) == 0.5
    assert overlap(box(1, 0, 2, 4), box(0, 0, 2, 2)) == 0.5
    assert overlap(box(1, 1, 1, 1), box(0, 0, 4, 4)) == 1


@pytest.mark.long
def test_images_without_objects_take_no_part_outside():
    images, predicted = with_corner()
    objects = dict.fromkeys(range(20), MIDDLE)

    trials = trials_of(images, predicted, objects)

    used = {index for trial in trials for one in (trial.pasted, trial.covered) for index in (*one.sources, *one.others)}
    assert used == set(range(20))


def test_objects_that_cover_nothing_or_everything_are_none():
    nothing, everything = box(0, 0, 0, 0), box(0, 0, SIDE, SIDE)

    assert dict(dividing({4: nothing, 5: everything})) == {}
    images, predicted = with_corner()
    assert trials_of(images, predicted, {4: nothing, 5: everything}) == []


@pytest.mark.long
def test_the_test_of_the_whole_images_is_the_same_with_objects_and_without():
    images, predicted, masks = with_moving_spot()
    model = classifier_of(BrightAnywhere())

    plain = list(spot_tests(model, images, predicted, masks))
    beside = list(spot_tests(model, images, predicted, masks, objects=dict.fromkeys(range(32), MIDDLE)))

    def outcomes(trial: SpotTrial):
        return trial.place, trial.pasted, trial.covered

    for row, other in zip(plain, beside, strict=True):
        assert [outcomes(one) for one in row.trials] == [outcomes(one) for one in other.trials if not one.outside]
        assert other.passes > row.passes


@pytest.mark.long
def test_passes_with_objects_do_not_depend_on_the_rows_before():
    images, predicted, masks = with_moving_spot()
    spent: list[int] = []

    def rows(*asked, passed=None):
        objects = dict.fromkeys(range(4, 32), MIDDLE)
        model = classifier_of(BrightAnywhere())
        return list(spot_tests(model, images, predicted, masks, objects=objects, rows=asked, passed=passed))

    together = rows(None, 0, 1, passed=spent.append)

    assert sum(spent) == sum(row.passes for row in together)
    assert [row.passes for row in together[1:]] == [rows(0)[0].passes, rows(1)[0].passes]


def test_objects_belong_to_images():
    images, predicted = with_corner()

    with pytest.raises(ParameterError, match="got one of image 32"):
        list(spot_tests(classifier_of(BrightCorner()), images, predicted, {}, objects={32: MIDDLE}))
