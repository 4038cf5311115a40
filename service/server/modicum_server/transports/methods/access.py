"""AccessService."""

from google.protobuf.empty_pb2 import Empty
from modicum.v1 import access_pb2, access_service_pb2

from modicum_server.codec.access import member_message, role_value, token_message, trail_entry_message
from modicum_server.codec.timestamps import time_value
from modicum_server.domain.projects import Principal
from modicum_server.usecases.members import Members, Tokens
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.resource_names import parent_of
from modicum_server.usecases.trail import AskedEntries, Trail


class AccessMethods:
    """The methods of AccessService."""

    def __init__(self, members: Members, tokens: Tokens, trail: Trail) -> None:
        self._members = members
        self._tokens = tokens
        self._trail = trail

    async def list_members(
        self, principal: Principal, request: access_service_pb2.ListMembersRequest
    ) -> access_service_pb2.ListMembersResponse:
        """ListMembers."""
        asked = PageRequest(request.page_size, request.page_token)
        page = await self._members.page(principal, request.parent, asked)
        members = [member_message(grant) for grant in page.rows]
        return access_service_pb2.ListMembersResponse(members=members, next_page_token=page.next_token)

    async def create_member(
        self, principal: Principal, request: access_service_pb2.CreateMemberRequest
    ) -> access_pb2.Member:
        """CreateMember."""
        role = role_value(request.member.role)
        return member_message(await self._members.add(principal, request.parent, request.member_id, role))

    async def set_member_role(
        self, principal: Principal, request: access_service_pb2.SetMemberRoleRequest
    ) -> access_pb2.Member:
        """SetMemberRole."""
        return member_message(await self._members.set_role(principal, request.name, role_value(request.role)))

    async def delete_member(self, principal: Principal, request: access_service_pb2.DeleteMemberRequest) -> Empty:
        """DeleteMember."""
        await self._members.remove(principal, request.name)
        return Empty()

    async def list_tokens(
        self, principal: Principal, request: access_service_pb2.ListTokensRequest
    ) -> access_service_pb2.ListTokensResponse:
        """ListTokens."""
        asked = PageRequest(request.page_size, request.page_token)
        page = await self._tokens.page(principal, request.parent, asked)
        tokens = [token_message(token, request.parent) for token in page.rows]
        return access_service_pb2.ListTokensResponse(tokens=tokens, next_page_token=page.next_token)

    async def create_token(
        self, principal: Principal, request: access_service_pb2.CreateTokenRequest
    ) -> access_service_pb2.CreateTokenResponse:
        """CreateToken."""
        asked = request.token
        made = await self._tokens.create(
            principal,
            request.parent,
            asked.principal,
            display_name=asked.display_name,
            expire_time=time_value(asked.expire_time) if asked.HasField("expire_time") else None,
        )
        token = token_message(made.token, request.parent)
        return access_service_pb2.CreateTokenResponse(token=token, secret=made.secret)

    async def rotate_token(
        self, principal: Principal, request: access_service_pb2.RotateTokenRequest
    ) -> access_service_pb2.RotateTokenResponse:
        """RotateToken."""
        made = await self._tokens.rotate(principal, request.name, request.overlap_seconds)
        token = token_message(made.token, parent_of(request.name))
        return access_service_pb2.RotateTokenResponse(token=token, secret=made.secret)

    async def delete_token(self, principal: Principal, request: access_service_pb2.DeleteTokenRequest) -> Empty:
        """DeleteToken."""
        await self._tokens.delete(principal, request.name)
        return Empty()

    async def list_trail_entries(
        self, principal: Principal, request: access_service_pb2.ListTrailEntriesRequest
    ) -> access_service_pb2.ListTrailEntriesResponse:
        """ListTrailEntries."""
        wanted = AskedEntries(request.filter, request.chained, request.after_sequence)
        asked = PageRequest(request.page_size, request.page_token)
        page = await self._trail.page(principal, request.parent, wanted, asked)
        entries = [trail_entry_message(entry) for entry in page.rows]
        return access_service_pb2.ListTrailEntriesResponse(entries=entries, next_page_token=page.next_token)
