"""Blind reviews as they are read: with what their answers say, and a digest of what is stored."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from modicum_server.domain.audits import Audit
from modicum_server.domain.digests import digest_of
from modicum_server.domain.documents import REVIEW_PLAN, document_of
from modicum_server.domain.reviews import Review, ReviewFigures, ReviewOutcome, ReviewPlan
from modicum_server.measures.document import canonical_json
from modicum_server.measures.reviews import could_confirm, outcomes_by_tail, review_figures
from modicum_server.usecases.review_plans import ANSWERS, NEW

_Shown = tuple[str, int, float]
"""Which subsets a review is of: model version, search index and largest fraction."""


@dataclass(frozen=True, slots=True)
class ReadReview:
    """A review with what its answers say, and the digest of its plan and answers."""

    review: Review
    figures: ReviewFigures
    digest: str


def read_review(review: Review, audit: Audit) -> ReadReview:
    """Return a review with what its answers say."""
    level = audit.specification.statistics.level
    figures = review_figures(review, answers_a_subset=ANSWERS / NEW, level=level)
    return ReadReview(review, figures, digest_of(review_document(review)))


def named_reviews(newest_first: Iterable[Review], audit: Audit) -> list[ReadReview]:
    """Return the reviews that reports and verdicts name, newest first.

    Of each version, search and largest fraction these are the newest CONFIRMED and the newest SEEN one. Only where
    there is neither, it is the newest INCONCLUSIVE one. So no review hides another outcome, and none hides a review
    that showed other subsets. Reviews without an ended session count for nothing.
    """
    newest: dict[tuple[_Shown, ReviewOutcome], ReadReview] = {}
    for read in (read_review(review, audit) for review in newest_first if review.counts):
        newest.setdefault((_shown(read.review.plan), read.figures.outcome), read)
    settled = {shown for shown, outcome in newest if outcome is not ReviewOutcome.INCONCLUSIVE}
    return [
        read
        for (shown, outcome), read in newest.items()
        if outcome is not ReviewOutcome.INCONCLUSIVE or shown not in settled
    ]


def _shown(plan: ReviewPlan) -> _Shown:
    return plan.model_version, plan.search_index, plan.largest_fraction


def reported_review(read: ReadReview) -> dict[str, Any]:
    """Return what a report says of a review: what it showed, its outcome, how sure that is, and its digest."""
    return {
        "name": read.review.name,
        "model_version": read.review.plan.model_version,
        "search_index": read.review.plan.search_index,
        "largest_fraction": read.review.plan.largest_fraction,
        "outcome": read.figures.outcome.value,
        "outcomes": [[tail, outcome.value] for tail, outcome in outcomes_by_tail(read.review)],
        "could_confirm": could_confirm(read.review, level=read.figures.level),
        "text": read.figures.text,
        "answers": sum(len(one.answers) for one in read.review.reviewers),
        "digest": read.digest,
    }


def review_document(review: Review) -> bytes:
    """Return the plan and every answer as canonical JSON. Its SHA-256 is the review's digest. It names nobody."""
    return canonical_json(
        {
            "audit": review.audit,
            "plan": document_of(REVIEW_PLAN, review.plan),
            "sessions": [
                [
                    {"kind": one.picture.kind.value, "image": one.picture.image, "choice": one.choice}
                    for one in reviewer.answers
                ]
                for reviewer in review.reviewers
            ],
        }
    )
