"""Places that the spot test tries, and the halves and pairs of images on which it does."""

import pytest
import torch
from modicum_sis.spots import places
from modicum_sis.spots.sources import split_images

from tests.sis.spot_models import CANVASES


@pytest.mark.parametrize("canvas", [(32, 32), (64, 48), (224, 224)])
def test_windows_have_their_area_within_a_tenth(canvas):
    pixels = canvas[0] * canvas[1]
    sizes = places.window_sizes(canvas)

    assert len(sizes) == len(places.AREAS) * len(places.ASPECTS)
    for (height, width), area in zip(sizes, [area for area in places.AREAS for _ in places.ASPECTS], strict=True):
        assert height * width == pytest.approx(area * pixels, rel=0.1)


@pytest.mark.parametrize("canvas", CANVASES)
def test_every_place_lies_on_the_canvas_and_has_the_area_that_it_says(canvas):
    density = torch.rand(canvas, generator=torch.Generator().manual_seed(0))
    tried = [*places.grid(canvas), *places.stripes(canvas), *places.rings(canvas)]
    tried += [*places.densest_windows(density), *places.own_windows(canvas)]

    for place in tried:
        region = place.region(canvas)
        assert region.shape == canvas
        assert int(region.sum()) == place.area(canvas) >= 1


@pytest.mark.parametrize("canvas", [*CANVASES, (10, 1000), (1, 100)])
def test_the_grid_covers_the_whole_canvas_with_at_most_25_windows(canvas):
    tried = places.grid(canvas)

    assert bool(torch.stack([place.region(canvas) for place in tried]).any(dim=0).all())
    assert len(tried) <= places.GRID_STEPS**2


@pytest.mark.parametrize("canvas", [(12, 12), (32, 32), (224, 224), (20, 60), (1, 8)])
def test_stripes_go_over_whole_rows_and_whole_columns_and_cover_the_canvas(canvas):
    tried = places.stripes(canvas)

    for along in (0, 1):
        over = [place for place in tried if (place.height, place.width)[along] == canvas[along]]
        assert bool(torch.stack([place.region(canvas) for place in over]).any(dim=0).all())


def test_rings_are_one_and_two_pixels_and_the_narrowest_of_a_fifth_of_the_area():
    assert [ring.width for ring in places.rings((224, 224))] == [1, 2, 12]
    assert [ring.width for ring in places.rings((28, 28))] == [1, 2]
    assert places.band_area((224, 224), 0, 11) < 0.2 * 224 * 224 <= places.band_area((224, 224), 0, 12)


@pytest.mark.parametrize("canvas", [(1, 8), (8, 1), (2, 9), (3, 3), (8, 8)])
def test_a_ring_that_fills_most_of_a_small_canvas_is_not_tried(canvas):
    assert places.rings(canvas) == []


def test_the_densest_window_is_the_one_of_a_search_by_hand():
    density = torch.randint(0, 4, (7, 9), generator=torch.Generator().manual_seed(5)).float()

    for height, width in [(1, 1), (2, 3), (7, 9), (7, 1)]:
        sums = {
            (top, left): float(density[top : top + height, left : left + width].sum())
            for top in range(7 - height + 1)
            for left in range(9 - width + 1)
        }
        assert places.densest(density, height, width) == max(sums, key=sums.get)


@pytest.mark.parametrize("canvas", [(12, 12), (32, 32), (224, 224), (20, 60)])
def test_a_ring_is_compared_with_the_inner_band_of_nearest_area(canvas):
    offset = min(canvas) // 4
    bands = [places.band(canvas, offset, width) for width in range(1, min(canvas) // 2 - offset + 1)]
    for ring in places.rings(canvas):
        area = ring.area(canvas)

        inner = places.inner_band(canvas, area).region(canvas)

        assert not bool(inner[:offset].any() | inner[:, :offset].any())
        assert abs(int(inner.sum()) - area) == min(abs(int(band.sum()) - area) for band in bands)


def test_halves_have_as_many_of_each_class_and_no_image_twice():
    predicted = [index % 3 for index in range(50)]

    split = split_images(predicted, {}, [str(index) for index in range(50)], seed=1)

    first, second = split.halves
    assert sorted((*first, *second)) == list(range(50))
    for one in range(3):
        assert abs(sum(predicted[index] == one for index in first) - sum(predicted[i] == one for i in second)) <= 1


def test_halves_do_not_depend_on_the_order_of_the_images():
    predicted, digests = [index % 3 for index in range(50)], [f"{index * 37 % 50:02}" for index in range(50)]
    order = torch.randperm(50, generator=torch.Generator().manual_seed(0)).tolist()

    split = split_images(predicted, {}, digests, seed=1)
    turned = split_images([predicted[one] for one in order], {}, [digests[one] for one in order], seed=1)

    names = [[digests[index] for index in half] for half in split.halves]
    assert [[digests[order[index]] for index in half] for half in turned.halves] == names


def test_copies_and_images_without_a_prediction_are_left_out():
    split = split_images([0, 0, None, 1], {}, ["a", "a", "b", "c"], seed=1)

    assert sorted((*split.halves[0], *split.halves[1])) == [0, 3]


def test_pairs_use_each_other_image_once_and_never_one_of_the_sources_class():
    predicted = [index % 3 for index in range(60)]
    split = split_images(predicted, {}, [str(index) for index in range(60)], seed=1)

    pairs = split.pairs(split.of_class(0, 1), 1, "a test", most=100)

    assert len(pairs) == len({pair.other for pair in pairs}) == 20
    assert all(predicted[pair.other] != 0 == predicted[pair.source] for pair in pairs)
    assert {pair.other for pair in pairs} | {pair.source for pair in pairs} <= set(split.halves[1])
    uses = [sum(pair.source == source for pair in pairs) for source in split.of_class(0, 1)]
    assert set(uses) == {2}


def test_a_source_is_covered_by_different_images_of_other_classes_from_its_half():
    predicted = [index % 2 for index in range(40)]
    split = split_images(predicted, {}, [str(index) for index in range(40)], seed=1)

    pairs = split.donors(split.of_class(1, 0), 0, "a test", each=4)

    assert len(set(pairs)) == len(pairs) == 4 * 10
    assert {predicted[pair.other] for pair in pairs} == {0}
    assert {pair.other for pair in pairs} <= set(split.halves[0])
