"""Data sets and their items."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ARRAY, Integer, Row, ScalarSelect, Select, Text, any_, delete, func, insert, literal, or_, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.batches import batches
from modicum_server.domain.datasets import Dataset, DatasetItem
from modicum_server.ports import Keyed
from modicum_server.store import tables
from modicum_server.store.projects import project_of
from modicum_server.store.row_arrays import PLACE, new_rows

REFERRERS = 10
ITEMS_AT_ONCE = 2_000
"""Items that one statement inserts. Making it from more would keep the loop from other calls."""
INDICES_AT_ONCE = 5_000
"""Items that one statement looks at."""
ITEM_COLUMNS = ("item", "image_digest", "label", "boxes_digest", "mask_digest")
_DATASETS = tables.datasets.c
_ITEMS = tables.dataset_items.c


class PostgresDatasets:
    """`ports.Datasets`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, name: str) -> Dataset | None:
        """Get a data set."""
        row = (await self._connection.execute(select(tables.datasets).filter_by(name=name))).one_or_none()
        return _dataset(row) if row else None

    async def page(self, project: str, *, after: str, limit: int) -> list[Keyed[Dataset]]:
        """List the data sets of a project, by name."""
        query = select(tables.datasets).where(_DATASETS.project == project, _DATASETS.name > after)
        rows = await self._connection.execute(query.order_by(_DATASETS.name).limit(limit))
        return [(row.name, _dataset(row)) for row in rows]

    async def newest(self, project: str, *, limit: int) -> list[Dataset]:
        """The data sets that were created last, the newest first."""
        query = select(tables.datasets).where(_DATASETS.project == project)
        query = query.order_by(_DATASETS.create_time.desc(), _DATASETS.name).limit(limit)
        return [_dataset(row) for row in await self._connection.execute(query)]

    async def create(
        self, name: str, manifest_digest: str, items: Sequence[DatasetItem], principal: str = ""
    ) -> Dataset | None:
        """Store it. Return None if there is one of that name; the caller compares the two."""
        query = postgresql.insert(tables.datasets).values(
            name=name,
            project=project_of(name),
            manifest_digest=manifest_digest,
            item_count=len(items),
            labelled_count=sum(1 for item in items if item.label),
            labels=sorted({item.label for item in items if item.label}),
            principal=principal,
        )
        row = (await self._connection.execute(query.on_conflict_do_nothing().returning(tables.datasets))).one_or_none()
        if row is None:
            return None
        for place, some in enumerate(batches(items, ITEMS_AT_ONCE)):
            await self._connection.execute(_items_insert(row.id, some, place * ITEMS_AT_ONCE))
        return _dataset(row)

    async def delete(self, name: str) -> None:
        """Delete it with its items."""
        await self._connection.execute(delete(tables.datasets).filter_by(name=name))

    async def items(self, name: str, *, after: int, limit: int) -> list[tuple[int, DatasetItem]]:
        """Items whose index is greater than `after` (-1 at the start), in order."""
        query = _items_of(name).where(_ITEMS.item_index > after).order_by(_ITEMS.item_index).limit(limit)
        return [(row.item_index, item_of(row)) for row in await self._connection.execute(query)]

    async def items_at(self, name: str, indices: Sequence[int]) -> list[DatasetItem]:
        """Return the items at these indices, in the order given."""
        wanted = any_(literal(list(indices), ARRAY(Integer)))
        query = _items_of(name).where(_ITEMS.item_index == wanted)
        found = {row.item_index: item_of(row) for row in await self._connection.execute(query)}
        return [found[index] for index in indices]

    async def object_count(self, name: str, indices: Sequence[int]) -> int:
        """Return how many of the items at these indices have boxes or a mask."""
        objects = (_ITEMS.boxes_digest != "") | (_ITEMS.mask_digest != "")
        query = select(func.count()).where(_ITEMS.dataset_id == _id_of(name), objects)
        found = 0
        for some in batches(indices, INDICES_AT_ONCE):
            wanted = _ITEMS.item_index == any_(literal(some, ARRAY(Integer)))
            found += await self._connection.scalar(query.where(wanted)) or 0
        return found

    async def named(self, name: str, items: Sequence[str]) -> dict[str, DatasetItem]:
        """Return those of the items that the data set has, by item name."""
        wanted = any_(literal(list(items), ARRAY(Text)))
        query = _items_of(name).where(_ITEMS.item == wanted)
        return {row.item: item_of(row) for row in await self._connection.execute(query)}

    async def hold(self, names: Sequence[str]) -> None:
        """Let no picture of these data sets be erased until the transaction ends."""
        held = select(_DATASETS.id).where(_DATASETS.name.in_(names)).order_by(_DATASETS.name)
        await self._connection.execute(held.with_for_update(key_share=True, read=True))

    async def indices_of(self, name: str, images: Collection[str]) -> frozenset[int]:
        """Return the indices of the items that hold one of these pictures."""
        if not images:
            return frozenset()
        query = select(_ITEMS.item_index).join(tables.datasets, _DATASETS.id == _ITEMS.dataset_id)
        query = query.where(_DATASETS.name == name, _ITEMS.image_digest == any_(literal(sorted(images), ARRAY(Text))))
        return frozenset((await self._connection.scalars(query)).all())

    async def labels(self, name: str) -> frozenset[str]:
        """Return the distinct labels, without the empty one."""
        stored = await self._connection.scalar(select(_DATASETS.labels).where(_DATASETS.name == name))
        if stored is None:
            query = select(_ITEMS.label).where(_ITEMS.dataset_id == _id_of(name), _ITEMS.label != "").distinct()
            stored = (await self._connection.scalars(query)).all()
        return frozenset(stored)

    async def audits_of(self, name: str) -> list[str]:
        """Return at most 10 names of audits of it. Locks it, so that no audit can begin to refer to it."""
        await self._connection.execute(select(_DATASETS.id).where(_DATASETS.name == name).with_for_update())
        audits = tables.audits.c
        others = [
            audits.specification[field].astext == name
            for field in ("out_of_distribution_dataset", "counterfactual_dataset")
        ]
        query = select(audits.name).where(or_(audits.dataset == name, *others)).order_by("name").limit(REFERRERS)
        return list((await self._connection.scalars(query)).all())


def _items_of(name: str) -> Select[Any]:
    """The items of a data set: by its id itself, so that their index gives their order too."""
    return select(tables.dataset_items).where(_ITEMS.dataset_id == _id_of(name))


def _id_of(name: str) -> ScalarSelect[int]:
    return select(_DATASETS.id).where(_DATASETS.name == name).scalar_subquery()


def _items_insert(dataset_id: int, items: Sequence[DatasetItem], start: int) -> Any:
    """One statement for any number of items, the first of which is item `start` of the data set."""
    columns = {column: [getattr(item, column) for item in items] for column in ITEM_COLUMNS}
    rows = new_rows(tables.dataset_items, columns)
    query = select(literal(dataset_id), rows.c[PLACE] - 1 + start, *(rows.c[column] for column in ITEM_COLUMNS))
    return insert(tables.dataset_items).from_select(["dataset_id", "item_index", *ITEM_COLUMNS], query)


def item_of(row: Row[Any]) -> DatasetItem:
    """Return the item of a row of `dataset_items`."""
    return DatasetItem(**{column: getattr(row, column) for column in ITEM_COLUMNS})


def _dataset(row: Row[Any]) -> Dataset:
    return Dataset(
        name=row.name,
        manifest_digest=row.manifest_digest,
        item_count=row.item_count,
        labelled_count=row.labelled_count,
        create_time=row.create_time,
        principal=row.principal,
        images_delete_time=row.images_delete_time,
    )
