"""Blind reviews: every figure is in its message of the public contract, and in what the client makes of that."""

import itertools

import pytest
from modicum.reviews import review_value
from modicum.v1 import review_pb2
from modicum_server.codec.reviews import review_message
from modicum_server.domain.reviews import PictureKind, ReviewerShares, ReviewFigures, ReviewShare
from modicum_server.usecases.read_reviews import ReadReview

from tests.borders.crossing import assert_crosses, unset
from tests.borders.filling import filled
from tests.borders.records import REVIEW

NUMBERS = itertools.count(1)


def share() -> ReviewShare:
    """A share, each with numbers of its own, so that none is taken for another."""
    number = next(NUMBERS)
    return ReviewShare(number / 64, number / 128, number / 32, number)


def shares() -> dict[PictureKind, ReviewShare]:
    return {kind: share() for kind in PictureKind}


REVIEWER = REVIEW.reviewers[0]
SAID = ReviewerShares(REVIEWER.number, shares(), shares())
FIGURES = filled(
    ReviewFigures, named=shares(), nothing=shares(), over_random=share(), over_chance=share(), reviewers=(SAID,)
)
MESSAGE = review_message(ReadReview(REVIEW, FIGURES, "digest 1"))
VALUE = review_value(review_pb2.Review.FromString(MESSAGE.SerializeToString()))

COUNTED = frozenset({"reviewers.0.pictures", "reviewers.0.answers", "plan"})
IN_ITS_NAME = frozenset({"audit"})
BY_KIND = frozenset({"named", "nothing"})
"""Shares have their kind beside them in a message, as the client's test below looks up."""


def test_every_field_of_the_message_is_set():
    assert unset(MESSAGE) == []


@pytest.mark.parametrize("came", [MESSAGE, VALUE], ids=["message", "client"])
def test_every_field_of_a_review_and_its_plan_is_told(came):
    assert_crosses(REVIEW, came, but=COUNTED | IN_ITS_NAME)
    assert_crosses(REVIEW.plan, came, but=frozenset({"images"}))
    assert (came.image_count, came.digest) == (len(REVIEW.plan.images), "digest 1")
    counts = (came.reviewers[0].picture_count, came.reviewers[0].answer_count)
    assert counts == (len(REVIEWER.pictures), len(REVIEWER.answers))


def test_every_figure_is_in_the_message():
    assert_crosses(FIGURES, MESSAGE.figures, but=BY_KIND | {"reviewers"})


def test_every_figure_comes_to_the_client_by_kind_of_picture():
    assert_crosses(FIGURES, VALUE, but=frozenset({"reviewers"}))
    assert_crosses(SAID, VALUE.reviewers[0])
