"""Members and tokens of a project, which its admins manage."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from modicum.connection import Connection
from modicum.errors import InvalidArgument
from modicum.resource_names import checked_text, last_part, resource_name
from modicum.timestamps import optional_time, time_value
from modicum.v1 import access_pb2, access_service_pb2, project_pb2


class Role(StrEnum):
    """What a principal may do in a project; each includes the one before."""

    VIEWER = "viewer"
    AUDITOR = "auditor"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Member:
    """A principal with a role in a project. `role` is None for one of a later release."""

    name: str
    principal: str
    role: Role | None


@dataclass(frozen=True, slots=True)
class Token:
    """A token that is valid in a project, without its secret.

    Attributes:
        all_projects: whether it carries all roles of its principal, also in other projects.
        expire_time: None for one that does not expire.
        last_used_time: to the minute; None for one that was never used.
        trust_rule: the rule that gave it to a job, and whose role it has; empty for all other tokens.
    """

    name: str
    principal: str
    display_name: str
    all_projects: bool
    create_time: datetime
    expire_time: datetime | None
    last_used_time: datetime | None
    trust_rule: str = ""


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token and the secret to log in with, which cannot be shown again. Printing it does not show the secret."""

    token: Token
    secret: str = field(repr=False)


class AsyncMembers:
    """Members of a project."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self) -> AsyncIterator[Member]:
        """List the members, by name.

        Raises:
            PermissionDenied: the caller is no admin.
        """
        request = access_service_pb2.ListMembersRequest(parent=self._connection.project)
        stub = self._connection.access
        async for message in self._connection.pages(stub.ListMembers, request, lambda page: page.members):
            yield _member(message)

    async def add(self, principal: str, role: Role | str) -> Member:
        """Give a principal a role. One that has it already keeps it.

        Raises:
            AlreadyExists: the principal has another role.
            InvalidArgument, PermissionDenied
        """
        request = access_service_pb2.CreateMemberRequest(
            parent=self._connection.project,
            member_id=checked_text(principal, "name of the member"),
            member=access_pb2.Member(role=role_number(role)),
        )
        return _member(await self._connection.call(self._connection.access.CreateMember, request))

    async def set_role(self, principal: str, role: Role | str) -> Member:
        """Change the role of a member.

        Raises:
            NotFound: the principal has no role in this project.
            FailedPrecondition: it is the only admin.
        """
        request = access_service_pb2.SetMemberRoleRequest(name=self._name(principal), role=role_number(role))
        return _member(await self._connection.call(self._connection.access.SetMemberRole, request))

    async def remove(self, principal: str) -> None:
        """Remove a member, with its tokens that are only for this project.

        Raises:
            NotFound: the principal has no role in this project.
            FailedPrecondition: it is the only admin.
        """
        request = access_service_pb2.DeleteMemberRequest(name=self._name(principal))
        await self._connection.delete(self._connection.access.DeleteMember, request)

    def _name(self, principal: str) -> str:
        return resource_name(self._connection.project, "members", principal)


class AsyncTokens:
    """Tokens of the members of a project."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self) -> AsyncIterator[Token]:
        """List the tokens that are valid in this project, by id, with those that have expired.

        Raises:
            PermissionDenied: the caller is no admin.
        """
        request = access_service_pb2.ListTokensRequest(parent=self._connection.project)
        stub = self._connection.access
        async for message in self._connection.pages(stub.ListTokens, request, lambda page: page.tokens):
            yield _token(message)

    async def create(self, principal: str, *, display_name: str = "", lifetime: timedelta | None = None) -> NewToken:
        """Make a token of a member, valid only in this project.

        Args:
            principal: the member.
            display_name: what the token is for.
            lifetime: how long it is valid, at most 366 days. Default: 90 days.

        Raises:
            NotFound: the principal is no member.
            InvalidArgument, PermissionDenied
        """
        token = access_pb2.Token(
            principal=checked_text(principal, "name of the member"),
            display_name=checked_text(display_name, "name of the token"),
        )
        if lifetime is not None:
            token.expire_time.FromDatetime(datetime.now(UTC) + lifetime)
        request = access_service_pb2.CreateTokenRequest(parent=self._connection.project, token=token)
        reply = await self._connection.call_once(self._connection.access.CreateToken, request)
        return NewToken(_token(reply.token), reply.secret)

    async def rotate(self, token_id: str, *, overlap: timedelta = timedelta(0)) -> NewToken:
        """Make a token with the principal, name and lifetime of this one, which ends after the overlap.

        Raises:
            NotFound: there is no such token.
            FailedPrecondition: it is also valid in other projects.
        """
        seconds = int(overlap.total_seconds())
        request = access_service_pb2.RotateTokenRequest(name=self._name(token_id), overlap_seconds=seconds)
        reply = await self._connection.call_once(self._connection.access.RotateToken, request)
        return NewToken(_token(reply.token), reply.secret)

    async def revoke(self, token_id: str) -> None:
        """Revoke a token. Its open watches and uploads end within seconds.

        Raises:
            NotFound: there is no such token.
            FailedPrecondition: it is also valid in other projects.
        """
        request = access_service_pb2.DeleteTokenRequest(name=self._name(token_id))
        await self._connection.delete(self._connection.access.DeleteToken, request)

    def _name(self, token_id: str) -> str:
        return resource_name(self._connection.project, "tokens", token_id)


def role_number(role: Role | str) -> "project_pb2.Project.Role.ValueType":
    """The number of a role in the contract.

    Raises:
        InvalidArgument: there is no such role.
    """
    if role not in set(Role):
        raise InvalidArgument(f"role: expected {', '.join(Role)}; got {role!r}")
    return project_pb2.Project.Role.Value(f"ROLE_{Role(role).name}")


def role_of(number: "project_pb2.Project.Role.ValueType") -> Role | None:
    """The role of a number in the contract; None for one of a later release."""
    known = number in project_pb2.Project.Role.values()
    name = project_pb2.Project.Role.Name(number).removeprefix("ROLE_") if known else ""
    return Role.__members__.get(name)


def _member(message: access_pb2.Member) -> Member:
    return Member(name=message.name, principal=last_part(message.name), role=role_of(message.role))


def _token(message: access_pb2.Token) -> Token:
    return Token(
        name=message.name,
        principal=message.principal,
        display_name=message.display_name,
        all_projects=message.all_projects,
        create_time=time_value(message.create_time),
        expire_time=optional_time(message.expire_time, present=message.HasField("expire_time")),
        last_used_time=optional_time(message.last_used_time, present=message.HasField("last_used_time")),
        trust_rule=message.trust_rule,
    )
