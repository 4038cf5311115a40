"""VerdictService."""

from google.protobuf.empty_pb2 import Empty
from modicum.v1 import verdict_pb2, verdict_service_pb2

from modicum_server.codec.verdicts import verdict_message
from modicum_server.domain.projects import Principal
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.verdicts import Verdicts


class VerdictMethods:
    """The methods of VerdictService."""

    def __init__(self, verdicts: Verdicts) -> None:
        self._verdicts = verdicts

    async def get_verdict(
        self, principal: Principal, request: verdict_service_pb2.GetVerdictRequest
    ) -> verdict_pb2.Verdict:
        """GetVerdict."""
        return verdict_message(await self._verdicts.get(principal, request.name))

    async def list_verdicts(
        self, principal: Principal, request: verdict_service_pb2.ListVerdictsRequest
    ) -> verdict_service_pb2.ListVerdictsResponse:
        """ListVerdicts."""
        asked = PageRequest(request.page_size, request.page_token)
        page = await self._verdicts.page(principal, request.parent, request.filter, asked)
        verdicts = [verdict_message(verdict) for verdict in page.rows]
        return verdict_service_pb2.ListVerdictsResponse(verdicts=verdicts, next_page_token=page.next_token)

    async def delete_verdict(self, principal: Principal, request: verdict_service_pb2.DeleteVerdictRequest) -> Empty:
        """DeleteVerdict."""
        await self._verdicts.delete(principal, request.name)
        return Empty()
