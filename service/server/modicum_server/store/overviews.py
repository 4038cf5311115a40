"""What pages show of a project at once: the newest of each model, and what is left to do."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Subquery, func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.audits import Audit, AuditState, Stage
from modicum_server.domain.verdicts import Verdict, VerdictOutcome
from modicum_server.store import tables
from modicum_server.store.audit_rows import AUDIT, audit_of
from modicum_server.store.newest_rows import model_of, newest_ids, version_itself, versions_in
from modicum_server.store.projects import project_of
from modicum_server.store.verdicts import verdict_of

_AUDITS, _SHARDS, _VERDICTS = tables.audits.c, tables.shards.c, tables.verdicts.c
_UNENDED = [state.value for state in AuditState if not state.terminal]


class PostgresOverviews:
    """`ports.Overviews`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def newest_verdicts(self, project: str, models: Sequence[str]) -> Mapping[str, Verdict]:
        """The newest verdict of each of these models, by model. A model without a verdict has no entry."""
        return await self._verdicts(newest_ids(tables.verdicts, model_of, models, _VERDICTS.project == project))

    async def verdicts_of_versions(self, project: str, versions: Sequence[str]) -> Mapping[str, Verdict]:
        """The newest verdict on each of these versions, by version; those that were judged."""
        return await self._verdicts(newest_ids(tables.verdicts, version_itself, versions, _VERDICTS.project == project))

    async def standing_fails(self, project: str, versions: Sequence[str]) -> Mapping[str, Verdict]:
        """The newest FAIL of each of these versions, by version; those that no PASS followed."""
        decided = _VERDICTS.outcome.in_([VerdictOutcome.FAIL.value, VerdictOutcome.PASS.value])
        newest = newest_ids(tables.verdicts, version_itself, versions, _VERDICTS.project == project, decided)
        verdicts = await self._verdicts(newest)
        return {version: one for version, one in verdicts.items() if one.outcome is VerdictOutcome.FAIL}

    async def audits_of_versions(self, project: str, versions: Sequence[str]) -> Mapping[str, Audit]:
        """The newest audit of each of these versions in whatever state, by version; those that have one."""
        return await self._audits(newest_ids(tables.audits, version_itself, versions, _AUDITS.project == project))

    async def deciding_audits_of_versions(self, project: str, versions: Sequence[str]) -> Mapping[str, Audit]:
        """The newest SUCCEEDED audit of each of these versions that is not INCONCLUSIVE, by version."""
        decides = func.coalesce(_AUDITS.outcome["outcome"].astext, "") != "INCONCLUSIVE"
        own, succeeded = _AUDITS.project == project, _AUDITS.state == AuditState.SUCCEEDED.value
        return await self._audits(newest_ids(tables.audits, version_itself, versions, own, succeeded, decides))

    async def audits_of_model(self, model: str, *, limit: int) -> list[Audit]:
        """The SUCCEEDED audits of any version of a model, newest first."""
        named = versions_in(tables.audits)
        ids = (
            select(_AUDITS.id)
            .distinct()
            .select_from(tables.audits.join(named, true()))
            .where(_AUDITS.project == project_of(model), _AUDITS.state == AuditState.SUCCEEDED.value)
            .where(model_of(named.c.version) == model)
            .order_by(_AUDITS.id.desc())
            .limit(limit)
        )
        query = AUDIT.where(_AUDITS.id.in_(ids.scalar_subquery())).order_by(_AUDITS.id.desc())
        return [audit_of(row) for row in await self._connection.execute(query)]

    async def audits_of_models(
        self, project: str, models: Sequence[str], *, limit: int
    ) -> Mapping[str, Sequence[Audit]]:
        """At most `limit` SUCCEEDED audits of each of these models, newest first; those that have one."""
        named = versions_in(tables.audits)
        of = model_of(named.c.version)
        pairs = (
            select(of.label("of"), _AUDITS.id)
            .distinct()
            .select_from(tables.audits.join(named, true()))
            .where(_AUDITS.project == project, _AUDITS.state == AuditState.SUCCEEDED.value, of.in_(list(models)))
            .subquery()
        )
        place = func.row_number().over(partition_by=pairs.c.of, order_by=pairs.c.id.desc())
        placed = select(pairs.c.of, pairs.c.id, place.label("place")).subquery()
        newest = select(placed).where(placed.c.place <= limit).order_by(placed.c.of, placed.c.place)
        found = [(row.of, row.id) for row in await self._connection.execute(newest)]
        rows = await self._connection.execute(AUDIT.where(_AUDITS.id.in_({audit_id for _, audit_id in found})))
        audits = {row.id: audit_of(row) for row in rows}
        return {model: [audits[audit_id] for of, audit_id in found if of == model] for model in dict(found)}

    async def count_by_state(self, project: str) -> Mapping[AuditState, int]:
        """The number of audits of a project in each state; every state has a count."""
        query = select(_AUDITS.state, func.count()).where(_AUDITS.project == project).group_by(_AUDITS.state)
        counts = {AuditState(state): count for state, count in await self._connection.execute(query)}
        return {state: counts.get(state, 0) for state in AuditState}

    async def waiting(self, project: str, *, limit: int) -> list[Audit]:
        """The QUEUED audits of a project, the oldest first."""
        query = AUDIT.where(_AUDITS.project == project, _AUDITS.state == AuditState.QUEUED.value)
        rows = await self._connection.execute(query.order_by(_AUDITS.id).limit(limit))
        return [audit_of(row) for row in rows]

    async def ahead_of(self, audit: str) -> int:
        """How many audits of the project are older than this one and have not ended."""
        own = select(_AUDITS.id).where(_AUDITS.name == audit).scalar_subquery()
        query = select(func.count()).where(
            _AUDITS.project == project_of(audit), _AUDITS.state.in_(_UNENDED), _AUDITS.id < own
        )
        return await self._connection.scalar(query) or 0

    async def is_held(self, audit: str) -> bool:
        """Whether a worker holds work of this audit."""
        held = select(1).where(_SHARDS.audit == audit, _SHARDS.lease_until.is_not(None))
        return bool(await self._connection.scalar(select(held.exists())))

    async def waits_for(self, audit: str) -> str:
        """What work of this audit waits for because it is away, in words; empty if it waits for nothing.

        Work that gets on again does not wait: its attempt has made passes.
        """
        waits = _SHARDS.audit == audit, _SHARDS.away_since.is_not(None), _SHARDS.passes_done == 0
        query = select(_SHARDS.away_reason).where(*waits).order_by(_SHARDS.away_since).limit(1)
        return await self._connection.scalar(query) or ""

    async def failed_try(self, version: str) -> str:
        """Why the last try of a version's check failed, in words; empty if none failed, or no check is queued."""
        check = _SHARDS.model_version == version, _SHARDS.stage == Stage.CHECK.value, _SHARDS.away_since.is_(None)
        return await self._connection.scalar(select(_SHARDS.away_reason).where(*check)) or ""

    async def _verdicts(self, newest: Subquery) -> Mapping[str, Verdict]:
        query = select(newest.c.of, tables.verdicts).join(newest, newest.c.id == _VERDICTS.id)
        return {row.of: verdict_of(row) for row in await self._connection.execute(query)}

    async def _audits(self, newest: Subquery) -> Mapping[str, Audit]:
        ids = {row.of: row.id for row in await self._connection.execute(select(newest))}
        rows = await self._connection.execute(AUDIT.where(_AUDITS.id.in_(set(ids.values()))))
        audits = {row.id: audit_of(row) for row in rows}
        return {name: audits[audit_id] for name, audit_id in ids.items()}
