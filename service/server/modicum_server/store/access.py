"""Grants and tokens."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Delete, Row, Select, and_, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.access import Grant, NewToken, Revoked, Token
from modicum_server.domain.projects import Principal, Role
from modicum_server.ports import Keyed
from modicum_server.store import tables

_ROLES, _TOKENS, _RULES = tables.roles.c, tables.tokens.c, tables.trust_rules.c
#: A use is stored at most once a minute: otherwise every call would write.
_USE_IS_STALE = or_(
    _TOKENS.last_used_time.is_(None), _TOKENS.last_used_time < func.now() - func.make_interval(0, 0, 0, 0, 0, 1)
)
#: It has not expired.
IS_GOOD = or_(_TOKENS.expire_time.is_(None), _TOKENS.expire_time > func.now())
#: No list has the tokens behind the sessions of people who signed in: nobody holds their secrets.
_IS_LISTED = _TOKENS.sign_in_issuer.is_(None)


class PostgresAccess:
    """`ports.Access`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def grant(self, principal: str, project: str, role: Role) -> Role:
        """Give the role where the principal has none; returns the role that it then has."""
        row = insert(tables.roles).values(principal=principal, project=project, role=role.value)
        await self._connection.execute(row.on_conflict_do_nothing())
        held = select(_ROLES.role).where(_ROLES.principal == principal, _ROLES.project == project)
        return Role((await self._connection.execute(held)).scalar_one())

    async def change_role(self, principal: str, project: str, role: Role) -> None:
        """Change the role of a grant that exists."""
        changed = update(tables.roles).filter_by(principal=principal, project=project).values(role=role.value)
        await self._connection.execute(changed)

    async def member(self, project: str, principal: str) -> Grant | None:
        """Get the grant of a principal in a project."""
        query = select(tables.roles).filter_by(principal=principal, project=project)
        row = (await self._connection.execute(query)).one_or_none()
        return _grant(row) if row else None

    async def members(self, project: str, *, after: str, limit: int) -> list[Keyed[Grant]]:
        """By principal."""
        query = select(tables.roles).where(_ROLES.project == project, _ROLES.principal > after)
        rows = await self._connection.execute(query.order_by(_ROLES.principal).limit(limit))
        return [(row.principal, _grant(row)) for row in rows]

    async def lock_admins(self, project: str) -> Sequence[str]:
        """The admins of a project; no other transaction changes them before this one ends."""
        await self._connection.execute(select(tables.projects).filter_by(name=project).with_for_update())
        query = select(_ROLES.principal).where(_ROLES.project == project, _ROLES.role == Role.ADMIN.value)
        return (await self._connection.execute(query)).scalars().all()

    async def remove_member(self, project: str, principal: str) -> None:
        """Delete the grant, and the principal's tokens that are for this project alone."""
        await self._connection.execute(delete(tables.roles).filter_by(principal=principal, project=project))
        await self._connection.execute(delete(tables.tokens).filter_by(principal=principal, project=project))

    async def projects_of(self, principal: str) -> frozenset[str]:
        """The projects in which a principal has a role."""
        query = select(_ROLES.project).where(_ROLES.principal == principal)
        return frozenset((await self._connection.execute(query)).scalars())

    async def revoke(self, principal: str) -> Revoked:
        """Delete all grants and tokens of a principal; returns them."""
        grants = delete(tables.roles).filter_by(principal=principal).returning(tables.roles)
        removed = (await self._connection.execute(grants)).all()
        tokens = await self._deleted(delete(tables.tokens).filter_by(principal=principal))
        return Revoked(tuple(sorted(map(_grant, removed), key=lambda one: one.project)), tokens)

    async def principals(self, token_ids: Sequence[str]) -> list[Principal]:
        """The principals of these tokens with their roles of now; those of tokens that are valid."""
        found = await self._connection.execute(principal_query().where(_TOKENS.id.in_(token_ids)))
        rows: dict[str, list[Row[Any]]] = {}
        for row in found:
            rows.setdefault(row.id, []).append(row)
        return [principal_of(of_token) for of_token in rows.values()]

    async def metrics_reader(self, token_digest: str) -> Principal | None:
        """Get the principal of a good token that reads the metrics of all projects."""
        columns = (_TOKENS.id, _TOKENS.principal, _USE_IS_STALE.label("use_is_stale"))
        query = select(*columns).where(_TOKENS.digest == token_digest, _TOKENS.reads_metrics, IS_GOOD)
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            return None
        return Principal(row.principal, {}, token_id=row.id, use_is_stale=row.use_is_stale, reads_metrics=True)

    async def add_token(self, digest: str, token: NewToken) -> Token | None:
        """Store a token by its SHA-256; None when it is stored already."""
        row = insert(tables.tokens).values(
            digest=digest,
            id=token.id,
            principal=token.principal,
            display_name=token.display_name,
            project=token.project or None,
            expire_time=token.expire_time,
            trust_rule=token.trust_rule or None,
            reads_metrics=token.reads_metrics,
        )
        return await self._one(row.on_conflict_do_nothing(index_elements=["digest"]).returning(tables.tokens))

    async def token(self, token_id: str) -> Token | None:
        """Get a token by its id, but for those of `Sessions.add_person`, which no list has."""
        return await self._one(select(tables.tokens).where(_TOKENS.id == token_id, _IS_LISTED))

    async def tokens(self, project: str, *, after: str, limit: int) -> list[Keyed[Token]]:
        """The tokens that are valid in this project, by id. Some may have expired."""
        members = select(_ROLES.principal).where(_ROLES.project == project)
        reach = or_(_TOKENS.project == project, and_(_TOKENS.project.is_(None), _TOKENS.principal.in_(members)))
        query = select(tables.tokens).where(reach, ~_TOKENS.reads_metrics, _IS_LISTED, _TOKENS.id > after)
        rows = await self._connection.execute(query.order_by(_TOKENS.id).limit(limit))
        return [(row.id, _token(row)) for row in rows]

    async def all_tokens(self, principal: str) -> list[Token]:
        """All tokens of a principal, or of everybody if it is empty: by principal, the oldest first."""
        query = select(tables.tokens).where(_IS_LISTED).order_by(_TOKENS.principal, _TOKENS.create_time, _TOKENS.id)
        rows = await self._connection.execute(query.filter_by(principal=principal) if principal else query)
        return list(map(_token, rows))

    async def delete_token(self, token_id: str) -> None:
        """Delete a token."""
        await self._connection.execute(delete(tables.tokens).filter_by(id=token_id))

    async def delete_tokens_named(self, principal: str, display_name: str, *, but: str) -> None:
        """Delete the principal's tokens of this name, except the one with the SHA-256 `but`."""
        old = delete(tables.tokens).filter_by(principal=principal, display_name=display_name)
        await self._connection.execute(old.where(_TOKENS.digest != but))

    async def expire_token(self, token_id: str, at: datetime) -> None:
        """Let a token expire at this time, or earlier if it expires earlier."""
        earlier = func.least(func.coalesce(_TOKENS.expire_time, at), at)
        await self._connection.execute(update(tables.tokens).filter_by(id=token_id).values(expire_time=earlier))

    async def note_use(self, token_id: str) -> None:
        """Store that the token is used now. No effect while another transaction does the same."""
        row = select(_TOKENS.digest).where(_TOKENS.id == token_id, _USE_IS_STALE).with_for_update(skip_locked=True)
        used = update(tables.tokens).where(_TOKENS.digest == row.scalar_subquery()).values(last_used_time=func.now())
        await self._connection.execute(used)

    async def _one(self, query: Any) -> Token | None:
        row = (await self._connection.execute(query)).one_or_none()
        return _token(row) if row else None

    async def _deleted(self, query: Delete) -> tuple[Token, ...]:
        rows = (await self._connection.execute(query.returning(tables.tokens))).all()
        return tuple(sorted(map(_token, rows), key=lambda one: one.create_time))


def principal_query() -> Select[Any]:
    """Select tokens that are valid, each with a row for every grant that it carries, or one row without a grant.

    A token that a trust rule gave carries the role of the rule and no grant. One that reads metrics is left out.
    """
    carried = and_(
        _TOKENS.trust_rule.is_(None),
        _ROLES.principal == _TOKENS.principal,
        or_(_TOKENS.project.is_(None), _TOKENS.project == _ROLES.project),
    )
    return (
        select(
            _TOKENS.id,
            _TOKENS.principal,
            func.coalesce(_RULES.project, _ROLES.project).label("project"),
            func.coalesce(_RULES.role, _ROLES.role).label("role"),
            _USE_IS_STALE.label("use_is_stale"),
        )
        .outerjoin(tables.roles, carried)
        .outerjoin(tables.trust_rules, _RULES.name == _TOKENS.trust_rule)
        .where(IS_GOOD, ~_TOKENS.reads_metrics)
    )


def principal_of(rows: Sequence[Row[Any]]) -> Principal:
    """Return the principal of a token from all its rows of `principal_query`."""
    return Principal(
        name=rows[0].principal,
        roles={row.project: Role(row.role) for row in rows if row.project},
        token_id=rows[0].id,
        use_is_stale=rows[0].use_is_stale,
    )


def _grant(row: Row[Any]) -> Grant:
    return Grant(principal=row.principal, project=row.project, role=Role(row.role))


def _token(row: Row[Any]) -> Token:
    return Token(
        id=row.id,
        principal=row.principal,
        display_name=row.display_name,
        project=row.project or "",
        create_time=row.create_time,
        expire_time=row.expire_time,
        last_used_time=row.last_used_time,
        trust_rule=row.trust_rule or "",
        reads_metrics=row.reads_metrics,
    )
