"""Plans of blind reviews: seeded, spread over classes, and without a hint in options or order."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import pytest
from modicum_server.domain.reviews import PictureKind, ReviewPlan
from modicum_server.usecases.review_plans import MOST_IMAGES, Candidate, draw_images, random_mask, session

from tests.measures.reviewed import LABELS, VERSION, plan_of, size_of

THOUSAND = tuple(f"kind {index}" for index in range(1000))
SUBSET, RANDOM, WHOLE = PictureKind.SUBSET, PictureKind.RANDOM, PictureKind.WHOLE


def shown(plan, reviewer: int, kind: PictureKind) -> list[int]:
    return [one.image for one in session(plan, reviewer) if one.kind is kind]


def test_equal_seeds_give_equal_plans_and_others_do_not():
    assert plan_of(40) == plan_of(40)
    assert plan_of(40) != plan_of(40, seed=4)


def test_classes_come_in_turn_however_many_images_each_has():
    many = [Candidate(place, 0 if place < 90 else place - 90, 5) for place in range(100)]

    images = draw_images(many, LABELS, seed=1)

    assert Counter(one.predicted_class for one in images[:10]) == Counter(range(10))


def test_a_plan_is_bounded():
    assert len(plan_of(MOST_IMAGES + 50).images) == MOST_IMAGES


@pytest.mark.parametrize(
    ("labels", "least"),
    [(LABELS[:4], 4), (LABELS[:10], 5), (THOUSAND, 9)],
    ids=["4 classes", "10 classes", "1000 classes"],
)
def test_options_hold_the_predicted_class_and_at_most_eight_others(labels, least):
    for image in plan_of(40, labels=labels).images:
        assert image.predicted_class in image.options
        assert least <= len(set(image.options)) == len(image.options) <= 9


def most_often(seen: Sequence[tuple[int, ...]], option: int) -> int:
    return sum(option in options for options in seen)


def least_often(seen: Sequence[tuple[int, ...]], option: int) -> int:
    return -most_often(seen, option)


def newest(seen: Sequence[tuple[int, ...]], option: int) -> int:
    return next((place for place, options in enumerate(seen) if option in options), len(seen))


def guessed_right(plan: ReviewPlan, strategy: Callable[[Sequence[tuple[int, ...]], int], int]) -> Iterator[float]:
    """How likely each answer of a session is right, and what a guess would be, by who looks at the options alone."""
    seen: list[tuple[int, ...]] = []
    for picture in session(plan, 0):
        image = plan.images[picture.image]
        seen.append(image.options)
        scores = {option: strategy(seen, option) for option in image.options}
        best = [option for option, score in scores.items() if score == max(scores.values())]
        yield (image.predicted_class in best) / len(best) - 1 / len(image.options)


@pytest.mark.long_after(5)
@pytest.mark.parametrize("strategy", [most_often, least_often, newest])
@pytest.mark.parametrize(
    ("predicted", "labels"), [(2, 1000), (5, 1000), (10, 1000), (20, 1000), (10, 10), (12, 20), (5, 100)]
)
def test_what_recurs_among_the_options_names_no_more_than_a_guess(predicted, labels, strategy):
    names = tuple(f"kind {index}" for index in range(labels))
    excess = []
    for seed in range(10):
        classes = random.Random(seed).sample(range(labels), predicted)
        uneven = [Candidate(place, classes[min(place % 30, predicted - 1)], 20) for place in range(120)]
        images = draw_images(uneven, names, seed=seed)
        excess += guessed_right(ReviewPlan(VERSION, 0, seed, 0.05, images), strategy)

    assert sum(excess) / len(excess) == pytest.approx(0, abs=1e-9)


def test_groups_share_the_predicted_names_and_no_name():
    groups = {frozenset(one.options) for one in plan_of(40, labels=THOUSAND).images}
    predicted = {one.predicted_class for one in plan_of(40, labels=THOUSAND).images}

    assert [len(group) for group in groups] == [9, 9]
    assert len(frozenset().union(*groups)) == 18
    assert [len(group & predicted) for group in groups] == [5, 5]


def test_up_to_nine_classes_have_the_same_keys_on_every_picture():
    assert len({one.options for one in plan_of(40, labels=LABELS[:9]).images}) == 1


def test_options_of_one_name_are_offered_once():
    plan = plan_of(30, labels=("crane", "crane", *LABELS[2:]))

    for image in plan.images:
        names = [("crane", "crane", *LABELS[2:])[option] for option in image.options]
        assert len(set(names)) == len(names)
        assert image.predicted_class in image.options


def test_the_place_of_an_option_says_nothing():
    places = Counter(
        image.options.index(image.predicted_class)
        for seed in range(60)
        for image in plan_of(30, labels=THOUSAND, seed=seed).images
    )

    assert set(places) == set(range(9))
    assert max(places.values()) < 2 * min(places.values())


def test_a_session_has_as_many_random_pixels_as_subsets_and_whole_pictures_at_the_end():
    kinds = [one.kind for one in session(plan_of(80), 0)]

    assert Counter(kinds) == {SUBSET: 10, RANDOM: 10, WHOLE: 4}
    assert set(kinds[-4:]) == {WHOLE}
    assert set(kinds[:10]) == {SUBSET, RANDOM}


def test_a_session_shows_no_image_twice_but_whole_ones_whose_subset_it_showed():
    plan = plan_of(80)
    for reviewer in range(10):
        subsets, randoms, wholes = (set(shown(plan, reviewer, kind)) for kind in PictureKind)

        assert not subsets & randoms
        assert wholes < subsets


def test_neighbours_share_two_subsets_and_two_random_pictures_in_orders_of_their_own():
    plan = plan_of(80)

    for kind in (SUBSET, RANDOM):
        assert len(set(shown(plan, 0, kind)) & set(shown(plan, 1, kind))) == 2
        assert not set(shown(plan, 0, kind)) & set(shown(plan, 2, kind))
    assert not set(shown(plan, 0, WHOLE)) & set(shown(plan, 1, WHOLE))
    assert [one.kind for one in session(plan, 0)] != [one.kind for one in session(plan, 1)]


def test_random_masks_keep_as_many_pixels_as_the_subsets():
    plan = plan_of(80)
    for kind_of_size in ("subset_size", "random_size"):
        assert sorted(getattr(one, kind_of_size) for one in plan.images) == sorted(
            size_of(place) for place in range(80)
        )
    shown_sizes = [plan.images[number].subset_size for number in shown(plan, 0, SUBSET)]
    random_sizes = [int(random_mask(plan, number, height=12, width=16).sum()) for number in shown(plan, 0, RANDOM)]

    assert sorted(random_sizes) == sorted(shown_sizes)
    assert random_mask(plan, 3, height=12, width=16).shape == (12, 16)
    assert (random_mask(plan, 3, height=12, width=16) == random_mask(plan, 3, height=12, width=16)).all()


@pytest.mark.parametrize("count", [1, 3, 9, 11])
def test_few_images_make_a_short_session_without_a_picture_twice(count):
    for reviewer in range(4):
        pictures = session(plan_of(count), reviewer)

        assert len(set(pictures)) == len(pictures)
        assert Counter(one.kind for one in pictures)[SUBSET] == min(10, count)
