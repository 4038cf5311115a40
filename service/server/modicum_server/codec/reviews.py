"""Blind reviews with what their answers say, and invitations."""

from collections.abc import Mapping
from datetime import UTC

from modicum.v1 import review_pb2, review_service_pb2

from modicum_server.codec.records import message_of
from modicum_server.codec.timestamps import time_message
from modicum_server.domain.reviews import PictureKind, Reviewer, ReviewerShares, ReviewFigures, ReviewShare
from modicum_server.usecases.read_reviews import ReadReview
from modicum_server.usecases.reviews import Invitation

Shares = Mapping[PictureKind, ReviewShare]


def review_message(value: ReadReview) -> review_pb2.Review:
    """Review."""
    review, said = value.review, {one.number: one for one in value.figures.reviewers}
    message = review_pb2.Review(
        name=review.name,
        model_version=review.plan.model_version,
        search_index=review.plan.search_index,
        seed=review.plan.seed,
        largest_fraction=review.plan.largest_fraction,
        image_count=len(review.plan.images),
        reviewers=[_reviewer(one, said.get(one.number)) for one in review.reviewers],
        figures=_figures(value.figures),
        digest=value.digest,
        principal=review.principal,
    )
    message.create_time.FromDatetime(review.create_time.astimezone(UTC))
    return message


def invitation_message(value: Invitation) -> review_service_pb2.InviteReviewerResponse:
    """InviteReviewerResponse."""
    return review_service_pb2.InviteReviewerResponse(
        reviewer=_reviewer(value.reviewer, None), path=value.path, expire_time=time_message(value.expire_time)
    )


def _reviewer(value: Reviewer, said: ReviewerShares | None) -> review_pb2.Review.Reviewer:
    return review_pb2.Review.Reviewer(
        number=value.number,
        display_name=value.display_name,
        picture_count=len(value.pictures),
        answer_count=len(value.answers),
        shares=[] if said is None else _shares(said.named, said.nothing),
    )


def _figures(value: ReviewFigures) -> review_pb2.Review.Figures:
    message = message_of(value, review_pb2.Review.Figures)
    message.shares.extend(_shares(value.named, value.nothing))
    return message


def _shares(named: Shares, nothing: Shares) -> list[review_pb2.Review.PictureShares]:
    return [
        review_pb2.Review.PictureShares(
            kind=review_pb2.Review.PictureKind.Value(f"PICTURE_KIND_{kind.name}"),
            named=message_of(named[kind], review_pb2.Review.Share),
            nothing=message_of(nothing[kind], review_pb2.Review.Share),
        )
        for kind in PictureKind
    ]
