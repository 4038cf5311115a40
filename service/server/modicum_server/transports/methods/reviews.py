"""ReviewService."""

from google.protobuf.empty_pb2 import Empty
from modicum.v1 import review_pb2, review_service_pb2

from modicum_server.codec.reviews import invitation_message, review_message
from modicum_server.domain.projects import Principal
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.request_ids import CreateOptions
from modicum_server.usecases.reviews import AskedReview, Reviews


class ReviewMethods:
    """The methods of ReviewService."""

    def __init__(self, reviews: Reviews) -> None:
        self._reviews = reviews

    async def get_review(self, principal: Principal, request: review_service_pb2.GetReviewRequest) -> review_pb2.Review:
        """GetReview."""
        return review_message(await self._reviews.get(principal, request.name))

    async def list_reviews(
        self, principal: Principal, request: review_service_pb2.ListReviewsRequest
    ) -> review_service_pb2.ListReviewsResponse:
        """ListReviews."""
        page = await self._reviews.page(principal, request.parent, PageRequest(request.page_size, request.page_token))
        reviews = [review_message(one) for one in page.rows]
        return review_service_pb2.ListReviewsResponse(reviews=reviews, next_page_token=page.next_token)

    async def create_review(
        self, principal: Principal, request: review_service_pb2.CreateReviewRequest
    ) -> review_pb2.Review:
        """CreateReview."""
        given = request.review
        asked = AskedReview(given.model_version, given.search_index, given.seed, given.largest_fraction)
        options = CreateOptions(request_id=request.request_id, validate_only=request.validate_only)
        return review_message(await self._reviews.create(principal, request.parent, asked, options))

    async def delete_review(self, principal: Principal, request: review_service_pb2.DeleteReviewRequest) -> Empty:
        """DeleteReview."""
        await self._reviews.delete(principal, request.name)
        return Empty()

    async def invite_reviewer(
        self, principal: Principal, request: review_service_pb2.InviteReviewerRequest
    ) -> review_service_pb2.InviteReviewerResponse:
        """InviteReviewer."""
        if request.HasField("reviewer"):
            return invitation_message(await self._reviews.invite_again(principal, request.name, request.reviewer))
        return invitation_message(await self._reviews.invite(principal, request.name, request.display_name))
