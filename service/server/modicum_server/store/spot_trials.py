"""Trials of a spot, one row each. All times are the database's."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Select, delete, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB, array
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.audits import AuditFailure
from modicum_server.domain.documents import TRIAL_PLAN, TRIAL_SCORE, document_of, value_of
from modicum_server.domain.spot_trials import SpotTrial, TrialScore, TrialState
from modicum_server.ports import Keyed
from modicum_server.store.spot_trial_tables import spot_trials
from modicum_server.usecases.resource_names import parent_of

_TRIALS = spot_trials.c


class PostgresSpotTrials:
    """`ports.SpotTrials`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, name: str) -> SpotTrial | None:
        """Get a trial."""
        return await self._one(select(spot_trials).filter_by(name=name))

    async def lock(self, name: str) -> SpotTrial | None:
        """Get a trial and lock it."""
        return await self._one(select(spot_trials).filter_by(name=name).with_for_update())

    async def create(self, trial: SpotTrial) -> SpotTrial:
        """Store it."""
        values = {
            "name": trial.name,
            "project": parent_of(trial.name),
            "plan": document_of(TRIAL_PLAN, trial.plan),
            "principal": trial.principal,
            "state": trial.state.value,
        }
        return _trial((await self._connection.execute(insert(spot_trials).values(values).returning(spot_trials))).one())

    async def page(self, project: str, *, after: str, limit: int) -> list[Keyed[SpotTrial]]:
        """List those of a project, newest first."""
        query = select(spot_trials).where(_TRIALS.project == project).order_by(_TRIALS.name.desc()).limit(limit)
        if after:
            query = query.where(_TRIALS.name < after)
        return [(row.name, _trial(row)) for row in await self._connection.execute(query)]

    async def delete(self, name: str) -> None:
        """Delete it."""
        await self._connection.execute(delete(spot_trials).where(_TRIALS.name == name))

    async def open_count(self, project: str) -> int:
        """Return how many of the project wait or are at work."""
        query = select(func.count()).select_from(spot_trials)
        query = query.where(_TRIALS.project == project, _TRIALS.state == TrialState.QUEUED.value)
        return await self._connection.scalar(query) or 0

    async def add_scores(self, name: str, model_version: str, scores: Sequence[TrialScore]) -> None:
        """Store what a version says."""
        added = {model_version: [document_of(TRIAL_SCORE, score) for score in scores]}
        await self._set(name, scores=_TRIALS.scores.op("||")(literal(added, JSONB)))

    async def succeed(self, name: str) -> None:
        """End it with the scores of all its versions."""
        await self._set(name, state=TrialState.SUCCEEDED.value)

    async def fail(self, name: str, failure: AuditFailure) -> None:
        """End it without a result."""
        await self._set(
            name, state=TrialState.FAILED.value, failure_reason=failure.reason, failure_detail=failure.detail
        )

    async def cancel(self, name: str) -> None:
        """End it because nobody wants it any more."""
        await self._set(name, state=TrialState.CANCELLED.value)

    async def _set(self, name: str, **values: Any) -> None:
        await self._connection.execute(update(spot_trials).where(_TRIALS.name == name).values(**values))

    async def _one(self, query: Select[Any]) -> SpotTrial | None:
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else _trial(row)


def open_trials_of(versions: Sequence[str]) -> Select[tuple[str]]:
    """Return the names of the trials that have not ended and that let one of these versions look."""
    names = _TRIALS.plan["model_versions"].has_any(array(versions))
    return select(_TRIALS.name).where(_TRIALS.state == TrialState.QUEUED.value, names)


def _trial(row: Row[Any]) -> SpotTrial:
    scores = {version: tuple(value_of(TRIAL_SCORE, one) for one in found) for version, found in row.scores.items()}
    return SpotTrial(
        name=row.name,
        plan=value_of(TRIAL_PLAN, row.plan),
        principal=row.principal,
        state=TrialState(row.state),
        create_time=row.create_time,
        scores=scores,
        failure=AuditFailure(row.failure_reason, row.failure_detail) if row.failure_reason else None,
    )
