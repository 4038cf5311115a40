"""Trust rules of a project: which jobs of a pipeline may log in without a secret. Its admins manage them."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from modicum.connection import Connection
from modicum.endpoints import address_of
from modicum.members import Role, role_number, role_of
from modicum.resource_names import checked_text, resource_name
from modicum.timestamps import time_value
from modicum.v1 import trust_pb2, trust_service_pb2


@dataclass(frozen=True, slots=True)
class TrustRule:
    """Jobs whose identity token comes from `issuer`, is for `audience`, and has each of the `claims`, get the role.

    Attributes:
        role: viewer or auditor; None for one of a later release.
        lifetime_seconds: how long a job's token is valid.
        creator: who made the rule.
    """

    name: str
    issuer: str
    audience: str
    claims: Mapping[str, str]
    role: Role | None
    lifetime_seconds: int
    creator: str
    create_time: datetime


class AsyncTrust:
    """Trust rules of a project."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self) -> AsyncIterator[TrustRule]:
        """List the rules, by id.

        Raises:
            PermissionDenied: the caller is no admin.
        """
        request = trust_service_pb2.ListTrustRulesRequest(parent=self._connection.project)
        stub = self._connection.trust
        async for message in self._connection.pages(stub.ListTrustRules, request, lambda page: page.trust_rules):
            yield _rule(message)

    async def add(
        self,
        rule_id: str,
        *,
        issuer: str,
        claims: Mapping[str, str],
        role: Role | str,
        audience: str = "",
        lifetime: timedelta | None = None,
    ) -> TrustRule:
        """Make a rule. If an equal rule with this id exists, it is returned.

        Args:
            rule_id: name of the rule.
            issuer: address of the issuer, one that the operator of the server allows.
            claims: the claims that the identity token must have, each with its whole value. One is the immutable id of
                an owner or a repository, such as repository_id.
            role: viewer or auditor.
            audience: the audience that the identity token must name. Default: the address of this server.
            lifetime: how long a job's token is valid, 1 to 120 minutes. Default: 30 minutes.

        Raises:
            InvalidArgument: the rule could fit somebody else's jobs, or gives too much.
            AlreadyExists: another rule has this id.
            FailedPrecondition: the project has as many rules as it can have.
            PermissionDenied: the caller is no admin.
        """
        rule = trust_pb2.TrustRule(
            issuer=checked_text(issuer, "issuer"),
            audience=checked_text(audience, "audience") or address_of(self._connection.endpoint),
            claims=[
                trust_pb2.TrustRule.Claim(name=checked_text(name, "claim"), value=checked_text(value, f"claim {name}"))
                for name, value in claims.items()
            ],
            role=role_number(role),
            lifetime_seconds=round(lifetime.total_seconds()) if lifetime else 0,
        )
        request = trust_service_pb2.CreateTrustRuleRequest(
            parent=self._connection.project, trust_rule_id=checked_text(rule_id, "name of the rule"), trust_rule=rule
        )
        return _rule(await self._connection.call(self._connection.trust.CreateTrustRule, request))

    async def remove(self, rule: str) -> None:
        """Delete a rule, and end the tokens that it gave.

        Raises:
            NotFound: there is no such rule.
        """
        name = resource_name(self._connection.project, "trustRules", rule)
        request = trust_service_pb2.DeleteTrustRuleRequest(name=name)
        await self._connection.delete(self._connection.trust.DeleteTrustRule, request)


def _rule(message: trust_pb2.TrustRule) -> TrustRule:
    return TrustRule(
        name=message.name,
        issuer=message.issuer,
        audience=message.audience,
        claims={claim.name: claim.value for claim in message.claims},
        role=role_of(message.role),
        lifetime_seconds=message.lifetime_seconds,
        creator=message.creator,
        create_time=time_value(message.create_time),
    )
