"""Holds on what is evidence."""

from collections.abc import Collection
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, exists, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.holds import Hold, NewHold
from modicum_server.ports import Keyed
from modicum_server.store import tables
from modicum_server.store.hold_table import holds
from modicum_server.store.projects import project_of

MOST_NAMED = 10
_HOLDS = holds.c


class PostgresHolds:
    """`ports.Holds`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, hold: NewHold) -> Hold:
        """Store a hold, or return the one that has the name."""
        row = insert(holds).values(**asdict(hold), project=project_of(hold.name))
        await self._connection.execute(row.on_conflict_do_nothing())
        return _hold((await self._connection.execute(select(holds).filter_by(name=hold.name))).one())

    async def page(self, project: str, *, after: str, limit: int) -> list[Keyed[Hold]]:
        """By id."""
        query = select(holds).where(_HOLDS.project == project, _HOLDS.name > f"{project}/holds/{after}")
        rows = await self._connection.execute(query.order_by(_HOLDS.name).limit(limit))
        return [(row.name.rsplit("/", 1)[-1], _hold(row)) for row in rows]

    async def on(self, names: Collection[str]) -> list[Hold]:
        """At most 10 holds on these resources, by name."""
        return await self._where(_HOLDS.held.in_(names))

    async def on_versions_of(self, model: str) -> list[Hold]:
        """The same, on versions of a model."""
        versions = tables.model_versions.c
        return await self._where(_HOLDS.held.in_(select(versions.name).where(versions.model == model)))

    async def on_verdicts_of(self, audits: Collection[str]) -> list[Hold]:
        """The same, on verdicts that judge one of these audits or compare with it."""
        verdicts = tables.verdicts.c
        about = or_(verdicts.audit.in_(audits), verdicts.baseline.in_(audits))
        # from the holds, which are few, to their verdicts
        return await self._where(exists().where(verdicts.name == _HOLDS.held, about))

    async def _where(self, condition: ColumnElement[bool]) -> list[Hold]:
        query = select(holds).where(condition).order_by(_HOLDS.name).limit(MOST_NAMED)
        return [_hold(row) for row in await self._connection.execute(query)]

    async def delete(self, name: str) -> Hold | None:
        """Delete a hold and return it; None when there is none of that name."""
        gone = delete(holds).where(_HOLDS.name == name).returning(holds)
        row = (await self._connection.execute(gone)).one_or_none()
        return None if row is None else _hold(row)


def _hold(row: Row[Any]) -> Hold:
    return Hold(**{field.name: getattr(row, field.name) for field in fields(Hold)})
