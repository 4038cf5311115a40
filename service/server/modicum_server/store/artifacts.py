"""Which project holds which artifacts."""

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Table,
    Text,
    and_,
    any_,
    cast,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by, array, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.datasets import Artifact, HeldArtifact, UsedArtifact
from modicum_server.ports import Keyed
from modicum_server.postgres.connections import IDLE_ARTIFACT_TRANSACTION, IDLE_TIMEOUT
from modicum_server.store import tables
from modicum_server.store.artifact_uses import REFERRERS, page_of_artifacts
from modicum_server.store.projects import advisory_key
from modicum_server.store.row_arrays import PLACE, new_rows

#: A use is noted at most this often: a question for many digests writes little.
USE_NOTED_SECONDS = 3600.0
#: A backup holds it alone; a deletion of bytes shares it.
COPYING_LOCK = advisory_key("artifacts", "copying")


class PostgresArtifacts:
    """`ports.Artifacts`. What is held is locked against deletion for as long as the transaction may refer to it."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, project: str, digest: str) -> Artifact | None:
        """Get the record."""
        return next(iter(await self.get_all(project, [digest])), None)

    async def get_all(self, project: str, digests: Sequence[str]) -> list[Artifact]:
        """Get the records that are there."""
        fields = [tables.artifacts.c[field.name] for field in dataclasses.fields(Artifact)]
        ours = tables.artifacts.c.project == project, tables.artifacts.c.digest == any_(literal(digests, ARRAY(Text)))
        return [Artifact(**row) for row in (await self._connection.execute(select(*fields).where(*ours))).mappings()]

    async def page(self, project: str, *, beginning: str, after: str, limit: int) -> list[Keyed[UsedArtifact]]:
        """Return those of a project whose digest begins so, by rising digest, each with what refers to it."""
        return await page_of_artifacts(self._connection, project, beginning=beginning, after=after, limit=limit)

    async def held(self, project: str, digests: Sequence[str]) -> frozenset[str]:
        """Return which of them the project holds."""
        query = (
            select(tables.artifacts.c.digest)
            .where(
                tables.artifacts.c.project == project, tables.artifacts.c.digest == any_(literal(digests, ARRAY(Text)))
            )
            .with_for_update(key_share=True, read=True)
        )
        return frozenset((await self._connection.scalars(query)).all())

    async def use(self, project: str, digests: Sequence[str]) -> frozenset[str]:
        """Note that the project needs them now, and return which of them it holds."""
        held = await self.held(project, digests)
        records = tables.artifacts.c
        stale = records.used_time < func.now() - func.make_interval(0, 0, 0, 0, 0, 0, USE_NOTED_SECONDS)
        ours = records.project == project, records.digest == any_(literal(sorted(held), ARRAY(Text))), stale
        turn = select(records.digest).where(*ours).order_by(records.digest).with_for_update(key_share=True)
        noted = update(tables.artifacts).where(records.project == project, records.digest.in_(turn))
        await self._connection.execute(noted.values(used_time=func.now()))
        return held

    async def lock(self, digest: str) -> bool:
        """Hold the digest alone until the transaction ends, to store or delete its bytes. Return whether it is held."""
        await self.lock_all([digest])
        return await self._held_anywhere(digest)

    async def lock_all(self, digests: Iterable[str]) -> None:
        """Hold these digests alone until the transaction ends. All lock in one order, so nobody waits in a circle."""
        patience = func.set_config(IDLE_TIMEOUT, IDLE_ARTIFACT_TRANSACTION, True)
        each = func.unnest(literal(sorted(digests), ARRAY(Text))).column_valued("digest")
        await self._connection.execute(select(func.pg_advisory_xact_lock(advisory_key("artifact", each)), patience))

    async def may_delete_bytes(self) -> bool:
        """Return whether no backup copies bytes now; if so, none begins until the transaction ends."""
        return bool(await self._connection.scalar(select(func.pg_try_advisory_xact_lock_shared(COPYING_LOCK))))

    async def all_held(self, *, after: str, limit: int) -> list[HeldArtifact]:
        """Return what any project holds, by rising digest, behind `after`."""
        records = tables.artifacts.c
        projects = func.array_agg(aggregate_order_by(records.project, records.project))
        query = select(records.digest, func.max(records.size_bytes), projects).where(records.digest > after)
        rows = await self._connection.execute(query.group_by(records.digest).order_by(records.digest).limit(limit))
        return [HeldArtifact(digest, size_bytes, tuple(held)) for digest, size_bytes, held in rows]

    async def add(self, project: str, digest: str, size_bytes: int, *, principal: str = "") -> Artifact:
        """Store the record, or return the one that is there. What project and principal store stays locked."""
        (record,) = await self.add_all(project, {digest: size_bytes}, principal=principal)
        return record

    async def add_all(self, project: str, sizes: Mapping[str, int], *, principal: str = "") -> list[Artifact]:
        """Store the records that are not there yet, and return all. What project and principal store stays locked."""
        digests = sorted(sizes)
        rows = new_rows(tables.artifacts, {"digest": digests, "size_bytes": [sizes[digest] for digest in digests]})
        query = select(literal(project), literal(principal), rows.c.digest, rows.c.size_bytes).order_by(rows.c[PLACE])
        added = insert(tables.artifacts).from_select(["project", "principal", "digest", "size_bytes"], query)
        counted = added.on_conflict_do_nothing().returning(tables.artifacts.c.size_bytes)
        if new := (await self._connection.scalars(counted)).all():
            await self._count(project, principal, sum(new))
        return await self.get_all(project, list(sizes))

    async def referrers(self, project: str, digest: str, *, besides: str = "") -> list[str]:
        """Return at most 10 names of versions, data sets, audits, verdicts and swaps that refer to it.

        Locks the record. With `besides`, items that hold the picture of that digest do not count.
        """
        record = select(tables.artifacts).filter_by(project=project, digest=digest)
        await self._connection.execute(record.with_for_update())
        found: list[str] = []
        datasets = partial(_datasets, besides=besides)
        for query in (each(literal(digest)) for each in (_versions, datasets, _audits, _verdicts, _swaps)):
            here = query.where(query.selected_columns.project == project)
            rows = await self._connection.execute(here.order_by("name").limit(REFERRERS - len(found)))
            found += [row.name for row in rows]
        return found

    async def delete(self, project: str, digest: str) -> bool:
        """Delete the record. Return whether no project holds the bytes any more."""
        records = tables.artifacts.c
        gone = delete(tables.artifacts).filter_by(project=project, digest=digest)
        row = (await self._connection.execute(gone.returning(records.principal, records.size_bytes))).one_or_none()
        if row is not None:
            await self._count(project, row.principal, -row.size_bytes)
        return not await self._held_anywhere(digest)

    async def stored_bytes(self, project: str) -> int:
        """Return the bytes of all artifacts that the project holds, as they are counted in one row."""
        query = select(tables.project_totals.c.artifact_bytes).filter_by(project=project)
        return await self._connection.scalar(query) or 0

    async def stored_bytes_of(self, principal: str, projects: Collection[str]) -> int:
        """Return the bytes of the artifacts that the principal uploaded and these projects hold, of one row each."""
        totals = tables.principal_totals.c
        theirs = totals.project == any_(literal(sorted(projects), ARRAY(Text))), totals.principal == principal
        return int(await self._connection.scalar(select(func.sum(totals.artifact_bytes)).where(*theirs)) or 0)

    async def count_in_turn(self, whose: str) -> None:
        """Wait for the transactions of this principal that did so before; those that come wait for this one."""
        await self._connection.execute(select(func.pg_advisory_xact_lock(advisory_key("uploaded", whose))))

    async def _count(self, project: str, principal: str, size_bytes: int) -> None:
        """Count bytes that came or went. The project's row is always locked first, so nobody waits in a circle."""
        await self._add(tables.project_totals, {"project": project}, size_bytes)
        if principal:
            await self._add(tables.principal_totals, {"project": project, "principal": principal}, size_bytes)

    async def _add(self, totals: Table, whose: Mapping[str, str], size_bytes: int) -> None:
        row = insert(totals).values(**whose, artifact_bytes=func.greatest(size_bytes, 0))
        counted = {"artifact_bytes": func.greatest(totals.c.artifact_bytes + size_bytes, 0)}
        await self._connection.execute(row.on_conflict_do_update(index_elements=list(whose), set_=counted))

    async def _held_anywhere(self, digest: str) -> bool:
        return bool(await self._connection.scalar(select(exists().where(tables.artifacts.c.digest == digest))))


Named = Select[tuple[str, str]]
Digest = ColumnElement[str]


def _versions(digest: Digest) -> Named:
    versions = tables.model_versions.c
    return select(versions.name, versions.project).where(versions.artifact_digest == digest)


def _datasets(digest: Digest, *, besides: str = "") -> Named:
    datasets, items = tables.datasets.c, tables.dataset_items.c
    counted = (items.image_digest != besides,) if besides else ()
    by_item = [
        datasets.id.in_(
            select(items.dataset_id).where(column == digest, column != "", *counted).correlate(tables.artifacts)
        )
        for column in (items.image_digest, items.boxes_digest, items.mask_digest)
    ]
    kept = datasets.images_delete_time.is_(None)
    return select(datasets.name, datasets.project).where(
        or_(datasets.manifest_digest == digest, and_(kept, or_(*by_item)))
    )


def _audits(digest: Digest) -> Named:
    audits = tables.audits.c
    return select(audits.name, audits.project).where(audits.artifact_digests.contains(_alone(digest)))


def _verdicts(digest: Digest) -> Named:
    verdicts = tables.verdicts.c
    named = verdicts.artifact_digests.contains(_alone(digest))
    return select(verdicts.name, verdicts.project).where(named)


def _swaps(digest: Digest) -> Named:
    swaps = tables.spot_swaps.c
    return select(swaps.name, swaps.project).where(swaps.plan["pictures"].has_key(digest))


def _alone(digest: Digest) -> ColumnElement[Any]:
    return cast(array([digest]), ARRAY(Text))


#: What refers to a digest, by indices. Swaps do too; they have no index, and are asked for one digest at a time.
ROWS_THAT_REFER = (_versions, _datasets, _audits, _verdicts)
