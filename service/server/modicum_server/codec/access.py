"""Members, tokens, and entries of a trail."""

from modicum.v1 import access_pb2, project_pb2

from modicum_server.codec.enums import enum_number, enum_value
from modicum_server.codec.timestamps import time_message
from modicum_server.domain.access import Grant, Token
from modicum_server.domain.projects import Role
from modicum_server.domain.trail import TrailEntry


def member_message(value: Grant) -> access_pb2.Member:
    """Member."""
    number = enum_number(project_pb2.Project.Role, "ROLE", value.role)
    return access_pb2.Member(name=f"{value.project}/members/{value.principal}", role=number)


def role_value(number: int) -> Role | None:
    """Return the role of a number; None for 0 and for an unknown number."""
    return enum_value(project_pb2.Project.Role, "ROLE", number, Role)


def token_message(value: Token, project: str) -> access_pb2.Token:
    """Token, as a resource of this project."""
    return access_pb2.Token(
        name=f"{project}/tokens/{value.id}",
        principal=value.principal,
        display_name=value.display_name,
        all_projects=not value.project,
        create_time=time_message(value.create_time),
        expire_time=time_message(value.expire_time),
        last_used_time=time_message(value.last_used_time),
        trust_rule=value.trust_rule,
    )


def trail_entry_message(value: TrailEntry) -> access_pb2.TrailEntry:
    """TrailEntry."""
    return access_pb2.TrailEntry(
        id=value.id,
        time=time_message(value.time),
        project=value.project,
        principal=value.principal,
        token_id=value.token_id,
        verb=value.verb,
        resource=value.resource,
        outcome=enum_number(access_pb2.TrailEntry.Outcome, "OUTCOME", value.outcome),
        reason=value.reason,
        detail=value.detail,
        attempts=value.attempts,
        request_id=value.request_id,
        client_address=value.client_address,
        sequence=value.sequence,
        hash=value.hash,
    )
