"""Workers that are there, and what they can build."""

from modicum_server.domain.buildable import Family

TIMM = {"timm": Family(names=("resnet18", "vit_tiny")), "transformers": Family(lacks="transformers", extra="hub")}
ANY = {"acme": Family()}


async def _buildable(store):
    async with store.transaction() as transaction:
        return await transaction.workers.buildable()


async def test_a_worker_that_is_there_has_published_nothing_until_it_has_looked(store):
    async with store.transaction() as transaction:
        await transaction.workers.seen("one")

    assert await _buildable(store) == [None]

    async with store.transaction() as transaction:
        await transaction.workers.publish("one", TIMM)
    assert await _buildable(store) == [TIMM]


async def test_equal_workers_are_told_once_and_others_beside(store):
    async with store.transaction() as transaction:
        for name, families in (("one", TIMM), ("two", TIMM), ("three", ANY)):
            await transaction.workers.publish(name, families)

    told = await _buildable(store)

    assert len(told) == 2
    assert TIMM in told
    assert ANY in told


async def test_being_seen_again_keeps_what_a_worker_published(store):
    async with store.transaction() as transaction:
        await transaction.workers.publish("one", ANY)
        await transaction.workers.seen("one")

    assert await _buildable(store) == [ANY]


async def test_a_worker_that_left_or_was_not_seen_for_a_minute_is_gone(store, run_sql):
    async with store.transaction() as transaction:
        for name in ("left", "killed"):
            await transaction.workers.publish(name, ANY)
        await transaction.workers.leave("left")
    run_sql("UPDATE workers SET seen_time = now() - interval '61 seconds'")

    assert await _buildable(store) == []


async def test_a_worker_that_is_seen_forgets_those_that_are_gone(store, run_sql):
    async with store.transaction() as transaction:
        await transaction.workers.publish("killed", ANY)
    run_sql("UPDATE workers SET seen_time = now() - interval '61 seconds'")

    async with store.transaction() as transaction:
        await transaction.workers.seen("other")
    run_sql("UPDATE workers SET seen_time = now()")

    assert await _buildable(store) == [None]
