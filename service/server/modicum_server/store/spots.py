"""Rows of the spot test, unique per audit, version, the version that chose their places, and class."""

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
_RETESTS = tables.spot_retests.c


class PostgresSpots:
    """`ports.Spots`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, audit: str, model_version: str, rows: Sequence[SpotRow], *, chosen_by: str = "") -> None:
        """Store them. A row that is there stays. No effect on an audit that has ended or is gone."""
        if not rows:
            return
        locked = select(_AUDITS.id, _AUDITS.model_versions).where(_AUDITS.name == audit, _AUDITS.state.not_in(ENDED))
        held = (await self._connection.execute(locked.with_for_update(key_share=True))).one_or_none()
        if held is None:
            return
        owner = {"audit_id": held.id, "version_index": held.model_versions.index(model_version)}
        if chosen_by:
            owner["chosen_by"] = held.model_versions.index(chosen_by)
        values = [{**owner, "row_number": row.number, "row": document_of(SPOT_ROW, row)} for row in rows]
        table = tables.spot_retests if chosen_by else tables.spots
        await self._connection.execute(insert(table).on_conflict_do_nothing(), values)

    async def of(self, audit: str, model_version: str, *, chosen_by: str = "") -> list[SpotRow]:
        """Return all rows of a version, by number."""
        columns = _RETESTS if chosen_by else _SPOTS
        query = _of_version(columns.row, audit, model_version, chosen_by).order_by(columns.row_number)
        return [value_of(SPOT_ROW, document) for document in await self._connection.scalars(query)]

    async def numbers(self, audit: str, model_version: str, *, chosen_by: str = "") -> frozenset[int]:
        """Return the numbers of the rows that are stored."""
        column = _RETESTS.row_number if chosen_by else _SPOTS.row_number
        return frozenset((await self._connection.scalars(_of_version(column, audit, model_version, chosen_by))).all())


def _of_version(column: ColumnElement[Any], audit: str, model_version: str, chosen_by: str) -> Select[Any]:
    columns = _RETESTS if chosen_by else _SPOTS
    query = (
        select(column)
        .join(tables.audits, _AUDITS.id == columns.audit_id)
        .where(_AUDITS.name == audit, _AUDITS.model_versions[columns.version_index + 1] == model_version)
    )
    return query.where(_AUDITS.model_versions[_RETESTS.chosen_by + 1] == chosen_by) if chosen_by else query
