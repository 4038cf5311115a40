"""What the database has of a picture in audits: where it is, and its removal. Masks go with their rows."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Select,
    and_,
    any_,
    delete,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.audits import COUNTERFACTUAL, OUT_OF_DISTRIBUTION
from modicum_server.domain.documents import REVIEW_PLAN, SPOT_ROW, document_of, value_of
from modicum_server.domain.erasures import PictureUse, Receipt
from modicum_server.domain.spot_swaps import SwapState
from modicum_server.domain.spots import without_positions
from modicum_server.store import tables
from modicum_server.store.audits import ENDED
from modicum_server.store.changes import notify_audit_changed

REFERRERS = 10
#: The fields of a specification that name other data sets: the out-of-distribution and the counterfactual one.
SECOND_DATASETS = ("out_of_distribution_dataset", "counterfactual_dataset")
_AUDITS = tables.audits.c
_PLACES = tables.audit_items.c
_FINDINGS = tables.findings.c
_PREDICTIONS = tables.predictions.c
_REVIEWS = tables.reviews.c
_SWAPS = tables.spot_swaps.c


async def uses(connection: AsyncConnection, project: str, digest: str) -> list[PictureUse]:
    """Return the audits of a project that use a picture, by name; they are locked."""
    found: dict[str, dict[str, set[int]]] = {}
    for kind, query in _places(project, digest).items():
        for row in await connection.execute(query):
            found.setdefault(row[0], {}).setdefault(kind, set()).add(row[1])
    locked = select(_AUDITS.name).where(_AUDITS.name.in_(found)).order_by(_AUDITS.name).with_for_update()
    return [
        PictureUse(name, **{kind: frozenset(at) for kind, at in found[name].items()})
        for name in await connection.scalars(locked)
    ]


async def unended(connection: AsyncConnection, datasets: Collection[str]) -> list[str]:
    """Return the names of at most 10 audits of these data sets that have not ended."""
    others = (_AUDITS.specification[name].astext for name in SECOND_DATASETS)
    names = (_AUDITS.dataset.in_(datasets), *(name.in_(datasets) for name in others))
    query = select(_AUDITS.name).where(_AUDITS.state.not_in(ENDED), or_(*names)).order_by(_AUDITS.name)
    return list((await connection.scalars(query.limit(REFERRERS))).all())


def _places(project: str, digest: str) -> Mapping[str, Select[Any]]:
    """By field of `PictureUse`, the query of (audit, place)."""
    datasets, items = tables.datasets.alias("holding").c, tables.dataset_items.alias("held").c
    own, others = tables.datasets.alias("own").c, tables.dataset_items.alias("others").c
    holding = and_(datasets.project == project, items.dataset_id == datasets.id, items.image_digest == digest)
    here = _PLACES.audit_id == _AUDITS.id
    second, paired = (_AUDITS.specification[name].astext == datasets.name for name in SECOND_DATASETS)
    partner = and_(own.name == _AUDITS.dataset, others.dataset_id == own.id, others.item == items.item)
    return {
        "positions": select(_AUDITS.name, _PLACES.position).where(
            holding, _AUDITS.dataset == datasets.name, here, _PLACES.item_index == items.item_index
        ),
        "second": select(_AUDITS.name, items.item_index).where(holding, _AUDITS.project == project, second),
        "pairs": select(_AUDITS.name, _PLACES.position).where(
            holding, _AUDITS.project == project, paired, partner, here, _PLACES.item_index == others.item_index
        ),
    }


async def open_swaps(connection: AsyncConnection, used: Sequence[PictureUse]) -> list[str]:
    """Return the names of swaps of a spot that have not ended and use the picture."""
    swaps = await _swaps(connection, used)
    return [row.name for row in swaps if row.state == SwapState.QUEUED.value]


async def remove(connection: AsyncConnection, used: Sequence[PictureUse]) -> tuple[Receipt, frozenset[str]]:
    """Delete what there is of the picture in these audits, and count it in them.

    Returns what was removed, and the digests of composed pictures that may go.
    """
    findings = predictions = spot_rows = 0
    for use in used:
        audit = select(_AUDITS.id).where(_AUDITS.name == use.audit).scalar_subquery()
        gone = delete(tables.findings).where(_FINDINGS.audit_id == audit, _among(_FINDINGS.position, use.positions))
        findings += (await connection.execute(gone)).rowcount
        told = delete(tables.predictions).where(_PREDICTIONS.audit_id == audit, _predicted(use))
        predictions += (await connection.execute(told)).rowcount
        spot_rows += await _remove_pairs(connection, use)
        await _count(connection, use)
    reviews = await _remove_reviews(connection, used)
    swaps = await _swaps(connection, used)
    await connection.execute(delete(tables.spot_swaps).where(_SWAPS.name.in_([row.name for row in swaps])))
    receipt = Receipt(
        findings=findings,
        predictions=predictions,
        spot_rows=spot_rows,
        reviews=tuple(reviews),
        swaps=tuple(row.name for row in swaps),
    )
    return receipt, frozenset(digest for row in swaps for digest in row.plan["pictures"])


def _predicted(use: PictureUse) -> ColumnElement[bool]:
    """Predictions on the picture itself, and on a partner of it, which shows nothing any more."""
    here, index = _PREDICTIONS.position, _PREDICTIONS.search_index
    return or_(
        and_(index == OUT_OF_DISTRIBUTION, _among(here, use.second)),
        and_(index == COUNTERFACTUAL, _among(here, use.pairs | use.positions)),
    )


async def _remove_pairs(connection: AsyncConnection, use: PictureUse) -> int:
    """Take the picture out of the rows of the spot tests; return how many rows changed."""
    changed = 0
    for table in (tables.spots, tables.spot_retests) if use.positions else ():
        keys = list(table.primary_key.columns)
        query = select(table).join(tables.audits, _AUDITS.id == table.c.audit_id).where(_AUDITS.name == use.audit)
        for stored in await connection.execute(query):
            row = value_of(SPOT_ROW, stored.row)
            without = without_positions(row, use.positions)
            if without != row:
                here = [key == getattr(stored, key.name) for key in keys]
                await connection.execute(update(table).where(*here).values(row=document_of(SPOT_ROW, without)))
                changed += 1
    return changed


async def _count(connection: AsyncConnection, use: PictureUse) -> None:
    values = {"erased": _AUDITS.erased + use.images, "sequence": _AUDITS.sequence + 1}
    await connection.execute(update(tables.audits).where(_AUDITS.name == use.audit).values(values))
    await notify_audit_changed(connection, use.audit)


async def _remove_reviews(connection: AsyncConnection, used: Sequence[PictureUse]) -> list[str]:
    """Delete the blind reviews that show the picture; return their names."""
    at = {use.audit: use.positions for use in used if use.positions}
    query = select(_REVIEWS.name, _REVIEWS.audit, _REVIEWS.plan).where(_REVIEWS.audit.in_(at))
    showing = [
        row.name
        for row in await connection.execute(query.order_by(_REVIEWS.name).with_for_update())
        if any(image.position in at[row.audit] for image in value_of(REVIEW_PLAN, row.plan).images)
    ]
    await connection.execute(delete(tables.reviews).where(_REVIEWS.name.in_(showing)))
    return showing


async def _swaps(connection: AsyncConnection, used: Sequence[PictureUse]) -> Sequence[Any]:
    """The swaps of a spot that use the picture, by name; they are locked."""
    items, places = tables.dataset_items.c, tables.audit_items.c
    named = (
        select(_AUDITS.name, items.item)
        .join(tables.audit_items, places.audit_id == _AUDITS.id)
        .join(tables.datasets, tables.datasets.c.name == _AUDITS.dataset)
        .join(
            tables.dataset_items, (items.dataset_id == tables.datasets.c.id) & (items.item_index == places.item_index)
        )
    )
    conditions = [and_(_AUDITS.name == use.audit, _among(places.position, use.positions)) for use in used]
    if not conditions:
        return ()
    pictures = {(name, item) for name, item in await connection.execute(named.where(or_(*conditions)))}
    audit = _SWAPS.plan["audit"].astext
    query = select(_SWAPS.name, _SWAPS.state, _SWAPS.plan).where(audit.in_([use.audit for use in used]))
    return [
        row
        for row in await connection.execute(query.order_by(_SWAPS.name).with_for_update())
        if {(row.plan["audit"], row.plan[side]) for side in ("source", "other")} & pictures
    ]


def _among(column: ColumnElement[Any], places: frozenset[int]) -> ColumnElement[bool]:
    return column == any_(literal(sorted(places), ARRAY(Integer)))
