"""Audits. Every change of one raises its sequence and is told at commit; one that has ended changes no more.

Locks are taken in one order everywhere: shards, then projects, then audits (several in the order of their names).
Who holds an audit's row therefore never waits for a shard's.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, Integer, Select, Text, all_, any_, delete, func, insert, literal, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.audits import Audit, AuditFailure, AuditOutcome, AuditState, ItemCounts, Stage, Unended
from modicum_server.domain.batches import batches
from modicum_server.domain.datasets import DatasetItem
from modicum_server.domain.models import VersionState
from modicum_server.domain.stopping import STOPPED, StopReason
from modicum_server.errors import DatasetNotFound, ModelVersionNotFound
from modicum_server.ports import AuditFilter, Keyed
from modicum_server.store import tables
from modicum_server.store.audit_rows import AUDIT, audit_columns, audit_of, outcome_column
from modicum_server.store.changes import notify_audit_changed
from modicum_server.store.datasets import item_of
from modicum_server.store.projects import advisory_key
from modicum_server.store.row_arrays import PLACE, new_rows

_AUDITS = tables.audits.c
ITEMS_AT_ONCE = 5_000
"""Items that one statement inserts. Making it from more would keep the loop from other calls."""
ENDED = [state.value for state in AuditState if state.terminal]


class PostgresAudits:
    """`ports.Audits`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, name: str) -> Audit | None:
        """Get an audit."""
        return await self._one(AUDIT.where(_AUDITS.name == name))

    async def lock(self, name: str) -> Audit | None:
        """Get it and hold its row until the transaction ends."""
        # The row first, by itself: only then does the reading that follows see what the holder before us wrote.
        await self._connection.execute(select(_AUDITS.id).filter_by(name=name).with_for_update(key_share=True))
        return await self.get(name)

    async def page(self, project: str, criteria: AuditFilter, *, after: str, limit: int) -> list[Keyed[Audit]]:
        """List the audits of a project, newest first."""
        query = AUDIT.where(_AUDITS.project == project).order_by(_AUDITS.id.desc()).limit(limit)
        if after:
            query = query.where(_AUDITS.id < int(after))
        if criteria.state is not None:
            query = query.where(_AUDITS.state == criteria.state.value)
        if criteria.dataset:
            query = query.where(_AUDITS.dataset == criteria.dataset)
        if criteria.model_version:
            query = query.where(_AUDITS.model_versions.contains([criteria.model_version]))
        return [(str(row.id), audit_of(row)) for row in await self._connection.execute(query)]

    async def create(self, audit: Audit, item_indices: Sequence[int]) -> Audit | None:
        """Store it with the data set's indices of its items in order; None when there is one of that name.

        Raises:
            ModelVersionNotFound, DatasetNotFound: Deleted in the same moment.
        """
        await self._hold_referents(audit)
        row = postgresql.insert(tables.audits).values(audit_columns(audit)).on_conflict_do_nothing()
        audit_id = await self._connection.scalar(row.returning(_AUDITS.id))
        if audit_id is None:
            return None
        for some in batches(enumerate(item_indices), ITEMS_AT_ONCE):
            await self._connection.execute(_items_insert(audit_id, some))
        await notify_audit_changed(self._connection, audit.name)
        return await self.get(audit.name)

    async def reusable(self, project: str, reuse_key: str) -> Audit | None:
        """The newest audit of that key that SUCCEEDED with a whole result of its own; it is not deleted meanwhile.

        A result is whole if no caller stopped the audit, no picture was erased from it, retention deleted nothing of
        it, and no row of its spot tests has a reason in place of what was tested.
        """
        failed, failed_again = (
            select(rows.audit_id).where(rows.audit_id == _AUDITS.id, rows.row["reason"].astext.is_not(None))
            for rows in (tables.spots.c, tables.spot_retests.c)
        )
        query = AUDIT.where(
            _AUDITS.project == project,
            _AUDITS.answer_key == reuse_key,
            _AUDITS.state == "SUCCEEDED",
            _AUDITS.reused_from == "",
            _AUDITS.erased == 0,
            _AUDITS.findings_delete_time.is_(None),
            _AUDITS.report_delete_time.is_(None),
            _AUDITS.parameters[STOPPED]["reason"].astext.is_distinct_from(StopReason.ASKED.value),
            ~failed.exists(),
            ~failed_again.exists(),
        )
        # FOR SHARE and not FOR KEY SHARE: a deletion locks the row before it looks who refers to it.
        held = query.order_by(_AUDITS.id.desc()).limit(1).with_for_update(read=True, of=tables.audits)
        return await self._one(held)

    async def newest_device(self) -> str | None:
        """The device that workers chose last, in an audit that left the choice to them."""
        device = _AUDITS.parameters["device"].astext
        query = select(device).where(_AUDITS.specification["device"].astext == "auto", device.is_not(None))
        return await self._connection.scalar(query.order_by(_AUDITS.id.desc()).limit(1))

    async def queue_in_turn(self, whose: str, *, alone: bool = True) -> None:
        """Wait for the transactions of this project or principal that did so before; those that come wait for this one.

        Two that need not be alone do not wait for each other.
        """
        lock = func.pg_advisory_xact_lock if alone else func.pg_advisory_xact_lock_shared
        await self._connection.execute(select(lock(advisory_key("queue", whose))))

    async def unended(self, project: str, principal: str) -> Unended:
        """What the audits that have not ended take, in all and those that the principal created."""
        queued, left = _AUDITS.state == "QUEUED", func.greatest(_AUDITS.passes_planned - _AUDITS.passes_done, 0)
        own = _AUDITS.principal == principal
        query = select(
            func.count().filter(queued),
            func.count().filter(queued, own),
            func.coalesce(func.sum(left), 0),
            func.coalesce(func.sum(left).filter(own), 0),
        )
        # in the words of the index of unended audits, so that it is used
        rows = query.where(_AUDITS.project == project, _AUDITS.state.in_(["QUEUED", "RUNNING"]))
        return Unended(*map(int, (await self._connection.execute(rows)).one()))

    async def queued_by(self, principal: str, projects: Collection[str]) -> int:
        """How many audits that the principal created in these projects are queued."""
        theirs = _AUDITS.project == any_(literal(sorted(projects), ARRAY(Text))), _AUDITS.principal == principal
        # the second condition on the state is in the words of the index of unended audits, so that it is used
        queued = _AUDITS.state == "QUEUED", _AUDITS.state.in_(["QUEUED", "RUNNING"])
        return await self._connection.scalar(select(func.count(_AUDITS.id)).where(*theirs, *queued)) or 0

    async def count_by_state(self) -> Mapping[AuditState, int]:
        """How many audits of all projects stand where; every state has its count."""
        query = select(_AUDITS.state, func.count()).group_by(_AUDITS.state)
        counts = {AuditState(state): count for state, count in await self._connection.execute(query)}
        return {state: counts.get(state, 0) for state in AuditState}

    async def items(self, name: str, positions: Sequence[int]) -> list[tuple[int, DatasetItem]]:
        """(position, item) of the audit's items at these positions, in order."""
        position = tables.audit_items.c.position
        query = _items_of(name, position, tables.dataset_items).order_by(position)
        query = query.where(position == any_(literal(list(positions), ARRAY(Integer))))
        return [(row.position, item_of(row)) for row in await self._connection.execute(query)]

    async def item_counts(self, name: str, *, without: Collection[str]) -> ItemCounts:
        """How many of the audit's items have a label, boxes, a mask; pictures `without` do not count."""
        items = tables.dataset_items.c
        given = (items.label, items.boxes_digest, items.mask_digest)
        query = _items_of(name, *(func.count().filter(column != "") for column in given))
        if without:
            query = query.where(items.image_digest != all_(literal(sorted(without), ARRAY(Text))))
        return ItemCounts(*(await self._connection.execute(query)).one())

    async def start(self, name: str, stage: Stage) -> None:
        """RUNNING in `stage`; `start_time` is set the first time; no effect on a terminal one."""
        news = (_AUDITS.state == "QUEUED") | _AUDITS.stage.is_distinct_from(stage.value)
        values = {"state": "RUNNING", "stage": stage.value, "start_time": func.coalesce(_AUDITS.start_time, func.now())}
        await self._change(name, news, **values)

    async def add_progress(self, name: str, *, passes_done: int) -> None:
        """Tell of progress; `passes_done` counts where it is more than the running shards have told by themselves.

        What the findings say (images, their failures, their mean) was counted when they were added.
        """
        await self._change(name, passes_told=func.greatest(_AUDITS.passes_told, passes_done))

    async def plan_rest(self, name: str, passes: int) -> None:
        """Plan these passes beside those that were spent, in place of what was planned before."""
        query = update(tables.audits).where(_AUDITS.name == name)
        await self._connection.execute(query.values(passes_planned=_AUDITS.passes_done + passes))

    async def succeed(
        self, name: str, *, result_digest: str, artifacts: Sequence[str], outcome: AuditOutcome | None = None
    ) -> None:
        """SUCCEEDED, referring to these artifact digests too; no effect on a terminal one. `outcome` is for lists."""
        await self._end(
            name,
            AuditState.SUCCEEDED,
            result_digest=result_digest,
            artifact_digests=sorted({*artifacts, result_digest}),
            outcome=outcome_column(outcome),
        )

    async def fail(self, name: str, failure: AuditFailure) -> None:
        """FAILED unless it has ended; its unclaimed shards are deleted, held ones see CANCELLED at renewal."""
        await self._end(name, AuditState.FAILED, failure_reason=failure.reason, failure_detail=failure.detail)

    async def with_rejected_versions(self, *, limit: int) -> list[tuple[str, str]]:
        """(audit, version) of audits that have not ended and name a REJECTED version, one pair an audit."""
        versions = tables.model_versions.c
        query = (
            select(_AUDITS.name, func.min(versions.name))
            .join(tables.model_versions, versions.name == any_(_AUDITS.model_versions))
            .where(_AUDITS.state.in_(["QUEUED", "RUNNING"]), versions.state == VersionState.REJECTED.value)
            .group_by(_AUDITS.name)
            .order_by(_AUDITS.name)
            .limit(limit)
        )
        return [(audit, version) for audit, version in await self._connection.execute(query)]

    async def note_parameters(self, name: str, parameters: Mapping[str, object]) -> None:
        """Merge what influenced the result (JSON values; a later value of a key replaces an earlier one)."""
        merged = _AUDITS.parameters.concat(literal(dict(parameters), JSONB))
        await self._connection.execute(update(tables.audits).filter_by(name=name).values(parameters=merged))

    async def parameters(self, name: str) -> Mapping[str, object]:
        """What was noted; empty when nothing was."""
        return await self._connection.scalar(select(_AUDITS.parameters).filter_by(name=name)) or {}

    async def cancel(self, name: str) -> Audit | None:
        """Set an audit that has not ended to CANCELLED. Unclaimed shards are deleted; held ones learn it at renewal."""
        await self._end(name, AuditState.CANCELLED)
        return await self.get(name)

    async def delete(self, name: str) -> None:
        """Delete it with its items and findings; its shards too, those that are held when they expire."""
        await self._drop_queued_shards(name)
        await self._connection.execute(delete(tables.audits).filter_by(name=name))
        await notify_audit_changed(self._connection, name)

    async def _one(self, query: Select[Any]) -> Audit | None:
        row = (await self._connection.execute(query)).one_or_none()
        return audit_of(row) if row else None

    async def _hold_referents(self, audit: Audit) -> None:
        """See that what it refers to is there, and stays."""
        versions, datasets = tables.model_versions.c, tables.datasets.c
        wanted = audit.specification.model_versions
        there = select(versions.name).where(versions.name.in_(wanted)).with_for_update(key_share=True, read=True)
        missing = set(wanted) - set((await self._connection.scalars(there)).all())
        if missing:
            raise ModelVersionNotFound(f"{min(missing)}: there is no model version with this name", name=min(missing))
        named = {*audit.specification.datasets}
        there = select(datasets.name).where(datasets.name.in_(named)).with_for_update(key_share=True, read=True)
        gone = named - set((await self._connection.scalars(there)).all())
        if gone:
            raise DatasetNotFound(f"{min(gone)}: there is no data set with this name", name=min(gone))

    async def _end(self, name: str, state: AuditState, **values: Any) -> None:
        if await self._change(name, state=state.value, stage=None, end_time=func.clock_timestamp(), **values):
            await self._drop_queued_shards(name)

    async def _change(self, name: str, *criteria: Any, **values: Any) -> bool:
        """Change one that has not ended; whether there was one to change."""
        query = update(tables.audits).where(_AUDITS.name == name, _AUDITS.state.not_in(ENDED), *criteria)
        result = await self._connection.execute(query.values(sequence=_AUDITS.sequence + 1, **values))
        if result.rowcount == 0:
            return False
        await notify_audit_changed(self._connection, name)
        return True

    async def _drop_queued_shards(self, name: str) -> None:
        """Delete its shards that nobody holds or is about to hold."""
        shards = tables.shards.c
        queued = select(shards.id).where(shards.audit == name, shards.lease_until.is_(None))
        await self._connection.execute(
            delete(tables.shards).where(shards.id.in_(queued.with_for_update(skip_locked=True)))
        )


def _items_insert(audit_id: int, items: Sequence[tuple[int, int]]) -> Any:
    """One statement for any number of items, each with its position in the audit and its index in the data set."""
    positions, indices = zip(*items, strict=True)
    rows = new_rows(tables.audit_items, {"item_index": indices})
    query = select(literal(audit_id), rows.c[PLACE] - 1 + positions[0], rows.c.item_index)
    return insert(tables.audit_items).from_select(["audit_id", "position", "item_index"], query)


def _items_of(name: str, *columns: Any) -> Select[Any]:
    """A query of the items of an audit, with their places in it."""
    places, items, dataset = tables.audit_items.c, tables.dataset_items.c, tables.datasets.c
    dataset_id = select(dataset.id).join(tables.audits, _AUDITS.dataset == dataset.name).where(_AUDITS.name == name)
    return (
        select(*columns)
        .join_from(tables.audit_items, tables.dataset_items, items.item_index == places.item_index)
        .where(
            items.dataset_id == dataset_id.scalar_subquery(),
            places.audit_id == select(_AUDITS.id).where(_AUDITS.name == name).scalar_subquery(),
        )
    )
