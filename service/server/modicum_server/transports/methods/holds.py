"""HoldService."""

from google.protobuf.empty_pb2 import Empty
from modicum.v1 import hold_pb2, hold_service_pb2

from modicum_server.codec.holds import hold_message
from modicum_server.domain.projects import Principal
from modicum_server.usecases.holds import Holds
from modicum_server.usecases.pages import PageRequest


class HoldMethods:
    """The methods of HoldService."""

    def __init__(self, holds: Holds) -> None:
        self._holds = holds

    async def list_holds(
        self, principal: Principal, request: hold_service_pb2.ListHoldsRequest
    ) -> hold_service_pb2.ListHoldsResponse:
        """ListHolds."""
        page = await self._holds.page(principal, request.parent, PageRequest(request.page_size, request.page_token))
        holds = [hold_message(hold) for hold in page.rows]
        return hold_service_pb2.ListHoldsResponse(holds=holds, next_page_token=page.next_token)

    async def create_hold(self, principal: Principal, request: hold_service_pb2.CreateHoldRequest) -> hold_pb2.Hold:
        """CreateHold."""
        asked = request.hold
        hold = await self._holds.create(
            principal, request.parent, request.hold_id, held=asked.held, reason=asked.reason
        )
        return hold_message(hold)

    async def delete_hold(self, principal: Principal, request: hold_service_pb2.DeleteHoldRequest) -> Empty:
        """DeleteHold."""
        await self._holds.release(principal, request.name)
        return Empty()
