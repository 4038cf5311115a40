"""The outcome of a blind review, on answers that a person can count and on simulated people."""

import re
from collections import Counter

import numpy as np
import pytest
from modicum_server.domain.reviews import PictureKind, ReviewOutcome
from modicum_server.measures.reviews import LIMIT, could_confirm, outcomes_by_tail

from tests.measures.reviewed import drawn, figures_of, plan_of, review_of

NAMED = PictureKind.SUBSET, PictureKind.RANDOM, PictureKind.WHOLE
PLAN = plan_of(80)


def naming(*kinds: PictureKind):
    """Answers that name the class on pictures of these kinds, and see nothing on the others."""
    return lambda plan, picture: plan.images[picture.image].predicted_class if picture.kind in kinds else None


def test_people_who_see_the_class_on_whole_pictures_alone_confirm():
    figures = figures_of(review_of(PLAN, 4, naming(PictureKind.WHOLE)))

    assert figures.outcome is ReviewOutcome.CONFIRMED
    assert figures.text == (
        "People do not see the predicted class in the subsets. They name it on 0% of 34 subsets (95% interval 0% to "
        "10%), 0% on as many random pixels and 100% on whole pictures. A guess names 11%. The share on subsets is "
        "less than 20 points above random pixels, and above a guess."
    )
    assert figures.nothing[PictureKind.SUBSET].value == 1
    assert figures.answers_needed is None


def test_an_outcome_is_told_at_each_tail_at_which_its_intervals_hold():
    review = review_of(PLAN, 4, naming(PictureKind.WHOLE))

    told = dict(outcomes_by_tail(review))

    assert list(told) == [0.05, 0.025, 0.01, 0.005]
    assert told[0.025] is figures_of(review).outcome
    assert set(told.values()) == {ReviewOutcome.CONFIRMED}
    assert dict(outcomes_by_tail(review_of(PLAN, 1, naming(PictureKind.WHOLE))))[0.005] is ReviewOutcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("people", "kinds", "could"),
    [(1, NAMED, False), (2, NAMED, False), (3, NAMED, True), (6, NAMED[:2], False), (6, NAMED[2:], True)],
    ids=["4 whole pictures", "8 whole pictures", "12 whole pictures", "no whole one named", "confirmed"],
)
def test_without_ten_whole_pictures_that_are_named_nothing_could_be_confirmed(people, kinds, could):
    assert could_confirm(review_of(PLAN, people, naming(*kinds))) is could


def test_people_who_see_the_class_in_subsets_but_not_in_random_pixels_see_it():
    figures = figures_of(review_of(PLAN, 3, naming(PictureKind.SUBSET, PictureKind.WHOLE)))

    assert figures.outcome is ReviewOutcome.SEEN
    assert figures.over_random.value == 1
    assert figures.over_chance.value == pytest.approx(1 - 1 / 9)


def test_people_who_press_nothing_there_on_everything_confirm_nothing():
    figures = figures_of(review_of(PLAN, 6, naming()))

    assert figures.outcome is ReviewOutcome.INCONCLUSIVE
    assert "On most whole pictures they do not name it either" in figures.text
    assert figures.answers_needed is None


def test_random_pixels_that_show_the_class_as_well_neither_confirm_nor_see():
    figures = figures_of(review_of(PLAN, 6, naming(*NAMED)))

    assert figures.outcome is ReviewOutcome.INCONCLUSIVE
    assert figures.over_random.value == 0


def test_one_person_settles_nothing_and_is_told_how_many_answers_more_would():
    one = figures_of(review_of(PLAN, 1, naming(PictureKind.WHOLE)))
    enough = -(-one.answers_needed // 24) + 1

    assert one.outcome is ReviewOutcome.INCONCLUSIVE
    assert f"it takes about {one.answers_needed} more" in one.text
    assert figures_of(review_of(PLAN, enough, naming(PictureKind.WHOLE))).outcome is ReviewOutcome.CONFIRMED
    assert figures_of(review_of(PLAN, enough - 1, naming(PictureKind.WHOLE))).outcome is ReviewOutcome.INCONCLUSIVE


def test_a_review_with_too_few_images_says_so_and_promises_nothing():
    figures = figures_of(review_of(plan_of(8), 6, naming(PictureKind.WHOLE)))

    assert figures.outcome is ReviewOutcome.INCONCLUSIVE
    assert figures.answers_needed is None
    assert re.search(r"it takes about \d\d subsets, and there are 8\.", figures.text)


def test_two_answers_to_one_picture_count_as_one_picture():
    review = review_of(PLAN, 2, naming(PictureKind.WHOLE))

    figures = figures_of(review)

    answered = Counter(answer.picture.kind for one in review.reviewers for answer in one.answers)
    assert (answered[PictureKind.SUBSET], figures.named[PictureKind.SUBSET].n) == (20, 18)
    assert figures.pictures_shared == 4


def test_each_reviewer_has_figures_of_its_own():
    first, second = figures_of(review_of(PLAN, 2, naming(PictureKind.WHOLE))).reviewers

    assert (first.number, second.number) == (0, 1)
    assert first.named[PictureKind.SUBSET].n == 10
    assert first.named[PictureKind.SUBSET].high == pytest.approx(0.278, abs=1e-3)
    assert first.named[PictureKind.WHOLE].n == 4
    assert first.named[PictureKind.WHOLE].low is None


def test_without_answers_there_is_a_sentence_and_no_figure():
    figures = figures_of(review_of(PLAN, 0, naming()))

    assert (figures.outcome, figures.text) == (ReviewOutcome.INCONCLUSIVE, "Nobody has answered yet.")
    assert (figures.chance, figures.agreement, figures.reviewers) == (None, None, ())


SIMULATED = {
    # share of subsets, of random pixels, of whole pictures that are named; reviewers; outcome; least and most often
    "the excess is on the limit": (0.31, 0.11, 0.95, 6, ReviewOutcome.CONFIRMED, 0.0, 0.05),
    "nobody sees it": (0.11, 0.11, 0.95, 6, ReviewOutcome.SEEN, 0.0, 0.01),
    "nobody sees it, and some guess": (0.08, 0.08, 0.95, 6, ReviewOutcome.CONFIRMED, 0.8, 1.0),
    "nobody sees it, and most say so": (0.03, 0.03, 0.95, 4, ReviewOutcome.CONFIRMED, 0.8, 1.0),
    "most see it": (0.70, 0.10, 0.95, 4, ReviewOutcome.SEEN, 0.8, 1.0),
    "nobody knows the classes": (0.11, 0.11, 0.5, 6, ReviewOutcome.CONFIRMED, 0.0, 0.05),
}


@pytest.mark.long_after(1)
@pytest.mark.parametrize("row", SIMULATED.values(), ids=SIMULATED)
@pytest.mark.parametrize("alike", [0.5, 50.0], ids=["pictures differ", "pictures are alike"])
def test_outcomes_are_as_frequent_as_the_method_says(row, alike):
    subset, random, whole, people, outcome, least, most = row
    source, reviews = np.random.default_rng(11), 300
    told = drawn
    seen = Counter(
        figures_of(
            review_of(PLAN, people, told(source, subset=subset, random=random, whole=whole, alike=alike))
        ).outcome
        for _ in range(reviews)
    )

    assert least <= seen[outcome] / reviews <= most, seen
    assert LIMIT == 0.2
