"""Erasures and their receipts. What the database has of a picture in an audit is removed in `erased_rows`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ARRAY, Row, Select, Text, exists, func, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.documents import RECEIPT, document_of, value_of
from modicum_server.domain.erasures import (
    IMAGE_ERASED,
    ErasedItem,
    ErasedOutcome,
    ErasedResult,
    Erasure,
    ErasureState,
    PictureUse,
    Receipt,
)
from modicum_server.ports import ErasureWork, Keyed, NewResult
from modicum_server.store import tables
from modicum_server.store.audit_rows import outcome_column
from modicum_server.store.changes import notify_audit_changed
from modicum_server.store.erased_rows import open_swaps, remove, unended, uses
from modicum_server.store.projects import advisory_key, project_of
from modicum_server.store.verdicts import let_verdicts_go

_ERASURES = tables.erasures.c
_AUDITS = tables.audits.c
_VERDICTS = tables.verdicts.c
_DATASETS = tables.datasets.c
_ITEMS = tables.dataset_items.c
_ARTIFACTS = tables.artifacts.c
#: An erasure may be committed later than the time in its row says, and a worker may still be fetching what it erased.
LOOK_BACK = timedelta(minutes=10)
REMOVED_DETAIL = "a picture was erased, and the result could not be computed without it; audit again"


class PostgresErasures:
    """`ports.Erasures`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def take_turn(self, project: str) -> None:
        """Wait for erasures of this project that are being begun; those that come wait for this one."""
        await self._connection.execute(select(func.pg_advisory_xact_lock(advisory_key("erasures", project))))

    async def items(self, project: str, digest: str) -> list[ErasedItem]:
        """Items that hold the picture. Their data sets are locked: no audit of them begins meanwhile."""
        holding = select(_ITEMS.dataset_id).where(_ITEMS.image_digest == digest)
        locked = select(_DATASETS.id).where(_DATASETS.project == project, _DATASETS.id.in_(holding))
        await self._connection.execute(locked.order_by(_DATASETS.name).with_for_update())
        query = _items_of(select(_DATASETS.name, _ITEMS.item), project, digest).order_by(_DATASETS.name, _ITEMS.item)
        return [ErasedItem(*row) for row in await self._connection.execute(query)]

    async def object_files(self, project: str, digest: str) -> frozenset[str]:
        """Digests of boxes and masks of these items."""
        query = _items_of(select(_ITEMS.boxes_digest, _ITEMS.mask_digest), project, digest)
        return frozenset(one for row in await self._connection.execute(query) for one in row if one)

    async def uses(self, project: str, digest: str) -> list[PictureUse]:
        """Audits that use the picture, by name; they are locked."""
        return await uses(self._connection, project, digest)

    async def unended(self, items: Sequence[ErasedItem]) -> list[str]:
        """Names of at most 10 audits that have not ended and may still read pictures of these data sets."""
        return await unended(self._connection, {one.dataset for one in items})

    async def open_swaps(self, used: Sequence[PictureUse]) -> list[str]:
        """Names of swaps of a spot of these audits that have not ended and use it."""
        return await open_swaps(self._connection, used)

    async def remove(self, used: Sequence[PictureUse]) -> tuple[Receipt, frozenset[str]]:
        """Delete what the database has of it in these audits, and count it in them."""
        return await remove(self._connection, used)

    async def begin(self, erasure: Erasure, *, files: Sequence[str]) -> Erasure:
        """Store an erasure that is RUNNING; `files` are digests whose bytes go."""
        values = {
            "name": erasure.name,
            "project": project_of(erasure.name),
            "image_digest": erasure.image_digest,
            "state": erasure.state.value,
            "principal": erasure.principal,
            "receipt": document_of(RECEIPT, erasure.receipt),
            "bytes": list(files),
        }
        row = insert(tables.erasures).values(values).returning(tables.erasures)
        return _erasure((await self._connection.execute(row)).one())

    async def get(self, name: str) -> Erasure | None:
        """Get an erasure."""
        return await self._one(select(tables.erasures).filter_by(name=name))

    async def newest(self, project: str, digest: str) -> Erasure | None:
        """The newest erasure of a picture."""
        query = select(tables.erasures).filter_by(project=project, image_digest=digest)
        return await self._one(query.order_by(_ERASURES.name.desc()).limit(1))

    async def page(self, project: str, *, after: str, limit: int) -> list[Keyed[Erasure]]:
        """Those of a project, newest first."""
        query = select(tables.erasures).filter_by(project=project).order_by(_ERASURES.name.desc()).limit(limit)
        if after:
            query = query.where(_ERASURES.name < after)
        return [(row.name, _erasure(row)) for row in await self._connection.execute(query)]

    async def erased(self, project: str) -> frozenset[str]:
        """Digests of pictures that were erased and that the project does not hold again."""
        held = select(_ARTIFACTS.digest).where(
            _ARTIFACTS.project == _ERASURES.project, _ARTIFACTS.digest == _ERASURES.image_digest
        )
        query = select(_ERASURES.image_digest).where(_ERASURES.project == project, ~held.exists())
        return frozenset((await self._connection.scalars(query)).all())

    async def running(self, *, after: str) -> ErasureWork | None:
        """The oldest RUNNING erasure whose name is behind `after`, in the order of names."""
        query = select(tables.erasures).where(_ERASURES.state == ErasureState.RUNNING.value, _ERASURES.name > after)
        row = (await self._connection.execute(query.order_by(_ERASURES.name).limit(1))).one_or_none()
        return None if row is None else _work(row)

    async def lock(self, name: str) -> ErasureWork | None:
        """Get it and hold its row until the transaction ends; None where it is not RUNNING any more."""
        query = select(tables.erasures).filter_by(name=name, state=ErasureState.RUNNING.value)
        row = (await self._connection.execute(query.with_for_update())).one_or_none()
        return None if row is None else _work(row)

    async def is_worked_on(self, audit: str) -> bool:
        """Whether a worker still holds a shard of an audit, which was cancelled."""
        shards = tables.shards.c
        held = exists().where(shards.audit == audit, shards.lease_until.is_not(None))
        return bool(await self._connection.scalar(select(held)))

    async def replace_result(self, work: ErasureWork, audit: str, new: NewResult) -> frozenset[str]:
        """Give an audit, and those that reuse its result, another result, and note that in the receipt."""
        changed = or_(_AUDITS.name == audit, _AUDITS.reused_from == audit)
        query = select(_AUDITS.name, _AUDITS.result_digest, _AUDITS.artifact_digests).where(changed)
        before = (await self._connection.execute(query.order_by(_AUDITS.name))).all()
        digests = frozenset(one for row in before for one in (*row.artifact_digests, row.result_digest) if one)
        gone = digests - {new.result_digest, new.findings_digest}
        await self._connection.execute(update(tables.audits).where(changed).values(_columns(new)))
        for row in before:
            await notify_audit_changed(self._connection, row.name)
        told = {audit: _gone, **{row.name: _told(new, row) for row in before}}
        results = tuple(told.get(one.audit, _same)(one) for one in work.erasure.receipt.results)
        verdicts = await let_verdicts_go(self._connection, gone)
        await self._note(work.erasure, replace(work.erasure.receipt, results=results), verdicts=verdicts)
        return gone

    async def replace_document(self, work: ErasureWork, verdict: str, digest: str) -> frozenset[str]:
        """Give a verdict another document; the same digest: it stays. Return digests that may go."""
        query = select(_VERDICTS.document_digest, _VERDICTS.artifact_digests).where(_VERDICTS.name == verdict)
        row = (await self._connection.execute(query.with_for_update())).one_or_none()
        await self._connection.execute(
            update(tables.erasures)
            .where(_ERASURES.name == work.erasure.name)
            .values(verdicts=func.array_remove(_ERASURES.verdicts, verdict))
        )
        if row is None or row.document_digest == digest:
            return frozenset()
        named = sorted({*row.artifact_digests, digest} - {row.document_digest, ""})
        changed = update(tables.verdicts).where(_VERDICTS.name == verdict)
        await self._connection.execute(changed.values(document_digest=digest, artifact_digests=named))
        receipt = work.erasure.receipt
        await self._note(work.erasure, replace(receipt, verdicts=tuple(sorted({*receipt.verdicts, verdict}))))
        return frozenset({row.document_digest})

    async def drop_files(self, work: ErasureWork, digests: Sequence[str]) -> None:
        """Note that these artifacts are no longer held, and that their bytes wait."""
        current = await self.get(work.erasure.name)
        assert current is not None, "its row is locked"
        artifacts = tuple(sorted({*current.receipt.artifacts, *digests}))
        await self._note(current, replace(current.receipt, artifacts=artifacts), files=digests)

    async def since(self, moment: datetime | None) -> tuple[frozenset[str], datetime]:
        """Return digests that erasures took away since ten minutes before a moment, with the database's present one."""
        now = (await self._connection.execute(select(func.now()))).scalar_one()
        recent = _ERASURES.state == ErasureState.RUNNING.value
        if moment is not None:
            recent = or_(recent, _ERASURES.end_time > moment - LOOK_BACK)
        rows = await self._connection.execute(select(_ERASURES.image_digest, _ERASURES.receipt).where(recent))
        digests = {one for row in rows for one in (row.image_digest, *value_of(RECEIPT, row.receipt).artifacts)}
        return frozenset(digests), now

    async def end(self, name: str) -> None:
        """DONE."""
        ended = update(tables.erasures).where(_ERASURES.name == name)
        values = {"state": ErasureState.DONE.value, "end_time": func.now(), "bytes": [], "verdicts": []}
        await self._connection.execute(ended.values(values))

    async def _note(
        self, erasure: Erasure, receipt: Receipt, *, verdicts: Sequence[str] = (), files: Sequence[str] = ()
    ) -> None:
        values = {
            "receipt": document_of(RECEIPT, receipt),
            "verdicts": _ERASURES.verdicts.concat(literal(list(verdicts), ARRAY(Text))),
            "bytes": _ERASURES.bytes.concat(literal(list(files), ARRAY(Text))),
        }
        await self._connection.execute(update(tables.erasures).where(_ERASURES.name == erasure.name).values(values))

    async def _one(self, query: Select[Any]) -> Erasure | None:
        row = (await self._connection.execute(query)).one_or_none()
        return None if row is None else _erasure(row)


def _items_of(query: Select[Any], project: str, digest: str) -> Select[Any]:
    joined = query.join_from(tables.dataset_items, tables.datasets, _DATASETS.id == _ITEMS.dataset_id)
    return joined.where(_DATASETS.project == project, _ITEMS.image_digest == digest)


def _columns(new: NewResult) -> dict[str, Any]:
    """The columns of an audit with a new result, or with none."""
    values: dict[str, Any] = {"sequence": _AUDITS.sequence + 1, "result_digest": new.result_digest}
    values["outcome"] = outcome_column(new.says)
    values["artifact_digests"] = sorted({new.result_digest, new.findings_digest} - {""})
    if new.outcome is ErasedOutcome.REMOVED:
        values |= {"state": "FAILED", "failure_reason": IMAGE_ERASED, "failure_detail": REMOVED_DETAIL}
    return values


def _same(one: ErasedResult) -> ErasedResult:
    return one


def _gone(one: ErasedResult) -> ErasedResult:
    """Of an audit that was deleted meanwhile."""
    return replace(one, outcome=ErasedOutcome.REMOVED)


def _told(new: NewResult, before: Any) -> Callable[[ErasedResult], ErasedResult]:
    """What the receipt then says of an audit."""
    findings = next((one for one in before.artifact_digests if one != before.result_digest), "")

    def told(one: ErasedResult) -> ErasedResult:
        return replace(
            one,
            outcome=new.outcome,
            result_digest_before=before.result_digest,
            result_digest=new.result_digest,
            findings_digest_before=findings,
            findings_digest=new.findings_digest,
        )

    return told


def _work(row: Row[Any]) -> ErasureWork:
    return ErasureWork(_erasure(row), tuple(row.verdicts), tuple(row.bytes))


def _erasure(row: Row[Any]) -> Erasure:
    return Erasure(
        name=row.name,
        image_digest=row.image_digest,
        state=ErasureState(row.state),
        principal=row.principal,
        receipt=value_of(RECEIPT, row.receipt),
        create_time=row.create_time,
        end_time=row.end_time,
    )
