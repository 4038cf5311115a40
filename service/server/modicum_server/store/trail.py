"""The trail: rows that are inserted and read, never changed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, and_, delete, func, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.trail import NewTrailEntry, Seal, TrailEntry, TrailOutcome
from modicum_server.ports import Keyed
from modicum_server.ports.trail import Link, TrailFilter, Unsealed
from modicum_server.store import tables
from modicum_server.store.projects import advisory_key
from modicum_server.store.row_arrays import PLACE, new_rows

_ENTRIES = tables.trail_entries.c
_SEALS = tables.trail_seals.c
_PENDING = tables.trail_pending.c


class PostgresTrail:
    """`ports.Trail`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def write(self, *entries: NewTrailEntry) -> None:
        """Write entries, and that they wait for their seal, in one statement."""
        given = list(map(_columns, entries))
        columns = {name: [row[name] for row in given] for name in given[0]}
        rows = new_rows(tables.trail_entries, columns)
        ordered = select(*(rows.c[name] for name in columns)).order_by(rows.c[PLACE])
        inserted = insert(tables.trail_entries).from_select(list(columns), ordered)
        written = inserted.returning(_ENTRIES.id).cte("written")
        await self._connection.execute(insert(tables.trail_pending).from_select(["entry_id"], select(written.c.id)))

    async def page(self, project: str, criteria: TrailFilter, *, after: str, limit: int) -> list[Keyed[TrailEntry]]:
        """List the entries of a project, newest first."""
        query = _chosen(project, criteria).order_by(_ENTRIES.id.desc()).limit(limit)
        if after:
            query = query.where(_ENTRIES.id < int(after))
        return [(str(row.id), _entry(row)) for row in await self._connection.execute(query)]

    async def chained(
        self, project: str, criteria: TrailFilter, behind: int, *, after: str, limit: int
    ) -> list[Keyed[TrailEntry]]:
        """List sealed entries in the order of their chain."""
        seen = max(behind, int(after or 0))
        query = _chosen(project, criteria).where(_SEALS.project == project, _SEALS.sequence > seen)
        rows = await self._connection.execute(query.order_by(_SEALS.sequence).limit(limit))
        return [(str(row.sequence), _entry(row)) for row in rows]

    async def take_turn(self) -> bool:
        """Take the lock of whoever seals."""
        lock = func.pg_try_advisory_xact_lock(advisory_key("trail", "sealing"))
        return bool(await self._connection.scalar(select(lock)))

    async def waiting(self, limit: int) -> list[TrailEntry]:
        """List entries that wait for their seal."""
        query = _entries().join(tables.trail_pending, _PENDING.entry_id == _ENTRIES.id)
        rows = await self._connection.execute(query.order_by(_ENTRIES.id).limit(limit))
        return list(map(_entry, rows))

    async def head(self, project: str) -> Seal | None:
        """The last seal of a chain."""
        query = select(tables.trail_seals).where(_SEALS.project == project).order_by(_SEALS.sequence.desc()).limit(1)
        row = (await self._connection.execute(query)).one_or_none()
        return _seal(row) if row else None

    async def heads(self) -> list[Seal]:
        """The last seal of each chain."""
        last = select(_SEALS.project, func.max(_SEALS.sequence).label("sequence")).group_by(_SEALS.project).subquery()
        query = select(tables.trail_seals).join(
            last, and_(last.c.project == _SEALS.project, last.c.sequence == _SEALS.sequence)
        )
        return list(map(_seal, await self._connection.execute(query.order_by(_SEALS.project))))

    async def seal(self, seals: Sequence[Seal]) -> None:
        """Store seals."""
        rows = [
            {"project": one.project, "sequence": one.sequence, "entry_id": one.entry_id, "hash": one.hash}
            for one in seals
        ]
        await self._connection.execute(insert(tables.trail_seals), rows)
        ids = [one.entry_id for one in seals]
        await self._connection.execute(delete(tables.trail_pending).where(_PENDING.entry_id.in_(ids)))

    async def links(self, project: str, *, after: int, limit: int) -> list[Link]:
        """List the places of a chain with their entries."""
        query = (
            select(tables.trail_seals, tables.trail_entries.c.id.label("there"))
            .outerjoin(tables.trail_entries, _ENTRIES.id == _SEALS.entry_id)
            .where(_SEALS.project == project, _SEALS.sequence > after)
            .order_by(_SEALS.sequence)
            .limit(limit)
        )
        rows = (await self._connection.execute(query)).all()
        wanted = _entries().where(_ENTRIES.id.in_([row.entry_id for row in rows]))
        entries = {row.id: _entry(row) for row in await self._connection.execute(wanted)}
        return [Link(_seal(row), entries.get(row.entry_id)) for row in rows]

    async def unsealed(self, *, before: datetime, after: int, limit: int) -> list[Unsealed]:
        """List entries without a seal, and waiting places whose entry is gone."""
        entry_id = func.coalesce(_ENTRIES.id, _PENDING.entry_id)
        joined = tables.trail_entries.outerjoin(tables.trail_pending, _PENDING.entry_id == _ENTRIES.id, full=True)
        joined = joined.outerjoin(tables.trail_seals, _SEALS.entry_id == _ENTRIES.id)
        query = (
            select(entry_id.label("entry_id"), _PENDING.entry_id.label("waiting"))
            .select_from(joined)
            .where(_SEALS.entry_id.is_(None), entry_id > after, or_(_ENTRIES.id.is_(None), _ENTRIES.time < before))
            .order_by(entry_id)
            .limit(limit)
        )
        rows = (await self._connection.execute(query)).all()
        wanted = _entries().where(_ENTRIES.id.in_([row.entry_id for row in rows]))
        entries = {row.id: _entry(row) for row in await self._connection.execute(wanted)}
        return [Unsealed(row.entry_id, entries.get(row.entry_id), row.waiting is not None) for row in rows]


def _entries() -> Select[Any]:
    """Select entries with their seals."""
    return select(tables.trail_entries, _SEALS.sequence, _SEALS.hash).outerjoin(
        tables.trail_seals, _SEALS.entry_id == _ENTRIES.id
    )


def _chosen(project: str, criteria: TrailFilter) -> Select[Any]:
    """Select the entries of a project since it was created that fit a filter."""
    query = _entries().where(_ENTRIES.project == project)
    if project:
        began = select(tables.projects.c.create_time).where(tables.projects.c.name == project).scalar_subquery()
        query = query.where(_ENTRIES.time >= began)
    for column, value in (
        (_ENTRIES.principal, criteria.principal),
        (_ENTRIES.verb, criteria.verb),
        (_ENTRIES.resource, criteria.resource),
        (_ENTRIES.outcome, criteria.outcome),
    ):
        if value:
            query = query.where(column == str(value))
    return query


def _columns(entry: NewTrailEntry) -> dict[str, Any]:
    return {
        "project": entry.project,
        "principal": entry.principal,
        "token_id": entry.token_id,
        "verb": entry.verb,
        "resource": entry.resource,
        "outcome": entry.outcome.value,
        "reason": entry.reason,
        "detail": entry.detail,
        "attempts": entry.attempts,
        "request_id": entry.request_id,
        "client_address": entry.client_address,
    }


def _entry(row: Row[Any]) -> TrailEntry:
    return TrailEntry(
        id=row.id,
        time=row.time,
        project=row.project,
        principal=row.principal,
        token_id=row.token_id,
        verb=row.verb,
        resource=row.resource,
        outcome=TrailOutcome(row.outcome),
        reason=row.reason,
        detail=row.detail,
        attempts=row.attempts,
        request_id=row.request_id,
        client_address=row.client_address,
        sequence=row.sequence or 0,
        hash=row.hash or "",
    )


def _seal(row: Row[Any]) -> Seal:
    return Seal(project=row.project, sequence=row.sequence, entry_id=row.entry_id, hash=row.hash)
