"""Retention: what is past its time, and letting it go.

An audit that reuses a result has no findings and no result of its own, so all audits with one result go together.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    CompoundSelect,
    Select,
    Table,
    and_,
    delete,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
    union,
    update,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.erasures import ErasureState
from modicum_server.domain.retention import Kept, Past, Retention
from modicum_server.domain.spot_swaps import SwapState
from modicum_server.store import tables
from modicum_server.store.audits import ENDED
from modicum_server.store.changes import notify_audit_changed
from modicum_server.store.collections import UNREFERRED
from modicum_server.store.erased_rows import SECOND_DATASETS
from modicum_server.store.verdicts import let_verdicts_go

_PROJECTS = tables.projects.c
_AUDITS = tables.audits.c
_DATASETS = tables.datasets.c
_ITEMS = tables.dataset_items.c
_ARTIFACTS = tables.artifacts.c
_SWAPS = tables.spot_swaps.c
_DAYS = {field.name: _PROJECTS[field.name] for field in fields(Retention)}
_DELETED: Mapping[Kept, Column[Any]] = {
    Kept.FINDINGS: _AUDITS.findings_delete_time,
    Kept.REPORTS: _AUDITS.report_delete_time,
    Kept.IMAGES: _DATASETS.images_delete_time,
}
ROWS_OF_FINDINGS = (tables.findings, tables.predictions, tables.spots, tables.spot_retests)
NEVER = text("'infinity'::timestamptz")
LONG_AGO = text("'epoch'::timestamptz")
"""The time of use of a file that needs no grace time any more."""


class PostgresRetentions:
    """`ports.Retentions`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, project: str) -> Retention:
        """That of a project."""
        row = (await self._connection.execute(select(*_DAYS.values()).where(_PROJECTS.name == project))).one_or_none()
        return Retention() if row is None else Retention(*row)

    async def set(self, project: str, retention: Retention) -> None:
        """Set that of a project."""
        await self._connection.execute(
            update(tables.projects).where(_PROJECTS.name == project).values(asdict(retention))
        )

    async def limited(self) -> list[tuple[str, Retention]]:
        """Projects that do not keep everything, by name."""
        query = select(_PROJECTS.name, *_DAYS.values()).where(or_(*(column > 0 for column in _DAYS.values())))
        rows = await self._connection.execute(query.order_by(_PROJECTS.name))
        return [(name, Retention(*days)) for name, *days in rows]

    async def past(self, project: str, kind: Kept, *, days: int, after: str, limit: int) -> list[str]:
        """Names, behind `after`, of audits or data sets that are past their time."""
        query = _past(project, kind, days).order_by(text("name")).limit(limit)
        query = query.where(query.selected_columns.name > after)
        return list((await self._connection.scalars(query)).all())

    async def is_past(self, project: str, kind: Kept, name: str, *, days: int) -> bool:
        """Lock it, and return whether it is past its time."""
        table = tables.datasets if kind is Kept.IMAGES else tables.audits
        # The row first, by itself: only then does the question that follows see what the holder before us wrote.
        await self._connection.execute(select(table.c.id).where(table.c.name == name).with_for_update())
        query = _past(project, kind, days, only=name)
        return await self._connection.scalar(query.where(query.selected_columns.name == name)) is not None

    async def let_go(self, project: str, kind: Kept, name: str, *, days: int) -> Past:
        """Note that it is deleted now."""
        if kind is Kept.IMAGES:
            return await self._let_images_go(project, name, days)
        group = or_(_AUDITS.name == name, _AUDITS.reused_from == name)
        query = select(_AUDITS.name, _AUDITS.result_digest, _AUDITS.artifact_digests).where(group)
        rows = (await self._connection.execute(query.order_by(_AUDITS.name).with_for_update())).all()
        results = {row.result_digest for row in rows} - {""}
        files = {digest for row in rows for digest in row.artifact_digests} | results
        values: dict[str, Any] = {"artifact_digests": sorted(results)}
        if kind is Kept.REPORTS:
            results = set()
            values = {"artifact_digests": [], "result_digest": "", "outcome": None}
            await let_verdicts_go(self._connection, files)
        values |= {"sequence": _AUDITS.sequence + 1, _DELETED[kind].name: func.now()}
        await self._connection.execute(update(tables.audits).where(group).values(values))
        for row in rows:
            await notify_audit_changed(self._connection, row.name)
        return Past(kind, name, *await self._need_no_grace(project, _ARTIFACTS.digest.in_(files - results)))

    async def _let_images_go(self, project: str, name: str, days: int) -> Past:
        dataset = update(tables.datasets).where(_DATASETS.name == name)
        await self._connection.execute(dataset.values(images_delete_time=func.now()))
        composed = await self._delete_swaps(name)
        own = select(_DATASETS.id).where(_DATASETS.name == name).scalar_subquery()
        held = [select(column).where(_ITEMS.dataset_id == own, column != "") for column in _files_of_items()]
        forgotten = and_(
            or_(_ARTIFACTS.digest.in_(union(*held)), _ARTIFACTS.digest.in_(composed)),
            _older(_ARTIFACTS.used_time, days),
        )
        return Past(Kept.IMAGES, name, *await self._need_no_grace(project, forgotten))

    async def _delete_swaps(self, dataset: str) -> Collection[str]:
        """Delete the swaps of a spot between its pictures; return the digests of the pictures that they composed.

        A swap is between pictures of the data set that its audit is of, never of a second one.
        """
        audits = select(_AUDITS.name).where(_AUDITS.dataset == dataset)
        gone = delete(tables.spot_swaps).where(_SWAPS.plan["audit"].astext.in_(audits))
        plans = await self._connection.scalars(gone.returning(_SWAPS.plan))
        return {digest for plan in plans for digest in plan["pictures"]}

    async def _need_no_grace(self, project: str, chosen: ColumnElement[bool]) -> tuple[int, int]:
        """Let a collection delete those of these files to which nothing refers; return how many, and their bytes."""
        unreferred = select(_ARTIFACTS.digest).where(_ARTIFACTS.project == project, chosen, *UNREFERRED)
        turn = unreferred.order_by(_ARTIFACTS.digest).with_for_update()
        noted = update(tables.artifacts).where(_ARTIFACTS.project == project, _ARTIFACTS.digest.in_(turn))
        noted_sizes = noted.values(used_time=LONG_AGO).returning(_ARTIFACTS.size_bytes)
        sizes = (await self._connection.scalars(noted_sizes)).all()
        return len(sizes), sum(sizes)

    async def findings_left(self, *, limit: int) -> list[str]:
        """Names of at most so many audits whose findings were let go and that have rows of them."""
        some = or_(*(_has_rows(table) for table in ROWS_OF_FINDINGS))
        query = select(_AUDITS.name).where(_AUDITS.findings_delete_time.is_not(None), _AUDITS.reused_from == "", some)
        return list((await self._connection.scalars(query.limit(limit))).all())

    async def delete_findings(self, audit: str, *, limit: int) -> int:
        """Delete at most so many rows of each kind of an audit; return how many."""
        own = select(_AUDITS.id).where(_AUDITS.name == audit).scalar_subquery()
        gone = 0
        for table in ROWS_OF_FINDINGS:
            key = list(table.primary_key.columns)
            some = select(*key).where(table.c.audit_id == own).limit(limit)
            gone += (await self._connection.execute(delete(table).where(tuple_(*key).in_(some)))).rowcount
        return gone


def _past(project: str, kind: Kept, days: int, *, only: str = "") -> Select[str]:
    """What is past its time. `only` this one is asked about: no other is looked at."""
    running = exists().where(
        tables.erasures.c.project == project, tables.erasures.c.state == ErasureState.RUNNING.value
    )
    query = _past_datasets(project, days, only) if kind is Kept.IMAGES else _past_audits(project, kind, days, only)
    return query.where(_DELETED[kind].is_(None), ~running)


def _past_audits(project: str, kind: Kept, days: int, only: str) -> Select[str]:
    """Audits that made their result themselves, or have none."""
    made_by = func.coalesce(func.nullif(_AUDITS.reused_from, ""), _AUDITS.name)
    newest = func.max(func.coalesce(_AUDITS.end_time, NEVER))
    groups = select(made_by).where(_AUDITS.project == project).group_by(made_by)
    if only:
        groups = groups.where(or_(_AUDITS.name == only, _AUDITS.reused_from == only))
    old = groups.having(_older(newest, days), ~func.bool_or(_AUDITS.name.in_(_kept_audits(project))))
    something = [_AUDITS.result_digest != ""]
    if kind is Kept.FINDINGS:
        something += [_has_rows(table) for table in ROWS_OF_FINDINGS]
    return select(_AUDITS.name).where(
        _AUDITS.project == project,
        _AUDITS.reused_from == "",
        _AUDITS.state.in_(ENDED),
        _AUDITS.name.in_(old),
        or_(*something),
    )


def _has_rows(table: Table) -> ColumnElement[bool]:
    # Not EXISTS: among alternatives, PostgreSQL may answer that by reading the whole table.
    return select(table.c.audit_id).where(table.c.audit_id == _AUDITS.id).limit(1).scalar_subquery().is_not(None)


def _past_datasets(project: str, days: int, only: str) -> Select[str]:
    used = _uses(project).subquery().c
    newest = func.max(func.coalesce(used.end_time, NEVER)).label("newest")
    kept = func.bool_or(used.audit.in_(_kept_audits(project))).label("kept")
    groups = select(used.dataset, newest, kept).group_by(used.dataset)
    if only:
        groups = groups.where(used.dataset == only)
    uses = groups.subquery()
    holds = tables.holds.c
    return (
        select(_DATASETS.name)
        .outerjoin(uses, uses.c.dataset == _DATASETS.name)
        .where(
            _DATASETS.project == project,
            _older(func.greatest(_DATASETS.create_time, uses.c.newest), days),
            func.coalesce(uses.c.kept, false()).is_(False),
            _DATASETS.name.not_in(select(holds.held).where(holds.project == project)),
        )
    )


def _uses(project: str) -> Select[Any]:
    """(audit, dataset, end_time) of every audit of the project and each of its data sets."""
    others = [func.coalesce(_AUDITS.specification[field].astext, "") for field in SECOND_DATASETS]
    datasets = func.unnest(array([_AUDITS.dataset, *others])).label("dataset")
    return select(_AUDITS.name.label("audit"), datasets, _AUDITS.end_time).where(_AUDITS.project == project)


def _kept_audits(project: str) -> CompoundSelect[Any]:
    """Names of audits that are held, or that a held verdict is about, and of those that somebody looks at now."""
    holds, verdicts, reviews, reviewers = (
        tables.holds.c,
        tables.verdicts.c,
        tables.reviews.c,
        tables.reviewers.c,
    )
    judged = [
        select(column).join(tables.holds, holds.held == verdicts.name).where(holds.project == project)
        for column in (verdicts.audit, verdicts.baseline)
    ]
    reviewed = select(reviews.audit).join(tables.reviewers, reviewers.review_id == reviews.id)
    swapped = select(_SWAPS.plan["audit"].astext).where(_SWAPS.project == project)
    return union(
        select(holds.held).where(holds.project == project),
        *judged,
        reviewed.where(reviewers.expire_time > func.now()),
        swapped.where(_SWAPS.state == SwapState.QUEUED.value),
    )


def _files_of_items() -> tuple[ColumnElement[str], ...]:
    return (_ITEMS.image_digest, _ITEMS.boxes_digest, _ITEMS.mask_digest)


def _older(column: ColumnElement[Any], days: int) -> ColumnElement[bool]:
    return column < func.now() - func.make_interval(0, 0, 0, literal(days))
