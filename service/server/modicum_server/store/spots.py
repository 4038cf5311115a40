"""Rows of the spot test, unique per audit, version and class."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.documents import SPOT_ROW, document_of, value_of
from modicum_server.domain.spots import SpotRow
from modicum_server.store import tables
from modicum_server.store.audits import ENDED

_AUDITS = tables.audits.c
_SPOTS = tables.spots.c


class PostgresSpots:
    """`ports.Spots`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, audit: str, model_version: str, rows: Sequence[SpotRow]) -> None:
        """Store them. A row that is there stays. No effect on an audit that has ended or is gone."""
        if not rows:
            return
        locked = select(_AUDITS.id, _AUDITS.model_versions).where(_AUDITS.name == audit, _AUDITS.state.not_in(ENDED))
        held = (await self._connection.execute(locked.with_for_update(key_share=True))).one_or_none()
        if held is None:
            return
        version_index = held.model_versions.index(model_version)
        values = [
            {
                "audit_id": held.id,
                "version_index": version_index,
                "row_number": row.number,
                "row": document_of(SPOT_ROW, row),
            }
            for row in rows
        ]
        await self._connection.execute(insert(tables.spots).on_conflict_do_nothing(), values)

    async def of(self, audit: str, model_version: str) -> list[SpotRow]:
        """Return all rows of a version, by number."""
        query = _of_version(_SPOTS.row, audit, model_version).order_by(_SPOTS.row_number)
        return [value_of(SPOT_ROW, document) for document in await self._connection.scalars(query)]

    async def numbers(self, audit: str, model_version: str) -> frozenset[int]:
        """Return the numbers of the rows that are stored."""
        query = _of_version(_SPOTS.row_number, audit, model_version)
        return frozenset((await self._connection.scalars(query)).all())


def _of_version(column: ColumnElement[Any], audit: str, model_version: str) -> Select[Any]:
    return (
        select(column)
        .join(tables.audits, _AUDITS.id == _SPOTS.audit_id)
        .where(_AUDITS.name == audit, _AUDITS.model_versions[_SPOTS.version_index + 1] == model_version)
    )
