"""Blind reviews: which pictures people see of an audit, what they answer, and what that says.

A review shows three kinds of pictures. Each reviewer has a session: some of the pictures in an order of its own, with
the whole ones at the end. The rules are those of docs/method.md, "The blind review".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MOST_OPTIONS = 9
"""Classes to choose from: each has a key of its own."""


class PictureKind(StrEnum):
    """What a picture shows of an image: a subset alone, as many random pixels alone, or all of it."""

    SUBSET = "SUBSET"
    RANDOM = "RANDOM"
    WHOLE = "WHOLE"


class ReviewOutcome(StrEnum):
    """Whether people see the predicted class in the subsets."""

    CONFIRMED = "CONFIRMED"
    SEEN = "SEEN"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class ReviewImage:
    """An image of a review, by its position among the audit's.

    `subset_size` and `random_size` are the pixels that its two masks keep. `options` are the classes to choose from, in
    the order in which they are shown.
    """

    position: int
    predicted_class: int
    subset_size: int
    random_size: int
    options: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReviewPlan:
    """What the pictures of a review are made of: subsets of one version by one search.

    Subsets of at most `largest_fraction` of the pixels are shown. Equal seeds give equal plans.
    """

    model_version: str
    search_index: int
    seed: int
    largest_fraction: float
    images: tuple[ReviewImage, ...]


@dataclass(frozen=True, slots=True)
class ReviewPicture:
    """A picture: an image of the plan by its number there, and what is shown of it."""

    kind: PictureKind
    image: int


@dataclass(frozen=True, slots=True)
class ReviewAnswer:
    """What a reviewer said of a picture: a class, or None for "nothing there"."""

    picture: ReviewPicture
    choice: int | None


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who looks at pictures, by its number in the review. `answers` are to the first of them, in their order."""

    number: int
    display_name: str
    pictures: tuple[ReviewPicture, ...]
    answers: tuple[ReviewAnswer, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether every picture of the session is answered."""
        return len(self.answers) == len(self.pictures)


@dataclass(frozen=True, slots=True)
class Seat:
    """A reviewer of a review, by its number."""

    review: str
    number: int


@dataclass(frozen=True, slots=True)
class Review:
    """A review of an audit, with what was answered so far."""

    name: str
    audit: str
    plan: ReviewPlan
    reviewers: tuple[Reviewer, ...]
    principal: str
    create_time: datetime

    @property
    def counts(self) -> bool:
        """Whether a session has come to its end. Reports and verdicts name no other review."""
        return any(one.is_done for one in self.reviewers)


@dataclass(frozen=True, slots=True)
class ReviewShare:
    """A share or a difference of shares, over n pictures. Below n = 10 the interval is open at both ends.

    `value` is None if there is no picture.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class ReviewerShares:
    """One reviewer's shares of pictures of which the predicted class was named, by kind, and of "nothing there"."""

    number: int
    named: Mapping[PictureKind, ReviewShare]
    nothing: Mapping[PictureKind, ReviewShare]


@dataclass(frozen=True, slots=True)
class ReviewFigures:
    """What the answers of a review say. Intervals are at `level`.

    `named` and `nothing` are shares of pictures, by kind. `chance` is the share that a guess names. `over_random` and
    `over_chance` are what the share on subsets exceeds these by. `agreement` is Krippendorff's alpha over the
    `pictures_shared` by reviewers; None where it is not defined. `answers_needed` is how many more would settle the
    outcome if they are like those seen; None where it is settled, or where no number would settle it.
    """

    outcome: ReviewOutcome
    text: str
    level: float
    named: Mapping[PictureKind, ReviewShare]
    nothing: Mapping[PictureKind, ReviewShare]
    chance: float | None
    over_random: ReviewShare
    over_chance: ReviewShare
    reviewers: tuple[ReviewerShares, ...]
    agreement: float | None
    pictures_shared: int
    answers_needed: int | None
