"""Work that is queued or held: leases by the database's time, fair claims, and the fence of every write.

A shard is held while `lease_until` is set, past its time too, until somebody else's expiry or claim says otherwise.
Locks are taken in the order that audits.py states.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Row,
    Select,
    any_,
    delete,
    exists,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.audits import LeaseState, NewShard, Shard, Stage
from modicum_server.domain.batches import batches
from modicum_server.domain.buildable import LEAVES_NOTHING, LeftToOthers
from modicum_server.domain.models import VersionState
from modicum_server.domain.spot_swaps import SwapState
from modicum_server.domain.traces import NO_CAUSE, Cause
from modicum_server.store import tables
from modicum_server.store.changes import notify_audit_changed
from modicum_server.store.left_shards import not_left
from modicum_server.store.project_turns import projects_by_turn
from modicum_server.store.projects import advisory_key
from modicum_server.store.shard_rows import cause_of, columns_of, halves_of, shard_of
from modicum_server.store.wakeups import notify_work

_SHARDS = tables.shards.c
_AUDITS = tables.audits.c
_NOW = func.clock_timestamp()
SHARDS_AT_ONCE = 500
"""Shards that are queued at once. Of more, the rows would keep the loop from other calls."""
_GIVEN_UP = {"lease_until": None, "worker": "", "passes_done": 0}
#: Stages that load the version: they wait until it is READY.
_NEEDS_READY = (Stage.SEARCH.value, Stage.SCORE.value)


class PostgresShards:
    """`ports.Shards`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, project: str, audit: str, shards: Iterable[NewShard], cause: Cause = NO_CAUSE) -> None:
        """Queue them, and wake the workers; a check of a version that is queued already is not queued again."""
        await self._queue(columns_of(project, audit, shard, cause) for shard in shards)

    async def claim(
        self, worker: str, *, lease_seconds: float, finishing: str = "", left: LeftToOthers = LEAVES_NOTHING
    ) -> Shard | None:
        """The fairest: project with the fewest held, then the longest unserved, then the oldest shard; attempt + 1.

        The summary of the audit `finishing` comes before all else. A swap of a spot comes before the other shards of
        its project: it is a few passes, and somebody waits for it.
        """
        values = {"attempt": _SHARDS.attempt + 1, "worker": worker, "passes_done": 0, "lease_until": _in(lease_seconds)}
        if finishing and (shard := await self._take(_claimable_summary(finishing), values)):
            return shard
        for project in (await self._connection.scalars(projects_by_turn())).all():
            for claimable in (_oldest_swap(project, left), _oldest_claimable(project, left)):
                if shard := await self._take(claimable, values):
                    await self._note_served(project)
                    return shard
        return None

    async def upcoming(self, shard: Shard, *, left: LeftToOthers = LEAVES_NOTHING) -> Shard | None:
        """The queued shard that whoever holds this one will probably claim after it. Locks and changes nothing.

        Each held shard of the project with a smaller id was claimed earlier, so its slot takes one in front of it.
        """
        held = _SHARDS.project == shard.project, _SHARDS.lease_until.is_not(None), _SHARDS.id < shard.id
        earlier = await self._connection.scalar(select(func.count()).select_from(tables.shards).where(*held))
        nothing = literal(0.0).label("waited"), literal(0.0).label("away")
        query = select(tables.shards, *nothing).where(*_claimable(shard.project, left))
        row = (await self._connection.execute(query.order_by(_SHARDS.id).offset(earlier).limit(1))).one_or_none()
        return shard_of(row) if row else None

    async def renew(self, shard: Shard, *, lease_seconds: float, passes_done: int) -> LeaseState:
        """Extend the lease of this attempt and store its passes."""
        query = update(tables.shards).where(*_held_by(shard))
        query = query.values(
            lease_until=_in(lease_seconds), passes_done=func.greatest(_SHARDS.passes_done, passes_done)
        )
        row = (await self._connection.execute(query.returning(_SHARDS.audit, _SHARDS.stage))).one_or_none()
        if row is None:
            return LeaseState.LOST
        wanted = not row.audit or await self._wanted(row.audit, row.stage)
        return LeaseState.HELD if wanted else LeaseState.CANCELLED

    async def hold(self, shard: Shard) -> bool:
        """Lock the shard's row and say whether this attempt still holds it: the fence of every write."""
        query = select(_SHARDS.id).where(*_held_by(shard)).with_for_update()
        return await self._connection.scalar(query) is not None

    async def finish(self, shard: Shard, *, passes_done: int) -> bool:
        """Delete a finished shard and add its passes to the audit. Return False if this attempt no longer holds it.

        The audit then plans what the shard spent instead of what it was planned to spend. The audit's row stays locked
        to the end of the transaction, so that the later of a stage's last two shards sees that the other is gone.
        """
        query = (
            delete(tables.shards)
            .where(*_held_by(shard))
            .returning(_SHARDS.audit, _SHARDS.passes_done, _SHARDS.passes_planned)
        )
        row = (await self._connection.execute(query)).one_or_none()
        if row is None:
            return False
        await self._move_passes(row.audit, max(row.passes_done, passes_done), planned=row.passes_planned)
        return True

    async def hand_back(
        self,
        shard: Shard,
        *,
        failed_tries: int,
        delay_seconds: float,
        away_seconds: float | None = None,
        away_reason: str = "",
    ) -> bool:
        """Queue it for another attempt, not before the delay has passed. The failed tries are stored.

        `away_seconds` says how long it has waited for something that is away, and `away_reason` for what. Without them
        it does not wait for anything. Watches of its audit hear when that is new. `away_reason` alone says why the try
        of a check failed.
        """
        row = await self._locked(shard)
        if row is None:
            return False
        query = update(tables.shards).where(_SHARDS.id == shard.id)
        away = None if away_seconds is None else _in(-away_seconds)
        await self._connection.execute(
            query.values(
                **_GIVEN_UP,
                deaths=failed_tries,
                not_before=_in(delay_seconds),
                away_since=away,
                away_reason=away_reason,
            )
        )
        if row.audit and away_reason != row.away_reason:
            await notify_audit_changed(self._connection, row.audit)
        await self._move_passes(row.audit, row.passes_done)
        if delay_seconds <= 0:
            await notify_work(self._connection)
        return True

    async def split(self, shard: Shard) -> bool:
        """Replace it by two halves of its positions, without failed tries. Return False if it is no longer held.

        The halves keep its attempts: both have begun.

        Raises:
            ValueError: It has fewer than two positions.
        """
        row = await self._locked(shard)
        if row is None:
            return False
        if len(row.positions) < 2:  # noqa: PLR2004 - one position cannot be divided
            raise ValueError(f"shard {shard.id} has {len(row.positions)} positions, and two are needed to halve it")
        await self._connection.execute(delete(tables.shards).where(_SHARDS.id == shard.id))
        await self._move_passes(row.audit, row.passes_done)
        columns = [columns_of(row.project, row.audit, half, cause_of(row)) for half in halves_of(row)]
        await self._queue([{**half, "attempt": row.attempt} for half in columns])
        return True

    async def remaining(self, audit: str, stage: Stage, *, at_most: int | None = None) -> int:
        """Return how many shards of the stage are queued or held. It counts no further than `at_most`."""
        some = select(_SHARDS.id).filter_by(audit=audit, stage=stage.value).limit(at_most).subquery()
        return await self._connection.scalar(select(func.count()).select_from(some)) or 0

    async def drop_unbegun(self, audit: str, stage: Stage, *, kept: Collection[int]) -> None:
        """Delete the stage's shards that nobody ever held, but for those that overlap with what has begun."""
        ours = select(_SHARDS.id, _SHARDS.positions, _SHARDS.attempt).filter_by(audit=audit, stage=stage.value)
        rows = (await self._connection.execute(ours)).all()
        begun = {*kept, *(position for row in rows if row.attempt for position in row.positions)}
        dropped = [row.id for row in rows if not row.attempt and begun.isdisjoint(row.positions)]
        free = select(_SHARDS.id).where(
            _SHARDS.id == any_(literal(dropped, ARRAY(BigInteger))), _SHARDS.attempt == 0, _SHARDS.lease_until.is_(None)
        )
        await self._connection.execute(
            delete(tables.shards).where(_SHARDS.id.in_(free.with_for_update(skip_locked=True)))
        )

    async def withdraw(self, audit: str, stage: Stage) -> frozenset[int]:
        """Delete the stage's shards that nobody holds. Return the search indices of all that were left, held or not."""
        ours = select(_SHARDS.search_index).filter_by(audit=audit, stage=stage.value)
        left = frozenset((await self._connection.scalars(ours)).all())
        free = select(_SHARDS.id).filter_by(audit=audit, stage=stage.value).where(_SHARDS.lease_until.is_(None))
        await self._connection.execute(
            delete(tables.shards).where(_SHARDS.id.in_(free.with_for_update(skip_locked=True)))
        )
        return left

    async def expire(self) -> int:
        """Return dead leases to the queue; how many. Sweeps what is left of audits and versions that are gone.

        One process at a time does it; another one that asks returns 0 at once.
        """
        free = await self._connection.scalar(select(func.pg_try_advisory_xact_lock(advisory_key("expiry", "shards"))))
        if not free:
            return 0
        await self._connection.execute(_sweep())
        dead = select(_SHARDS.id, _SHARDS.project, _SHARDS.audit, _SHARDS.passes_done).where(_SHARDS.lease_until < _NOW)
        rows = (await self._connection.execute(dead.with_for_update(skip_locked=True))).all()
        if not rows:
            return 0
        expired = update(tables.shards).where(_SHARDS.id.in_([row.id for row in rows]))
        await self._connection.execute(expired.values(**_GIVEN_UP, not_before=_NOW))
        await self._count_expired(row.project for row in rows)
        for audit in sorted({row.audit for row in rows}):
            await self._move_passes(audit, sum(row.passes_done for row in rows if row.audit == audit))
        await notify_work(self._connection)
        return len(rows)

    async def facts(self) -> Mapping[str, float]:
        """`queued`, `held`, `oldest_queued_seconds`, `expired_total`: what the metrics show."""
        queued = _SHARDS.lease_until.is_(None)
        age = func.max(func.extract("epoch", _NOW - _SHARDS.not_before)).filter(queued)
        counts = select(
            func.count().filter(queued).label("queued"),
            func.count().filter(~queued).label("held"),
            func.greatest(func.coalesce(age, 0), 0).label("oldest_queued_seconds"),
        )
        row = (await self._connection.execute(counts.select_from(tables.shards))).mappings().one()
        total = await self._connection.scalar(select(func.coalesce(func.sum(tables.projects.c.expired_shards), 0)))
        return {**{key: float(value) for key, value in row.items()}, "expired_total": float(total or 0)}

    async def _take(self, claimable: Select[tuple[int]], values: Mapping[str, Any]) -> Shard | None:
        query = update(tables.shards).where(_SHARDS.id == claimable.scalar_subquery()).values(**values)
        waited = func.extract("epoch", _NOW - _SHARDS.not_before).label("waited")
        away = func.coalesce(func.extract("epoch", _NOW - _SHARDS.away_since), 0.0).label("away")
        row = (await self._connection.execute(query.returning(tables.shards, waited, away))).one_or_none()
        return shard_of(row) if row else None

    async def _locked(self, shard: Shard) -> Row[Any] | None:
        query = select(tables.shards).where(*_held_by(shard)).with_for_update()
        return (await self._connection.execute(query)).one_or_none()

    async def _queue(self, rows: Iterable[dict[str, Any]]) -> None:
        some: Sequence[dict[str, Any]] = ()
        for some in batches(rows, SHARDS_AT_ONCE):
            await self._connection.execute(insert(tables.shards).on_conflict_do_nothing(), some)
        if some:
            await notify_work(self._connection)

    async def _wanted(self, audit: str, stage: str) -> bool:
        wanted = _open_swap(audit) if stage == Stage.SWAP else exists().where(*_running(audit), _is_in(stage))
        return bool(await self._connection.scalar(select(wanted)))

    async def _note_served(self, project: str) -> None:
        """Record that the project was served last. Does not wait for another claim that does so at the same moment."""
        projects = tables.projects.c
        row = select(projects.name).where(projects.name == project)
        row = row.with_for_update(key_share=True, skip_locked=True)
        await self._connection.execute(update(tables.projects).where(projects.name.in_(row)).values(served_time=_NOW))

    async def _count_expired(self, projects: Iterable[str]) -> None:
        counts: dict[str, int] = {}
        for project in projects:
            counts[project] = counts.get(project, 0) + 1
        for project, count in sorted(counts.items()):
            query = update(tables.projects).where(tables.projects.c.name == project)
            await self._connection.execute(query.values(expired_shards=tables.projects.c.expired_shards + count))

    async def _move_passes(self, audit: str, passes: int, *, planned: int = 0) -> None:
        """Count passes for good with the audit, also one that has ended: they were spent. Locks its row.

        `planned` were planned for them. Those of an attempt that was given up were not: they are spent once more.
        """
        if not audit:
            return
        values = {
            "passes_done": _AUDITS.passes_done + passes,
            "passes_planned": func.greatest(_AUDITS.passes_planned + passes - planned, _AUDITS.passes_done + passes),
        }
        await self._connection.execute(update(tables.audits).where(_AUDITS.name == audit).values(values))


def _in(seconds: float) -> ColumnElement[Any]:
    return _NOW + timedelta(seconds=seconds)


def _held_by(shard: Shard) -> tuple[ColumnElement[bool], ...]:
    return _SHARDS.id == shard.id, _SHARDS.attempt == shard.attempt, _SHARDS.lease_until.is_not(None)


def _running(audit: "str | ColumnElement[str]") -> tuple[ColumnElement[bool], ...]:
    return _AUDITS.name == audit, _AUDITS.state.in_(["QUEUED", "RUNNING"])


def _open_swap(swap: "str | ColumnElement[str]") -> ColumnElement[bool]:
    swaps = tables.spot_swaps.c
    return exists().where(swaps.name == swap, swaps.state == SwapState.QUEUED.value)


def _is_in(stage: "str | ColumnElement[str]") -> ColumnElement[bool]:
    """Whether an audit is in the stage of a shard, or in none yet. One that left a stage wants no more of it."""
    return _AUDITS.stage.is_(None) | (_AUDITS.stage == stage)


def _waits() -> tuple[ColumnElement[bool], ...]:
    return _SHARDS.lease_until.is_(None), _SHARDS.not_before <= _NOW


def _claimable_summary(audit: str) -> Select[tuple[int]]:
    summary = _SHARDS.audit == audit, _SHARDS.stage == Stage.SUMMARISE.value
    return (
        select(_SHARDS.id)
        .where(*summary, *_waits(), exists().where(*_running(audit)))
        .limit(1)
        .with_for_update(skip_locked=True)
    )


def _oldest_swap(project: str, left: LeftToOthers) -> Select[tuple[int]]:
    """A query of its own, by the few swaps that are open: an order by stage would sort all that the project queues.

    An array of their names, and no join: without statistics of the swaps a join would read all shards.
    """
    swaps = tables.spot_swaps.c
    names = select(swaps.name).where(swaps.project == project, swaps.state == SwapState.QUEUED.value)
    return (
        select(_SHARDS.id)
        .where(
            _SHARDS.audit == any_(func.array(names.scalar_subquery())),
            _SHARDS.stage == Stage.SWAP.value,
            *_waits(),
            *not_left(left),
        )
        .order_by(_SHARDS.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )


def _oldest_claimable(project: str, left: LeftToOthers) -> Select[tuple[int]]:
    oldest = select(_SHARDS.id).where(*_claimable(project, left)).order_by(_SHARDS.id).limit(1)
    return oldest.with_for_update(skip_locked=True)


def _claimable(project: str, left: LeftToOthers) -> tuple[ColumnElement[bool], ...]:
    versions = tables.model_versions.c
    ready = exists().where(versions.name == _SHARDS.model_version, versions.state == VersionState.READY.value)
    return (
        _SHARDS.project == project,
        *_waits(),
        (_SHARDS.audit == "") | exists().where(*_running(_SHARDS.audit), _is_in(_SHARDS.stage)),
        _SHARDS.stage.not_in(_NEEDS_READY) | ready,
        *not_left(left),
    )


def _sweep() -> Any:
    """Delete queued shards whose audit or swap has ended or is gone."""
    unwanted = select(_SHARDS.id).where(
        _SHARDS.lease_until.is_(None),
        _SHARDS.audit != "",
        ~exists().where(*_running(_SHARDS.audit)),
        ~_open_swap(_SHARDS.audit),
    )
    return delete(tables.shards).where(_SHARDS.id.in_(unwanted.with_for_update(skip_locked=True)))
