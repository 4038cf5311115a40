"""Projects, and the principals of tokens."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, exists, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.projects import Principal, Project, Role
from modicum_server.ports import Keyed
from modicum_server.store import tables
from modicum_server.store.access import PostgresAccess, principal_of, principal_query

#: Tables whose rows live in a project.
TENANTS = (tables.verdicts, tables.audits, tables.datasets, tables.models, tables.artifacts)


class PostgresProjects:
    """`ports.Projects`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, name: str) -> Project | None:
        """Get a project."""
        row = (await self._connection.execute(select(tables.projects).filter_by(name=name))).one_or_none()
        return _project(row) if row else None

    async def page(self, names: Collection[str], *, after: str, limit: int) -> list[Keyed[Project]]:
        """List those of the named projects that exist, by name."""
        query = (
            select(tables.projects)
            .where(tables.projects.c.name.in_(names), tables.projects.c.name > after)
            .order_by(tables.projects.c.name)
            .limit(limit)
        )
        return [(row.name, _project(row)) for row in await self._connection.execute(query)]

    async def create(self, name: str, *, admin: str) -> Project | None:
        """Create it with `admin` as its admin; None when there is one of that name."""
        query = insert(tables.projects).values(name=name).on_conflict_do_nothing().returning(tables.projects)
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            return None
        await PostgresAccess(self._connection).grant(admin, name, Role.ADMIN)
        return _project(row)

    async def delete(self, name: str) -> bool:
        """Delete it; False when anything still lives in it."""
        await self._connection.execute(select(tables.projects).filter_by(name=name).with_for_update())
        lives = [exists().where(table.c.project == name) for table in TENANTS]
        erasing = exists().where(tables.erasures.c.project == name, tables.erasures.c.state == "RUNNING")
        if any((await self._connection.execute(select(*lives, erasing))).one()):
            return False
        await self._connection.execute(delete(tables.projects).filter_by(name=name))
        return True

    async def authenticate(self, token_digest: str) -> Principal | None:
        """Get the principal of a token that is valid, with the roles that the token carries."""
        query = principal_query().where(tables.tokens.c.digest == token_digest)
        rows = (await self._connection.execute(query)).all()
        return principal_of(rows) if rows else None


def _project(row: Row[Any]) -> Project:
    return Project(name=row.name, create_time=row.create_time)


def project_of(name: str) -> str:
    """Return the project that a resource name begins with: `projects/p/models/m` lives in `projects/p`."""
    return "/".join(name.split("/", 2)[:2])


def advisory_key(kind: str, name: str | ColumnElement[str]) -> Any:
    """Return the SQL of a 64-bit key for advisory locks."""
    return func.hashtextextended(literal(f"modicum/{kind}/") + name, 0)
