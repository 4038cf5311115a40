"""Blind reviews whose answers are drawn at random, or given by a rule."""

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
from modicum_server.domain.reviews import (
    PictureKind,
    Review,
    ReviewAnswer,
    Reviewer,
    ReviewFigures,
    ReviewPicture,
    ReviewPlan,
)
from modicum_server.measures.reviews import review_figures
from modicum_server.usecases.review_plans import ANSWERS, NEW, Candidate, draw_images, session

LABELS = tuple(f"kind {index}" for index in range(20))
PREDICTED = 10
"""Classes that a plan predicts, so that its pictures offer nine names and a guess names 11%."""
VERSION = "projects/default/models/tiny/versions/1"
CREATED = datetime(2026, 11, 1, tzinfo=UTC)
Answering = Callable[[ReviewPlan, ReviewPicture], int | None]


def size_of(place: int) -> int:
    """Pixels of the subset of an image."""
    return 5 + 7 * place % 23


def plan_of(count: int, *, labels: tuple[str, ...] = LABELS, seed: int = 3) -> ReviewPlan:
    """A plan of so many images, whose subsets have 5 to 27 pixels."""
    candidates = [Candidate(place, place % min(PREDICTED, len(labels)), size_of(place)) for place in range(count)]
    return ReviewPlan(VERSION, 0, seed, 0.05, draw_images(candidates, labels, seed=seed))


def review_of(plan: ReviewPlan, people: int, answering: Answering) -> Review:
    """A review of which so many people answered every picture."""
    reviewers = []
    for number in range(people):
        pictures = session(plan, number)
        answers = tuple(ReviewAnswer(picture, answering(plan, picture)) for picture in pictures)
        reviewers.append(Reviewer(number, f"person {number}", pictures, answers))
    audit = "projects/default/audits/a"
    return Review(f"{audit}/reviews/r", audit, plan, tuple(reviewers), "ada", CREATED)


def drawn(source: np.random.Generator, *, subset: float, random: float, whole: float, alike: float = 1.0) -> Answering:
    """Answers that name the class on these shares of the pictures, in the mean.

    Pictures differ: one is named with a probability drawn from a beta distribution, the more alike the higher `alike`.
    """
    shares = {PictureKind.SUBSET: subset, PictureKind.RANDOM: random, PictureKind.WHOLE: whole}
    chances: dict[ReviewPicture, float] = {}

    def answer(plan: ReviewPlan, picture: ReviewPicture) -> int | None:
        share = shares[picture.kind]
        chance = chances.setdefault(picture, source.beta(alike * share + 1e-9, alike * (1 - share) + 1e-9))
        return plan.images[picture.image].predicted_class if source.random() < chance else None

    return answer


def figures_of(review: Review) -> ReviewFigures:
    return review_figures(review, answers_a_subset=ANSWERS / NEW)
