"""Findings, unique per audit, version, item and search. Their counts are kept in the audit's row."""

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Double,
    Integer,
    Row,
    Select,
    all_,
    and_,
    any_,
    bindparam,
    delete,
    func,
    literal,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.documents import TRANSFER, document_of
from modicum_server.domain.findings import (
    MEASURED_REASONS,
    Finding,
    FoundSubset,
    PredictedImage,
    Prediction,
    Transfer,
)
from modicum_server.errors import PageTokenInvalid
from modicum_server.ports import Keyed
from modicum_server.store import tables
from modicum_server.store.audits import ENDED
from modicum_server.store.changes import notify_audit_changed
from modicum_server.store.finding_rows import finding_columns, finding_of, subset_of

_FINDINGS = tables.findings.c
_AUDITS = tables.audits.c
_KEY = (_FINDINGS.version_index, _FINDINGS.search_index, _FINDINGS.position)
_FINDING_ID = re.compile(r"(\d{1,4})-(\d{1,4})-(\d{1,9})")


class PostgresFindings:
    """`ports.Findings`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, audit: str, findings: Sequence[Finding]) -> None:
        """Store them and count the new ones.

        A finding that is there stays. No effect on an audit that has ended or is gone.
        """
        if not findings:
            return
        row = await self._lock_running(audit)
        if row is None:
            return
        columns = [finding_columns(row.id, row.model_versions.index(each.model_version), each) for each in findings]
        query = insert(tables.findings).on_conflict_do_nothing().returning(*_COUNTED)
        new = (await self._connection.execute(query, columns)).all()
        if new:
            await self._count(row.id, new)
            await notify_audit_changed(self._connection, audit)

    async def add_transfers(self, audit: str, search_index: int, transfers: Sequence[Transfer]) -> None:
        """Add results to their findings. The first of a version stays. No effect on an audit that has ended."""
        row = await self._lock_running(audit) if transfers else None
        if row is None:
            return
        values = [
            {
                "at_version": row.model_versions.index(transfer.source),
                "at_position": transfer.position,
                "result": [document_of(TRANSFER, transfer.result)],
                "scored": _result_of(transfer.result.model_version),
            }
            for transfer in transfers
        ]
        await self._connection.execute(_transfer_update(row.id, search_index), values)

    async def subset_positions(self, audit: str, model_version: str, search_index: int) -> frozenset[int]:
        """Positions with a subset that is evidence: not the effect of the bare fill, and not the whole image."""
        query = _of_search(select(_FINDINGS.position), audit, model_version, search_index).where(*_EVIDENCE)
        return frozenset((await self._connection.scalars(query)).all())

    async def unscored_subsets(
        self, audit: str, scorer: str, search_index: int, positions: Sequence[int]
    ) -> list[FoundSubset]:
        """Subsets of other versions that `scorer` has not scored, by position and version."""
        version = _AUDITS.model_versions[_FINDINGS.version_index + 1]
        masks = _FINDINGS.subset_mask, _FINDINGS.subset_height, _FINDINGS.subset_width, _FINDINGS.subset_size
        query: Select[Any] = (
            select(_FINDINGS.position, version.label("version"), _FINDINGS.target_class, *masks)
            .join(tables.audits, _AUDITS.id == _FINDINGS.audit_id)
            .where(
                _AUDITS.name == audit,
                version != scorer,
                _FINDINGS.search_index == search_index,
                _is_at(positions),
                *_EVIDENCE,
                ~_FINDINGS.controls.contains(_result_of(scorer)),
            )
            .order_by(_FINDINGS.position, _FINDINGS.version_index)
        )
        rows = await self._connection.execute(query)
        return [FoundSubset(row.position, row.version, row.target_class, subset_of(row)) for row in rows]

    async def predicted(self, audit: str, model_version: str, search_index: int) -> list[PredictedImage]:
        """Images with a predicted class, each with its subset if that is evidence, by position."""
        masks = _FINDINGS.subset_mask, _FINDINGS.subset_height, _FINDINGS.subset_width, _FINDINGS.subset_size
        evidence = and_(*_EVIDENCE).label("evidence")
        chosen = select(_FINDINGS.position, _FINDINGS.image_digest, _FINDINGS.predicted_class, evidence, *masks)
        query = _of_search(chosen, audit, model_version, search_index).where(_FINDINGS.predicted_class.is_not(None))
        rows = await self._connection.execute(query.order_by(_FINDINGS.position))
        return [
            PredictedImage(
                row.position, row.image_digest, row.predicted_class, subset_of(row) if row.evidence else None
            )
            for row in rows
        ]

    async def predictions(self, audit: str, model_version: str, search_index: int) -> dict[int, Prediction]:
        """By position, the class predicted on the whole image, where there is one."""
        chosen = select(_FINDINGS.position, _FINDINGS.predicted_class, _FINDINGS.target_class, _FINDINGS.confidence)
        query = _of_search(chosen, audit, model_version, search_index).where(_FINDINGS.predicted_class.is_not(None))
        return {
            row.position: Prediction(
                row.position,
                row.predicted_class,
                confidence=row.confidence if row.target_class == row.predicted_class else None,
            )
            for row in await self._connection.execute(query)
        }

    async def done_positions(
        self, audit: str, model_version: str, search_index: int, among: Sequence[int] | None = None
    ) -> frozenset[int]:
        """Positions that have a finding, all or those `among` these."""
        query = _of_search(select(_FINDINGS.position), audit, model_version, search_index)
        if among is not None:
            query = query.where(_is_at(among))
        return frozenset((await self._connection.scalars(query)).all())

    async def positions(self, audit: str) -> frozenset[int]:
        """Positions that have a finding of any version under any search."""
        query = select(_FINDINGS.position).where(_is_of(audit)).distinct()
        return frozenset((await self._connection.scalars(query)).all())

    async def at(self, audit: str, positions: Sequence[int]) -> list[Finding]:
        """All findings at these positions, by version, search and position."""
        query = _with_versions(audit).where(_is_at(positions)).order_by(*_KEY)
        return [finding_of(row) for row in await self._connection.execute(query)]

    async def keep(self, audit: str, positions: Sequence[int]) -> None:
        """Delete the findings at all other positions, and count the audit's progress anew."""
        row = await self._lock_running(audit)
        if row is None:
            return
        elsewhere = _FINDINGS.position != all_(literal(list(positions), ARRAY(Integer)))
        await self._connection.execute(delete(tables.findings).where(_FINDINGS.audit_id == row.id, elsewhere))
        nothing = {"images_done": 0, "images_failed": 0, "subset_count": 0, "subset_fraction_sum": 0.0}
        counted = update(tables.audits).where(_AUDITS.id == row.id)
        await self._connection.execute(counted.values(nothing))
        left: Select[Any] = select(*_COUNTED).where(_FINDINGS.audit_id == row.id)
        await self._count(row.id, (await self._connection.execute(left)).all())
        await self._connection.execute(counted.values(images_total=_AUDITS.images_done))
        await notify_audit_changed(self._connection, audit)

    async def critical_temperatures(self, audit: str, model_version: str, search_index: int) -> Sequence[float]:
        """Of the images that have one."""
        critical = _FINDINGS.controls["critical_temperature"].astext.cast(Double)
        query = _of_search(select(critical), audit, model_version, search_index).where(critical.is_not(None))
        return (await self._connection.scalars(query)).all()

    async def get(self, name: str) -> Finding | None:
        """By resource name `.../findings/{version index}-{search index}-{position}`."""
        audit, _, finding_id = name.rpartition("/findings/")
        match = _FINDING_ID.fullmatch(finding_id)
        if match is None:
            return None
        key = tuple(int(part) for part in match.groups())
        query = _with_versions(audit).where(tuple_(*_KEY) == key)
        row = (await self._connection.execute(query)).one_or_none()
        return finding_of(row) if row else None

    async def page(self, audit: str, *, after: str, limit: int) -> list[Keyed[Finding]]:
        """By version (in the specification's order), search and position.

        Raises:
            PageTokenInvalid: `after` is no key of a finding.
        """
        query = _with_versions(audit).order_by(*_KEY).limit(limit)
        if after:
            match = _FINDING_ID.fullmatch(after)
            if match is None:
                raise PageTokenInvalid
            query = query.where(tuple_(*_KEY) > tuple(int(part) for part in match.groups()))
        return [(_key(row), finding_of(row)) for row in await self._connection.execute(query)]

    async def last(self, audit: str, *, limit: int) -> list[Finding]:
        """The last in the order of version, search and position, the last one first."""
        query = _with_versions(audit).order_by(*(key.desc() for key in _KEY)).limit(limit)
        return [finding_of(row) for row in await self._connection.execute(query)]

    async def _lock_running(self, audit: str) -> Row[Any] | None:
        """Hold the audit's row until the transaction ends. Return None for one that has ended or is gone."""
        locked: Select[Any] = select(_AUDITS.id, _AUDITS.model_versions, _AUDITS.state).filter_by(name=audit)
        row = (await self._connection.execute(locked.with_for_update(key_share=True))).one_or_none()
        return None if row is None or row.state in ENDED else row

    async def _count(self, audit_id: int, new: Sequence[Row[Any]]) -> None:
        """Add the new findings to the audit's progress."""
        measured = {reason.value for reason in MEASURED_REASONS}
        fractions = [
            row.subset_size / (row.subset_height * row.subset_width)
            for row in new
            if row.subset_size is not None and not row.baseline_confident
        ]
        query = update(tables.audits).where(_AUDITS.id == audit_id)
        await self._connection.execute(
            query.values(
                sequence=_AUDITS.sequence + 1,
                images_done=_AUDITS.images_done + len(new),
                images_failed=_AUDITS.images_failed
                + sum(1 for row in new if row.reason and row.reason not in measured),
                subset_count=_AUDITS.subset_count + len(fractions),
                subset_fraction_sum=_AUDITS.subset_fraction_sum + sum(fractions),
            )
        )


#: Of a finding whose subset other versions are asked about.
_EVIDENCE: tuple[ColumnElement[bool], ...] = (
    _FINDINGS.subset_mask.is_not(None),
    _FINDINGS.target_class.is_not(None),
    ~_FINDINGS.baseline_confident,
    ~_FINDINGS.budget_exhausted,
)

_COUNTED = (
    _FINDINGS.reason,
    _FINDINGS.baseline_confident,
    _FINDINGS.subset_size,
    _FINDINGS.subset_height,
    _FINDINGS.subset_width,
)


def _of_search(query: Select[Any], audit: str, model_version: str, search_index: int) -> Select[Any]:
    """Restrict a query to the findings of one version and one search of an audit."""
    version_index = func.array_position(_AUDITS.model_versions, model_version) - 1
    return query.where(
        _is_of(audit),
        _FINDINGS.version_index == select(version_index).where(_AUDITS.name == audit).scalar_subquery(),
        _FINDINGS.search_index == search_index,
    )


def _with_versions(audit: str) -> Select[Any]:
    """The findings of an audit, each with the audit's versions."""
    query = select(tables.findings, _AUDITS.model_versions).join(tables.audits, _AUDITS.id == _FINDINGS.audit_id)
    return query.where(_is_of(audit))


def _is_of(audit: str) -> ColumnElement[bool]:
    """Whether a finding is the audit's: by the id itself, so that the index of the findings gives their order too."""
    return _FINDINGS.audit_id == select(_AUDITS.id).where(_AUDITS.name == audit).scalar_subquery()


def _is_at(positions: Sequence[int]) -> ColumnElement[bool]:
    return _FINDINGS.position == any_(literal(list(positions), ARRAY(Integer)))


def _key(row: Row[Any]) -> str:
    return f"{row.version_index}-{row.search_index}-{row.position}"


def _result_of(scorer: str) -> dict[str, Any]:
    """What the controls of a finding contain once a version has scored its subset."""
    return {"transfers": [{"model_version": scorer}]}


def _transfer_update(audit_id: int, search_index: int) -> Any:
    """Append a result to a finding's others, unless its version has one. One statement for any number of them."""
    known = func.coalesce(_FINDINGS.controls["transfers"], literal([], JSONB))
    joined = known.concat(bindparam("result", type_=JSONB))
    return (
        update(tables.findings)
        .where(
            _FINDINGS.audit_id == audit_id,
            _FINDINGS.search_index == search_index,
            _FINDINGS.version_index == bindparam("at_version"),
            _FINDINGS.position == bindparam("at_position"),
            ~_FINDINGS.controls.contains(bindparam("scored", type_=JSONB)),
        )
        .values(controls=_FINDINGS.controls.concat(func.jsonb_build_object("transfers", joined)))
    )
