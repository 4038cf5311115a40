"""Trust rules."""

from modicum.v1 import project_pb2, trust_pb2

from modicum_server.codec.enums import enum_number
from modicum_server.codec.timestamps import time_message
from modicum_server.domain.trust import Claim, TrustRule


def trust_rule_message(value: TrustRule) -> trust_pb2.TrustRule:
    """TrustRule."""
    return trust_pb2.TrustRule(
        name=value.name,
        issuer=value.issuer,
        audience=value.audience,
        claims=[trust_pb2.TrustRule.Claim(name=claim.name, value=claim.value) for claim in value.claims],
        role=enum_number(project_pb2.Project.Role, "ROLE", value.role),
        lifetime_seconds=value.lifetime_seconds,
        creator=value.creator,
        create_time=time_message(value.create_time),
    )


def claims_value(message: trust_pb2.TrustRule) -> tuple[Claim, ...]:
    """Return the claims of a rule."""
    return tuple(Claim(claim.name, claim.value) for claim in message.claims)
