import asyncio
from dataclasses import replace

import pytest
from modicum_server.domain.audits import ItemCounts
from modicum_server.domain.datasets import DatasetItem

from tests.store.store_scene import PROJECT, Scene, items

NAME = f"{PROJECT}/datasets/photos"


async def test_a_data_set_comes_back_with_its_items_in_order(store):
    async with store.transaction() as transaction:
        created = await transaction.datasets.create(NAME, "m" * 64, items(5))
        found = await transaction.datasets.get(NAME)
        first = await transaction.datasets.items(NAME, after=-1, limit=3)
        rest = await transaction.datasets.items(NAME, after=first[-1][0], limit=3)

    assert created == found
    assert (created.item_count, created.labelled_count) == (5, 2)
    assert first + rest == list(enumerate(items(5)))


async def test_items_are_returned_in_the_order_of_the_given_indices(store):
    async with store.transaction() as transaction:
        await transaction.datasets.create(NAME, "m" * 64, items(5))

        assert await transaction.datasets.items_at(NAME, [3, 0]) == [items(5)[3], items(5)[0]]


async def test_items_are_found_by_their_names_and_unknown_names_are_left_out(store):
    first, _, third = items(3)
    async with store.transaction() as transaction:
        await transaction.datasets.create(NAME, "m" * 64, items(3))
        await transaction.datasets.create(f"{NAME}-2", "n" * 64, items(5))

        found = await transaction.datasets.named(NAME, [third.item, "gone.png", first.item])

    assert found == {first.item: first, third.item: third}


async def test_labels_are_the_different_ones_without_the_empty_one(store):
    labelled = [DatasetItem(str(place), f"{place:064x}", label) for place, label in enumerate(["b", "", "a", "b"])]
    async with store.transaction() as transaction:
        await transaction.datasets.create(NAME, "m" * 64, labelled)

        assert await transaction.datasets.labels(NAME) == {"a", "b"}


async def test_labels_of_a_data_set_of_an_earlier_release_are_read_from_its_items(store, run_sql):
    async with store.transaction() as transaction:
        await transaction.datasets.create(NAME, "m" * 64, items(5))
    run_sql("UPDATE datasets SET labels = NULL")

    async with store.transaction() as transaction:
        assert await transaction.datasets.labels(NAME) == {"cat"}


async def test_a_name_is_taken_once_also_by_two_at_the_same_time(store):
    async def create():
        async with store.transaction() as transaction:
            return await transaction.datasets.create(NAME, "m" * 64, items(2))

    created = await asyncio.gather(*(create() for _ in range(5)))

    assert sum(each is not None for each in created) == 1


@pytest.mark.long
async def test_a_hundred_thousand_items_are_stored(store):
    many = items(100_000)
    async with store.transaction() as transaction:
        await transaction.datasets.create(NAME, "m" * 64, many)

        assert await transaction.datasets.items(NAME, after=99_998, limit=5) == [(99_999, many[-1])]


async def test_deleting_a_data_set_deletes_its_items_and_lists_its_audits(store, scene):
    audit = await scene.audit()
    async with store.transaction() as transaction:
        assert await transaction.datasets.audits_of(NAME) == [audit.name]
        await transaction.audits.delete(audit.name)
        assert await transaction.datasets.audits_of(NAME) == []
        await transaction.datasets.delete(NAME)
        assert await transaction.datasets.items(NAME, after=-1, limit=1) == []


async def test_an_artifact_is_held_by_the_project_that_added_it_alone(store, scene):
    other = await scene.project("other")
    async with store.transaction() as transaction:
        artifact = await transaction.artifacts.add(PROJECT, "a" * 64, 7)
        again = await transaction.artifacts.add(PROJECT, "a" * 64, 7)

        assert artifact == again
        assert await transaction.artifacts.held(PROJECT, ["a" * 64, "b" * 64]) == {"a" * 64}
        assert await transaction.artifacts.held(other, ["a" * 64]) == frozenset()
        assert await transaction.artifacts.get(other, "a" * 64) is None


async def test_bytes_may_be_deleted_when_no_project_holds_them(store, scene):
    other = await scene.project("other")
    async with store.transaction() as transaction:
        for project in (PROJECT, other):
            await transaction.artifacts.add(project, "a" * 64, 7)

        assert await transaction.artifacts.delete(PROJECT, "a" * 64) is False
        assert await transaction.artifacts.delete(other, "a" * 64) is True


async def test_versions_data_sets_and_audits_refer_to_artifacts(store, scene):
    audit = await scene.audit()
    version = audit.specification.model_versions[0]
    async with store.transaction() as transaction:
        await transaction.audits.succeed(audit.name, result_digest="c" * 64, artifacts=["d" * 64])
        referrers = transaction.artifacts.referrers

        assert await referrers(PROJECT, "1" * 64) == [version]
        assert await referrers(PROJECT, "3" * 64) == [NAME]
        assert await referrers(PROJECT, items(2)[1].image_digest) == [NAME]
        assert await referrers(PROJECT, "c" * 64) == [audit.name]
        assert await referrers(PROJECT, "d" * 64) == [audit.name]
        assert await referrers(PROJECT, "e" * 64) == []
        assert await referrers("projects/other", "1" * 64) == []


async def test_deleting_an_artifact_waits_for_transactions_that_may_refer_to_it(store, until_one_waits):
    async with store.transaction() as transaction:
        await transaction.artifacts.add(PROJECT, "3" * 64, 7)

    async def delete():
        async with store.transaction() as transaction:
            return await transaction.artifacts.referrers(PROJECT, "3" * 64)

    async with store.transaction() as transaction:
        await transaction.artifacts.held(PROJECT, ["3" * 64])
        deletion = asyncio.create_task(delete())
        await until_one_waits()
        await transaction.datasets.create(NAME, "3" * 64, items(1))

    assert await deletion == [NAME]


async def test_storing_and_deleting_the_same_bytes_wait_for_each_other(store, until_one_waits):
    digest, locked = "3" * 64, asyncio.Event()

    async def bring():
        async with store.transaction() as transaction:
            assert not await transaction.artifacts.lock(digest)
            locked.set()
            await until_one_waits()
            await transaction.artifacts.add(PROJECT, digest, 7)

    bringing = asyncio.create_task(bring())
    await locked.wait()
    async with store.transaction() as transaction:
        assert await transaction.artifacts.lock(digest)

    await bringing


async def test_what_the_drawn_items_have_is_counted_without_erased_pictures(store, scene: Scene):
    first = await scene.audit()
    given = [
        DatasetItem("a.png", "a" * 64, "cat"),
        DatasetItem("b.png", "b" * 64, "cat", boxes_digest="1" * 64),
        DatasetItem("c.png", "c" * 64, "dog", mask_digest="2" * 64),
        DatasetItem("d.png", "d" * 64, boxes_digest="3" * 64),
    ]
    dataset = f"{PROJECT}/datasets/with-objects"
    drawn = replace(
        first,
        name=f"{PROJECT}/audits/with-objects",
        specification=replace(first.specification, dataset=dataset),
        item_count=3,
    )

    async with store.transaction() as transaction:
        await transaction.datasets.create(dataset, "4" * 64, given)
        await transaction.audits.create(drawn, [3, 1, 2])

        counted = await transaction.audits.item_counts(drawn.name, without=frozenset())
        left = await transaction.audits.item_counts(drawn.name, without={"b" * 64})

    assert counted == ItemCounts(with_labels=2, with_boxes=2, with_masks=1)
    assert left == ItemCounts(with_labels=1, with_boxes=1, with_masks=1)
