"""Verdicts. A stored one never changes, but for the pictures in its document that were erased."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ARRAY, Row, Text, cast, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.documents import VERDICT_RULE, document_of, value_of
from modicum_server.domain.verdicts import UsedPolicy, Verdict, VerdictOutcome
from modicum_server.ports import Keyed, VerdictFilter
from modicum_server.store import tables
from modicum_server.store.projects import project_of

REFERRERS = 10
_VERDICTS = tables.verdicts.c


class PostgresVerdicts:
    """`ports.Verdicts`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, name: str) -> Verdict | None:
        """Get a verdict."""
        row = (await self._connection.execute(select(tables.verdicts).filter_by(name=name))).one_or_none()
        return verdict_of(row) if row else None

    async def page(self, project: str, criteria: VerdictFilter, *, after: str, limit: int) -> list[Keyed[Verdict]]:
        """List the verdicts of a project, newest first."""
        query = select(tables.verdicts).where(_VERDICTS.project == project).order_by(_VERDICTS.id.desc()).limit(limit)
        if after:
            query = query.where(_VERDICTS.id < int(after))
        if criteria.outcome is not None:
            query = query.where(_VERDICTS.outcome == criteria.outcome.value)
        if criteria.audit:
            query = query.where(_VERDICTS.audit == criteria.audit)
        if criteria.model_version:
            query = query.where(_VERDICTS.model_versions.contains([criteria.model_version]))
        if criteria.policy_digest:
            # the second condition has an index
            query = query.where(_VERDICTS.policy_digest == criteria.policy_digest)
            query = query.where(_VERDICTS.artifact_digests.contains([criteria.policy_digest]))
        return [(str(row.id), verdict_of(row)) for row in await self._connection.execute(query)]

    async def policies(self, project: str, *, after: str, limit: int) -> list[Keyed[UsedPolicy]]:
        """The policies of the verdicts of a project, the last used first."""
        newest = func.max(_VERDICTS.id)
        used = select(newest.label("newest"), func.count().label("verdict_count"))
        used = used.where(_VERDICTS.project == project).group_by(_VERDICTS.policy_digest)
        used = used.order_by(newest.desc()).limit(limit)
        if after:
            used = used.having(newest < int(after))
        one = used.subquery()
        query = select(tables.verdicts, one.c.verdict_count).join(one, one.c.newest == _VERDICTS.id)
        rows = await self._connection.execute(query.order_by(_VERDICTS.id.desc()))
        return [(str(row.id), UsedPolicy(row.policy_digest, row.verdict_count, verdict_of(row))) for row in rows]

    async def create(self, verdict: Verdict) -> Verdict | None:
        """Store it; None when its audit is gone."""
        # FOR SHARE and not FOR KEY SHARE: a deletion locks the audit's row before it looks which verdicts are about it.
        audit = select(tables.audits.c.id).filter_by(name=verdict.audit).with_for_update(read=True)
        if await self._connection.scalar(audit) is None:
            return None
        row = insert(tables.verdicts).values(_columns(verdict)).returning(tables.verdicts)
        return verdict_of((await self._connection.execute(row)).one())

    async def of_audit(self, audit: str) -> list[str]:
        """Names of at most 10 verdicts on an audit."""
        query = select(_VERDICTS.name).where(_VERDICTS.audit == audit).order_by(_VERDICTS.id).limit(REFERRERS)
        return list((await self._connection.scalars(query)).all())

    async def delete(self, name: str) -> None:
        """Delete it."""
        await self._connection.execute(delete(tables.verdicts).filter_by(name=name))


def _columns(verdict: Verdict) -> dict[str, Any]:
    digests = {verdict.result_digest, verdict.policy_digest, verdict.baseline_digest, verdict.document_digest}
    return {
        "name": verdict.name,
        "project": project_of(verdict.name),
        "audit": verdict.audit,
        "model_versions": list(verdict.model_versions),
        "outcome": verdict.outcome.value,
        "summary": verdict.summary,
        "rules": [document_of(VERDICT_RULE, rule) for rule in verdict.rules],
        "result_digest": verdict.result_digest,
        "policy_digest": verdict.policy_digest,
        "baseline": verdict.baseline,
        "baseline_digest": verdict.baseline_digest,
        "document_digest": verdict.document_digest,
        "artifact_digests": sorted(digests - {""}),
        "principal": verdict.principal,
    }


def verdict_of(row: Row[Any]) -> Verdict:
    """Return the verdict of a row."""
    return Verdict(
        name=row.name,
        audit=row.audit,
        model_versions=tuple(row.model_versions),
        outcome=VerdictOutcome(row.outcome),
        summary=row.summary,
        rules=tuple(value_of(VERDICT_RULE, rule) for rule in row.rules),
        result_digest=row.result_digest,
        policy_digest=row.policy_digest,
        baseline=row.baseline,
        baseline_digest=row.baseline_digest,
        document_digest=row.document_digest,
        principal=row.principal,
        create_time=row.create_time,
    )


async def let_verdicts_go(connection: AsyncConnection, digests: Collection[str]) -> list[str]:
    """Let verdicts no longer refer to these files; return the names of those that did."""
    released: list[str] = []
    for digest in sorted(digests):
        named = _VERDICTS.artifact_digests.contains(cast(array([digest]), ARRAY(Text)))
        let_go = (
            update(tables.verdicts)
            .where(named)
            .values(artifact_digests=func.array_remove(_VERDICTS.artifact_digests, digest))
        )
        released += (await connection.scalars(let_go.returning(_VERDICTS.name))).all()
    return sorted(set(released))
