"""Trust rules, and identity tokens that were used up."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.projects import Role
from modicum_server.domain.trust import Claim, NewTrustRule, TrustRule
from modicum_server.ports import Keyed
from modicum_server.store import tables
from modicum_server.store.projects import project_of

_RULES, _TOKENS, _USED = tables.trust_rules.c, tables.tokens.c, tables.used_identity_tokens.c
#: How long admins see in a list which jobs had a token.
_SHOWN = func.make_interval(0, 0, 0, 1)


class PostgresTrust:
    """`ports.Trust`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, rule: NewTrustRule) -> TrustRule | None:
        """Store a rule; None when there is one of that name."""
        row = insert(tables.trust_rules).values(**asdict(rule), project=project_of(rule.name))
        return await self._one(row.on_conflict_do_nothing().returning(tables.trust_rules))

    async def get(self, name: str) -> TrustRule | None:
        """Get a rule. It is not deleted before this transaction ends."""
        return await self._one(select(tables.trust_rules).filter_by(name=name).with_for_update(read=True))

    async def page(self, project: str, *, after: str, limit: int) -> list[Keyed[TrustRule]]:
        """By id."""
        query = select(tables.trust_rules).where(
            _RULES.project == project, _RULES.name > f"{project}/trustRules/{after}"
        )
        rows = await self._connection.execute(query.order_by(_RULES.name).limit(limit))
        return [(row.name.rsplit("/", 1)[-1], _rule(row)) for row in rows]

    async def count(self, project: str) -> int:
        """Count the rules of a project; no other transaction adds one before this one ends."""
        await self._connection.execute(select(tables.projects).filter_by(name=project).with_for_update())
        query = select(func.count()).select_from(tables.trust_rules).where(_RULES.project == project)
        return int((await self._connection.execute(query)).scalar_one())

    async def of_issuer(self, project: str, issuer: str) -> list[TrustRule]:
        """The rules of a project for an issuer, by name."""
        query = select(tables.trust_rules).filter_by(project=project, issuer=issuer).order_by(_RULES.name)
        return list(map(_rule, await self._connection.execute(query)))

    async def delete(self, name: str) -> bool:
        """Delete a rule and the tokens that it gave; False when there is none of that name."""
        gone = delete(tables.trust_rules).filter_by(name=name).returning(_RULES.name)
        return (await self._connection.execute(gone)).one_or_none() is not None

    async def use_up(self, digest: str, expire_time: datetime) -> bool:
        """Remember an identity token until it expires; False when it was used before. Forgets those that expired."""
        await self._connection.execute(delete(tables.used_identity_tokens).where(_USED.expire_time < func.now()))
        row = insert(tables.used_identity_tokens).values(digest=digest, expire_time=expire_time)
        used = await self._connection.execute(row.on_conflict_do_nothing().returning(_USED.digest))
        return used.one_or_none() is not None

    async def forget_job_tokens(self) -> None:
        """Delete tokens that rules gave and that expired more than a day ago."""
        old = delete(tables.tokens).where(_TOKENS.trust_rule.is_not(None), _TOKENS.expire_time < func.now() - _SHOWN)
        await self._connection.execute(old)

    async def _one(self, query: Any) -> TrustRule | None:
        row = (await self._connection.execute(query)).one_or_none()
        return _rule(row) if row else None


def _rule(row: Row[Any]) -> TrustRule:
    return TrustRule(
        name=row.name,
        issuer=row.issuer,
        audience=row.audience,
        claims=tuple(Claim(**claim) for claim in row.claims),
        role=Role(row.role),
        lifetime_seconds=row.lifetime_seconds,
        creator=row.creator,
        create_time=row.create_time,
    )
