"""ErasureService."""

from modicum.v1 import erasure_pb2, erasure_service_pb2

from modicum_server.codec.erasures import erasure_message
from modicum_server.domain.projects import Principal
from modicum_server.usecases.erasing import ErasedPicture, Erasing
from modicum_server.usecases.pages import PageRequest


class ErasureMethods:
    """The methods of ErasureService."""

    def __init__(self, erasing: Erasing) -> None:
        self._erasing = erasing

    async def erase_image(
        self, principal: Principal, request: erasure_service_pb2.EraseImageRequest
    ) -> erasure_pb2.Erasure:
        """EraseImage."""
        picture = ErasedPicture(request.image_digest, request.dataset, request.item)
        return erasure_message(await self._erasing.erase(principal, request.parent, picture))

    async def get_erasure(
        self, principal: Principal, request: erasure_service_pb2.GetErasureRequest
    ) -> erasure_pb2.Erasure:
        """GetErasure."""
        return erasure_message(await self._erasing.get(principal, request.name))

    async def list_erasures(
        self, principal: Principal, request: erasure_service_pb2.ListErasuresRequest
    ) -> erasure_service_pb2.ListErasuresResponse:
        """ListErasures."""
        page = await self._erasing.page(principal, request.parent, PageRequest(request.page_size, request.page_token))
        erasures = [erasure_message(one) for one in page.rows]
        return erasure_service_pb2.ListErasuresResponse(erasures=erasures, next_page_token=page.next_token)
