"""Predictions on whole images of an audit's other data sets, unique per audit, version, data set and position."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ARRAY, Integer, any_, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.findings import FindingReason, Prediction
from modicum_server.store import tables
from modicum_server.store.audits import ENDED

_AUDITS = tables.audits.c
_PREDICTIONS = tables.predictions.c


class PostgresPredictions:
    """`ports.Predictions`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, audit: str, model_version: str, search_index: int, predictions: Sequence[Prediction]) -> None:
        """Store them. A prediction that is there stays. No effect on an audit that has ended or is gone."""
        if not predictions:
            return
        locked = select(_AUDITS.id, _AUDITS.model_versions).where(_AUDITS.name == audit, _AUDITS.state.not_in(ENDED))
        row = (await self._connection.execute(locked.with_for_update(key_share=True))).one_or_none()
        if row is None:
            return
        version_index = row.model_versions.index(model_version)
        values = [
            {
                "audit_id": row.id,
                "version_index": version_index,
                "search_index": search_index,
                "position": one.position,
                "predicted_class": one.predicted_class,
                "reason": None if one.reason is None else one.reason.value,
                "confidence": one.confidence,
            }
            for one in predictions
        ]
        await self._connection.execute(insert(tables.predictions).on_conflict_do_nothing(), values)

    async def of(
        self, audit: str, model_version: str, search_index: int, among: Sequence[int] | None = None
    ) -> Mapping[int, Prediction]:
        """Return the predictions by position, all or those `among` these."""
        version_index = func.array_position(_AUDITS.model_versions, model_version) - 1
        query = select(tables.predictions).where(
            _PREDICTIONS.audit_id == select(_AUDITS.id).where(_AUDITS.name == audit).scalar_subquery(),
            _PREDICTIONS.version_index == select(version_index).where(_AUDITS.name == audit).scalar_subquery(),
            _PREDICTIONS.search_index == search_index,
        )
        if among is not None:
            query = query.where(_PREDICTIONS.position == any_(literal(list(among), ARRAY(Integer))))
        return {
            row.position: Prediction(
                row.position,
                row.predicted_class,
                None if row.reason is None else FindingReason(row.reason),
                row.confidence,
            )
            for row in await self._connection.execute(query)
        }
