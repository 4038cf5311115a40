"""What the metrics ask of the database beside the queue's own facts. Only reads, and locks nothing.

Everything is over all projects: metrics are the operator's.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Label, Select, Subquery, case, exists, func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.audits import AuditState
from modicum_server.domain.erasures import ErasureState
from modicum_server.domain.gauges import NewestAudits, ProjectUse, VersionAudit, VersionVerdict
from modicum_server.domain.verdicts import VerdictOutcome
from modicum_server.store import tables
from modicum_server.store.newest_rows import newest_ids, version_itself, versions_in

#: Reasons of failed audits that are told apart, the most frequent ones: some come from models' processes.
MOST_REASONS = 20
OTHER_REASONS = "OTHER"

_AUDITS = tables.audits.c
_SHARDS = tables.shards.c
_VERDICTS = tables.verdicts.c
_NOW = func.clock_timestamp()


class PostgresGauges:
    """`ports.Gauges`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def facts(self) -> Mapping[str, float]:
        """Return the facts by name: counts, bytes, and Unix times. What never happened is left out."""
        overdue = select(func.count()).select_from(tables.shards).where(_SHARDS.lease_until < _NOW)
        claimed = func.extract("epoch", func.max(tables.projects.c.served_time))
        query = select(
            overdue.scalar_subquery().label("leases_overdue"),
            _stalled().scalar_subquery().label("audits_stalled"),
            select(claimed).scalar_subquery().label("last_claim"),
            func.pg_database_size(func.current_database()).label("database_bytes"),
            *_erasures(),
            *_collections(),
            *_most_of_principals(),
        )
        row = (await self._connection.execute(query)).mappings().one()
        return {name: float(value) for name, value in row.items() if value is not None}

    async def failed_audits(self, *, most_reasons: int = MOST_REASONS) -> Mapping[str, int]:
        """FAILED audits that are stored, by reason; rare reasons beyond `most_reasons` together as OTHER."""
        query = select(_AUDITS.failure_reason, func.count()).where(_AUDITS.state == AuditState.FAILED.value)
        query = query.group_by(_AUDITS.failure_reason).order_by(func.count().desc(), _AUDITS.failure_reason)
        rows = [(reason or OTHER_REASONS, count) for reason, count in await self._connection.execute(query)]
        counts = dict(rows[:most_reasons])
        if rest := sum(count for _, count in rows[most_reasons:]):
            counts[OTHER_REASONS] = counts.get(OTHER_REASONS, 0) + rest
        return counts

    async def project_use(self, *, limit: int) -> list[ProjectUse]:
        """What projects use of what is limited, of the `limit` projects that store most."""
        projects, totals = tables.projects.c, tables.project_totals.c
        unended, uploaded = _unended(), _uploaded()
        stored, of = func.coalesce(totals.artifact_bytes, 0), unended.c
        facts = (stored, of.queued, of.passes, uploaded.c.most, of.most_queued, of.most_passes)
        query = (
            select(projects.name, *(func.coalesce(fact, 0) for fact in facts))
            .outerjoin(tables.project_totals, totals.project == projects.name)
            .outerjoin(unended, of.project == projects.name)
            .outerjoin(uploaded, uploaded.c.project == projects.name)
            .order_by(stored.desc(), projects.name)
            .limit(limit)
        )
        return [ProjectUse(name, *map(int, used)) for name, *used in await self._connection.execute(query)]

    async def newest_audits(self, *, limit: int) -> NewestAudits:
        """The newest SUCCEEDED audit of each registered version, of the `limit` versions audited last."""
        newest = _newest()
        query = select(newest, func.count().over().label("versions"))
        query = query.order_by(newest.c.end_time.desc(), newest.c.version).limit(limit)
        rows = (await self._connection.execute(query)).all()
        audits = [VersionAudit(row.version, row.audit, row.dataset, row.result_digest, row.end_time) for row in rows]
        return NewestAudits(audits, left_out=rows[0].versions - len(rows) if rows else 0)

    async def newest_verdicts(self, versions: Sequence[str]) -> Mapping[str, VersionVerdict]:
        """The newest verdict of each of these versions, by version. A version without a verdict has no entry."""
        named = _VERDICTS.model_versions.overlap(list(versions))
        newest = newest_ids(tables.verdicts, version_itself, versions, named)
        columns = (newest.c.of, _VERDICTS.name, _VERDICTS.audit, _VERDICTS.outcome, _VERDICTS.create_time)
        query = select(*columns).join(newest, newest.c.id == _VERDICTS.id)
        found = [
            VersionVerdict(row.of, row.name, row.audit, VerdictOutcome(row.outcome), row.create_time)
            for row in await self._connection.execute(query)
        ]
        return {verdict.model_version: verdict for verdict in found}


def _unended() -> Subquery:
    """Of each project what audits that have not ended take: together, and those of whoever has most of each."""
    left = func.greatest(_AUDITS.passes_planned - _AUDITS.passes_done, 0)
    queued = func.count().filter(_AUDITS.state == AuditState.QUEUED.value)
    each = (
        select(_AUDITS.project, queued.label("queued"), func.sum(left).label("passes"))
        .where(_AUDITS.state.in_([AuditState.QUEUED.value, AuditState.RUNNING.value]))
        .group_by(_AUDITS.project, _AUDITS.principal)
        .subquery()
        .c
    )
    together = [func.sum(column).label(column.name) for column in (each.queued, each.passes)]
    most = [func.max(column).label(f"most_{column.name}") for column in (each.queued, each.passes)]
    return select(each.project, *together, *most).group_by(each.project).subquery()


def _uploaded() -> Subquery:
    """Of each project the bytes of the principal who uploaded most of what it stores."""
    totals = tables.principal_totals.c
    most = func.max(totals.artifact_bytes).label("most")
    return select(totals.project, most).group_by(totals.project).subquery()


def _most_of_principals() -> list[Label[Any]]:
    """What the principal who has most of each has in all projects together."""
    totals = tables.principal_totals.c
    stored = select(func.sum(totals.artifact_bytes).label("most")).group_by(totals.principal).subquery()
    # in the words of the index of unended audits, so that it is used
    unended = _AUDITS.state.in_([AuditState.QUEUED.value, AuditState.RUNNING.value])
    queued = select(func.count().filter(_AUDITS.state == AuditState.QUEUED.value).label("most"))
    each = {"stored_bytes": stored, "queued_audits": queued.where(unended).group_by(_AUDITS.principal).subquery()}
    most = {name: select(func.coalesce(func.max(rows.c.most), 0)) for name, rows in each.items()}
    return [query.scalar_subquery().label(f"principal_{name}") for name, query in most.items()]


def _erasures() -> list[Label[Any]]:
    """How many erasures are not done, and for how long the oldest of them."""
    rows = tables.erasures.c
    age = func.coalesce(func.extract("epoch", _NOW - func.min(rows.create_time)), 0)
    running = [select(fact).where(rows.state == ErasureState.RUNNING.value) for fact in (func.count(rows.name), age)]
    names = ("erasures_running", "erasure_age_seconds")
    return [query.scalar_subquery().label(name) for query, name in zip(running, names, strict=True)]


def _collections() -> list[Label[Any]]:
    """What collections deleted in all, and what the newest one left because it only looked."""
    rows = tables.collections.c
    deleted = select(func.coalesce(func.sum(rows.artifact_bytes), 0)).where(~rows.dry_run)
    left = select(case((rows.dry_run, rows.artifact_bytes), else_=0)).order_by(rows.id.desc()).limit(1)
    return [
        deleted.scalar_subquery().label("collected_bytes_total"),
        left.scalar_subquery().label("collectable_bytes"),
    ]


def _newest() -> Subquery:
    """One row a registered version that has a SUCCEEDED audit: the newest one."""
    versions = tables.model_versions.c
    # Audits are taken apart into their versions, so that the join is by name: half a second for 50,000 audits.
    named = versions_in(tables.audits)
    newest_first = func.row_number().over(
        partition_by=versions.name, order_by=(_AUDITS.end_time.desc(), _AUDITS.id.desc())
    )
    audited = (
        select(
            versions.name.label("version"),
            _AUDITS.name.label("audit"),
            _AUDITS.dataset,
            _AUDITS.result_digest,
            _AUDITS.end_time,
            newest_first.label("place"),
        )
        .select_from(tables.audits.join(named, true()))
        .join(tables.model_versions, versions.name == named.c.version)
        .where(_AUDITS.state == AuditState.SUCCEEDED.value, _AUDITS.result_digest != "")
        .subquery()
    )
    return select(audited).where(audited.c.place == 1).subquery()


def _stalled() -> "Select[int]":
    """RUNNING audits of which no worker holds a shard."""
    held = exists().where(_SHARDS.audit == _AUDITS.name, _SHARDS.lease_until >= _NOW)
    return select(func.count()).select_from(tables.audits).where(_AUDITS.state == AuditState.RUNNING.value, ~held)
