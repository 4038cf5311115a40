"""Blind reviews of audits: people say what they see in subsets, and the server says what that shows."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from modicum.connection import Connection, new_request_id
from modicum.errors import InvalidArgument
from modicum.models import version_name
from modicum.resource_names import Named, checked_text, resource_name
from modicum.timestamps import time_value
from modicum.v1 import review_pb2, review_service_pb2
from modicum.versions import Model, ModelVersion


class ReviewOutcome(StrEnum):
    """Whether people see the predicted class in the subsets."""

    CONFIRMED = "CONFIRMED"
    SEEN = "SEEN"
    INCONCLUSIVE = "INCONCLUSIVE"


class PictureKind(StrEnum):
    """What a picture of a review shows of an image: the subset, as many random pixels, or all of it."""

    SUBSET = "SUBSET"
    RANDOM = "RANDOM"
    WHOLE = "WHOLE"


@dataclass(frozen=True, slots=True)
class PictureShare:
    """A share of n pictures, or a difference of two shares. `value` is None without a picture.

    `low` and `high` are its interval; None below 10 pictures.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Somebody who was invited. `named` and `nothing` are shares of this reviewer's pictures, by kind.

    They are empty without an answer.
    """

    number: int
    display_name: str
    picture_count: int
    answer_count: int
    named: Mapping[PictureKind, PictureShare]
    nothing: Mapping[PictureKind, PictureShare]


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A blind review, with what its answers say so far. `name` is empty if it was only validated.

    Attributes:
        largest_fraction: subsets of at most this share of the pixels are shown.
        image_count: how many images it can show.
        text: the outcome and its figures in words. All intervals are at `level`.
        named: share of the pictures of which people named the predicted class, by kind.
        nothing: share of which they said "nothing there".
        chance: share of the subsets that a guess names.
        over_random: the share named on subsets less that on random pixels; `over_chance`: less chance.
        agreement: Krippendorff's alpha over the `pictures_shared` by reviewers; None where it is not defined.
        answers_needed: how many more would settle the outcome; None if it is settled, or if no number would settle it.
        digest: SHA-256 of the plan and every answer. It changes with each answer.
    """

    name: str
    model_version: str
    search_index: int
    seed: int
    largest_fraction: float
    image_count: int
    reviewers: Sequence[Reviewer]
    outcome: ReviewOutcome
    text: str
    level: float
    named: Mapping[PictureKind, PictureShare]
    nothing: Mapping[PictureKind, PictureShare]
    chance: float | None
    over_random: PictureShare
    over_chance: PictureShare
    agreement: float | None
    pictures_shared: int
    answers_needed: int | None
    digest: str
    principal: str
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Invitation:
    """A reviewer and its link, from the path on. Put the address of the pages before it.

    The link works once and cannot be shown again. Printing the invitation does not show it.
    """

    reviewer: Reviewer
    path: str = field(repr=False)
    expire_time: datetime


class AsyncReviews:
    """Blind reviews of the audits of a project."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def create(
        self,
        audit: Named | str,
        *,
        version: Model | ModelVersion | str = "",
        search: int = 0,
        seed: int = 0,
        largest_fraction: float = 0.0,
        validate_only: bool = False,
    ) -> Review:
        """Create a blind review of an audit that succeeded.

        Args:
            audit: the audit, or its name.
            version: a version of the audit, its name such as `resnet18/2`, or a model for its newest READY version.
                Default: the audit's first.
            search: which search of the audit, from 0. It must search for the predicted class.
            seed: equal seeds show equal pictures.
            largest_fraction: show subsets of at most this share of the pixels. Default: the audit's alpha.
            validate_only: store nothing. The review then has no name.

        Raises:
            NotFound: the audit does not exist.
            FailedPrecondition: it has no result (AUDIT_NOT_SUCCEEDED), or nothing to show (REVIEW_IMPOSSIBLE).
            InvalidArgument
        """
        review = review_pb2.Review(
            model_version=await version_name(self._connection, version, "version") if version else "",
            search_index=search,
            seed=seed,
            largest_fraction=largest_fraction,
        )
        request = review_service_pb2.CreateReviewRequest(
            parent=self._audit_name(audit), review=review, request_id=new_request_id(), validate_only=validate_only
        )
        return review_value(await self._connection.call(self._connection.reviews.CreateReview, request))

    async def get(self, name: str) -> Review:
        """Get a review by its resource name, or by AUDIT/REVIEW.

        Raises:
            NotFound: it does not exist.
        """
        request = review_service_pb2.GetReviewRequest(name=self._review_name(name))
        return review_value(await self._connection.call(self._connection.reviews.GetReview, request))

    async def list(self, audit: Named | str) -> AsyncIterator[Review]:
        """List the reviews of an audit, newest first.

        Raises:
            NotFound: the audit does not exist.
        """
        request = review_service_pb2.ListReviewsRequest(parent=self._audit_name(audit))
        stub = self._connection.reviews
        async for message in self._connection.pages(stub.ListReviews, request, lambda page: page.reviews):
            yield review_value(message)

    async def invite(
        self, review: Review | str, *, display_name: str = "", reviewer: Reviewer | int | None = None
    ) -> Invitation:
        """Invite a reviewer: a link that works once, in one browser.

        With a `reviewer` of the review, or its number, that reviewer gets another link and continues where the earlier
        one stopped. The earlier link and session end.

        Raises:
            InvalidArgument: the review has no such reviewer.
            NotFound: the review does not exist.
            FailedPrecondition: it has the most reviewers that it can have.
        """
        request = review_service_pb2.InviteReviewerRequest(
            name=self._review_name(review if isinstance(review, str) else review.name),
            display_name=checked_text(display_name, "name of the reviewer"),
            reviewer=reviewer.number if isinstance(reviewer, Reviewer) else reviewer,
        )
        reply = await self._connection.call_once(self._connection.reviews.InviteReviewer, request)
        return Invitation(_reviewer(reply.reviewer), reply.path, time_value(reply.expire_time))

    async def delete(self, name: str) -> None:
        """Delete a review with its answers. Only an admin of the project may.

        Raises:
            NotFound: it does not exist.
            PermissionDenied: the token's role is not admin.
        """
        request = review_service_pb2.DeleteReviewRequest(name=self._review_name(name))
        await self._connection.delete(self._connection.reviews.DeleteReview, request)

    def _audit_name(self, audit: Named | str) -> str:
        name = audit if isinstance(audit, str) else audit.name
        if not name:
            raise InvalidArgument("audit: expected one that is stored, got one that was only validated")
        return resource_name(self._connection.project, "audits", name)

    def _review_name(self, name: str) -> str:
        """The full name of a review. Its short one has two parts, because it lies in an audit."""
        checked_text(name, "name of the review")
        if name.startswith("projects/"):
            return name
        audit, slash, review = name.partition("/")
        if not (audit and slash and review) or "/" in review or audit == "audits":
            raise InvalidArgument(
                f"review: expected AUDIT/REVIEW, as `modicum reviews list AUDIT` shows it, or a full name; got {name!r}"
            )
        return f"{resource_name(self._connection.project, 'audits', audit)}/reviews/{review}"


def short_review(name: str) -> str:
    """The short name of a review: summer/01a2 for projects/p/audits/summer/reviews/01a2."""
    *_, audit, _, review = name.split("/")
    return f"{audit}/{review}"


def review_value(message: review_pb2.Review) -> Review:
    """The review in a message."""
    figures = message.figures
    named, nothing = _by_kind(figures.shares)
    return Review(
        name=message.name,
        model_version=message.model_version,
        search_index=message.search_index,
        seed=message.seed,
        largest_fraction=message.largest_fraction,
        image_count=message.image_count,
        reviewers=tuple(map(_reviewer, message.reviewers)),
        outcome=_outcome(figures.outcome),
        text=figures.text,
        level=figures.level,
        named=named,
        nothing=nothing,
        chance=figures.chance if figures.HasField("chance") else None,
        over_random=_share(figures.over_random),
        over_chance=_share(figures.over_chance),
        agreement=figures.agreement if figures.HasField("agreement") else None,
        pictures_shared=figures.pictures_shared,
        answers_needed=figures.answers_needed if figures.HasField("answers_needed") else None,
        digest=message.digest,
        principal=message.principal,
        create_time=time_value(message.create_time),
    )


def _reviewer(message: review_pb2.Review.Reviewer) -> Reviewer:
    return Reviewer(
        message.number,
        message.display_name,
        message.picture_count,
        message.answer_count,
        *_by_kind(message.shares),
    )


def _by_kind(
    shares: Sequence[review_pb2.Review.PictureShares],
) -> tuple[dict[PictureKind, PictureShare], dict[PictureKind, PictureShare]]:
    """Shares named and shares of "nothing there", by kind. A kind of a later release is left out."""
    known = {review_pb2.Review.PictureKind.Value(f"PICTURE_KIND_{kind.name}"): kind for kind in PictureKind}
    told = [(known[one.kind], one) for one in shares if one.kind in known]
    return {kind: _share(one.named) for kind, one in told}, {kind: _share(one.nothing) for kind, one in told}


def _share(message: review_pb2.Review.Share) -> PictureShare:
    return PictureShare(
        value=message.value if message.HasField("value") else None,
        low=message.low if message.HasField("low") else None,
        high=message.high if message.HasField("high") else None,
        n=message.n,
    )


def _outcome(number: "review_pb2.Review.Outcome.ValueType") -> ReviewOutcome:
    """The outcome of a number. One of a later release is INCONCLUSIVE: what is not known confirms nothing."""
    known = number in review_pb2.Review.Outcome.values()
    name = review_pb2.Review.Outcome.Name(number).removeprefix("OUTCOME_") if known else ""
    return ReviewOutcome.__members__.get(name, ReviewOutcome.INCONCLUSIVE)
