"""What may need a person: each reason is a query over the whole project, and a model counts once."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import CTE, ColumnElement, Select, and_, any_, false, func, or_, select, true, union_all
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.audits import Audit, AuditState
from modicum_server.domain.models import VersionState
from modicum_server.domain.needs import PossibleNeed
from modicum_server.domain.verdicts import VerdictOutcome
from modicum_server.store import tables
from modicum_server.store.audit_rows import AUDIT, audit_of
from modicum_server.store.newest_rows import model_of, newest_of_all, version_itself, versions_in

_Reason = Select[str, datetime, bool]
_AUDITS, _VERDICTS, _VERSIONS = tables.audits.c, tables.verdicts.c, tables.model_versions.c


class PostgresNeeds:
    """`ports.Needs`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def models(
        self, project: str, *, found: Collection[str], looked_through: int, limit: int
    ) -> list[PossibleNeed]:
        """At most `limit` models of a project, the newest first, for any of the reasons."""
        latest, judged = _latest_versions(project), _newest_verdicts(project)
        reasons = union_all(
            _rejected(latest),
            _inconclusive(judged),
            _failing(project, latest, judged),
            _unjudged(project, judged, found, looked_through),
        ).subquery()
        since = func.max(reasons.c.time)
        query = (
            select(reasons.c.of, since.label("time"), func.bool_or(reasons.c.is_certain).label("is_certain"))
            .group_by(reasons.c.of)
            .order_by(since.desc(), reasons.c.of)
            .limit(limit)
        )
        return [PossibleNeed(row.of, row.time, row.is_certain) for row in await self._connection.execute(query)]

    async def failed(self, project: str, *, since: datetime, limit: int) -> list[PossibleNeed]:
        """At most `limit` audits that FAILED after a time, newest first; not those whose models all SUCCEEDED since."""
        own, named = _AUDITS.project == project, versions_in(tables.audits)
        done = newest_of_all(tables.audits, model_of, own, _AUDITS.state == AuditState.SUCCEEDED.value)
        query = (
            select(_AUDITS.name, _AUDITS.end_time)
            .distinct()
            .select_from(tables.audits.join(named, true()).outerjoin(done, done.c.of == model_of(named.c.version)))
            .where(own, _AUDITS.state == AuditState.FAILED.value, _AUDITS.end_time > since)
            .where(or_(done.c.id.is_(None), done.c.id < _AUDITS.id))
            .order_by(_AUDITS.end_time.desc(), _AUDITS.name)
            .limit(limit)
        )
        return [PossibleNeed(row.name, row.end_time, True) for row in await self._connection.execute(query)]

    async def audits(self, names: Sequence[str]) -> list[Audit]:
        """Those of these audits that exist."""
        rows = await self._connection.execute(AUDIT.where(_AUDITS.name.in_(list(names))))
        return [audit_of(row) for row in rows]


def _latest_versions(project: str) -> CTE:
    """The newest version of each model."""
    versions = select(tables.model_versions).ext(distinct_on(_VERSIONS.model)).where(_VERSIONS.project == project)
    return versions.order_by(_VERSIONS.model, _VERSIONS.number.desc()).cte()


def _newest_verdicts(project: str) -> CTE:
    """The newest verdict on each model (`of`). Several reasons ask for it, and the database reads it once."""
    newest = newest_of_all(tables.verdicts, model_of, _VERDICTS.project == project)
    verdicts = tables.verdicts.join(newest, newest.c.id == _VERDICTS.id)
    return (
        select(newest.c.of, _VERDICTS.outcome, _VERDICTS.create_time, _VERDICTS.model_versions)
        .select_from(verdicts)
        .cte()
    )


def _reason(of: ColumnElement[str], time: ColumnElement[datetime], is_certain: ColumnElement[bool]) -> _Reason:
    return select(of.label("of"), time.label("time"), is_certain.label("is_certain"))


def _rejected(latest: CTE) -> _Reason:
    time = func.coalesce(latest.c.check_time, latest.c.create_time)
    return _reason(latest.c.model, time, true()).where(latest.c.state == VersionState.REJECTED.value)


def _inconclusive(judged: CTE) -> _Reason:
    query = _reason(judged.c.of, judged.c.create_time, true())
    return query.where(judged.c.outcome == VerdictOutcome.INCONCLUSIVE.value)


def _failing(project: str, latest: CTE, judged: CTE) -> _Reason:
    """A FAIL that no PASS of the same version followed; the newest verdict is one, too."""
    decided = newest_of_all(
        tables.verdicts,
        version_itself,
        _VERDICTS.project == project,
        _VERDICTS.outcome.in_([VerdictOutcome.FAIL.value, VerdictOutcome.PASS.value]),
    )
    standing = (
        select(model_of(decided.c.of).label("model"), decided.c.of.label("version"), _VERDICTS.create_time)
        .select_from(tables.verdicts.join(decided, decided.c.id == _VERDICTS.id))
        .where(_VERDICTS.outcome == VerdictOutcome.FAIL.value)
        .cte()
        .prefix_with("MATERIALIZED")  # so that the model of each is found once, not once for each model
    )
    beside = standing.join(judged, judged.c.of == standing.c.model).join(latest, latest.c.model == standing.c.model)
    looked_at = or_(latest.c.name == standing.c.version, standing.c.version == any_(judged.c.model_versions))
    return _reason(standing.c.model, standing.c.create_time, true()).select_from(beside).where(looked_at)


def _unjudged(project: str, judged: CTE, found: Collection[str], looked_through: int) -> _Reason:
    """An audit whose result is about one version says by its row what it found, if it is the newest of the model."""
    named = versions_in(tables.audits)
    pairs = (
        select(model_of(named.c.version).label("of"), _AUDITS.id)
        .distinct()
        .select_from(tables.audits.join(named, true()))
        .where(_AUDITS.project == project, _AUDITS.state == AuditState.SUCCEEDED.value)
        .subquery()
    )
    place = func.row_number().over(partition_by=pairs.c.of, order_by=pairs.c.id.desc())
    placed = select(pairs, place.label("place")).subquery()
    outcome = _AUDITS.outcome["outcome"].astext
    is_certain = and_(
        placed.c.place == 1,
        func.cardinality(_AUDITS.model_versions) == 1,
        outcome.is_not(None),
        _AUDITS.report_delete_time.is_(None),
    )
    return (
        _reason(placed.c.of, _AUDITS.end_time, func.coalesce(is_certain, false()))
        .select_from(
            placed.join(tables.audits, _AUDITS.id == placed.c.id).outerjoin(judged, judged.c.of == placed.c.of)
        )
        .where(placed.c.place <= looked_through, or_(outcome.is_(None), outcome.in_(sorted(found))))
        .where(or_(judged.c.create_time.is_(None), judged.c.create_time < _AUDITS.end_time))
    )
