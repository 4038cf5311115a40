"""Lists the artifacts of a project with what refers to each.

Two queries read a page: its artifacts, and the referrers of all of them at once. So no table is walked through once
for each artifact, whatever plan Postgres chooses.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Select, Text, any_, func, literal, select, union, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.datasets import Artifact, UsedArtifact
from modicum_server.ports import Keyed
from modicum_server.store import tables

REFERRERS = 10
_ARTIFACTS = tables.artifacts.c
Wanted = ColumnElement[Sequence[str]]
"""The digests of a page."""


async def page_of_artifacts(
    connection: AsyncConnection, project: str, *, beginning: str, after: str, limit: int
) -> list[Keyed[UsedArtifact]]:
    """Return artifacts whose digest begins so, by rising digest behind `after`, each with what refers to it."""
    query = (
        select(_ARTIFACTS.digest, _ARTIFACTS.size_bytes, _ARTIFACTS.create_time)
        .where(_ARTIFACTS.project == project, _ARTIFACTS.digest > after, _ARTIFACTS.digest >= beginning)
        .where(_ARTIFACTS.digest < f"{beginning}g")  # behind every hexadecimal digit
        .order_by(_ARTIFACTS.digest)
        .limit(limit)
    )
    artifacts = [Artifact(project, *row) for row in await connection.execute(query)]
    uses = await _uses(connection, project, [one.digest for one in artifacts])
    return [(one.digest, UsedArtifact(one, tuple(uses.get(one.digest, ())))) for one in artifacts]


async def _uses(connection: AsyncConnection, project: str, digests: Sequence[str]) -> Mapping[str, list[str]]:
    """At most 10 names by digest, one kind after the other, each in the order of names."""
    wanted = literal(list(digests), ARRAY(Text))
    kinds = (
        _versions(project, wanted),
        _datasets(project, wanted),
        _named_in(tables.audits, project, wanted),
        _named_in(tables.verdicts, project, wanted),
        _swaps(project, wanted),
    )
    pairs = [select(kind, literal(place).label("kind")) for place, kind in enumerate(one.subquery() for one in kinds)]
    every = union_all(*pairs).subquery().c
    place = func.row_number().over(partition_by=every.digest, order_by=(every.kind, every.name))
    ranked = select(every.digest, every.name, place.label("place")).subquery().c
    query = select(ranked.digest, ranked.name).where(ranked.place <= REFERRERS).order_by(ranked.place)
    found: dict[str, list[str]] = {}
    for digest, name in await connection.execute(query):
        found.setdefault(digest, []).append(name)
    return found


def _versions(project: str, wanted: Wanted) -> Select[Any]:
    versions = tables.model_versions.c
    digest = versions.artifact_digest
    return select(digest.label("digest"), versions.name).where(versions.project == project, digest == any_(wanted))


def _datasets(project: str, wanted: Wanted) -> Any:
    """Each data set once for a digest, however many of its items have it."""
    datasets, items = tables.datasets.c, tables.dataset_items.c
    listed = select(datasets.manifest_digest.label("digest"), datasets.name)
    listed = listed.where(datasets.manifest_digest == any_(wanted))
    held = [
        select(column.label("digest"), datasets.name)
        .join_from(tables.dataset_items, tables.datasets, datasets.id == items.dataset_id)
        .where(column == any_(wanted), column != "", datasets.images_delete_time.is_(None))
        for column in (items.image_digest, items.boxes_digest, items.mask_digest)
    ]
    return union(*(one.where(datasets.project == project) for one in (listed, *held)))


def _named_in(table: Any, project: str, wanted: Wanted) -> Select[Any]:
    """Audits or verdicts, which keep the digests of all that they refer to."""
    named = select(func.unnest(table.c.artifact_digests).label("digest"), table.c.name)
    pairs = named.where(table.c.project == project, table.c.artifact_digests.overlap(wanted)).subquery().c
    return select(pairs.digest, pairs.name).where(pairs.digest == any_(wanted)).distinct()


def _swaps(project: str, wanted: Wanted) -> Select[Any]:
    """They have no index: those of the project are looked at once a page."""
    swaps = tables.spot_swaps.c
    pictures = swaps.plan["pictures"]
    named = select(func.jsonb_array_elements_text(pictures).label("digest"), swaps.name)
    pairs = named.where(swaps.project == project, pictures.has_any(wanted)).subquery().c
    return select(pairs.digest, pairs.name).where(pairs.digest == any_(wanted)).distinct()
