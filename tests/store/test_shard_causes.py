"""A shard is stored with the call that it was queued for."""

from modicum_server.domain.audits import NewShard, Stage
from modicum_server.domain.traces import NO_CAUSE, Cause

from tests.store.store_scene import PROJECT, Scene


async def test_a_shard_and_its_halves_know_the_call_that_they_were_queued_for(store, scene: Scene):
    cause = Cause("request-7", f"00-{'a' * 32}-{'b' * 16}-01")
    audit = await scene.audit(count=2)
    assert (await scene.claim()).cause == NO_CAUSE
    async with store.transaction() as transaction:
        search = NewShard(Stage.SEARCH, audit.specification.model_versions[0], positions=(0, 1))
        await transaction.shards.add(PROJECT, audit.name, [search], cause)

    whole = await scene.claim()
    async with store.transaction() as transaction:
        await transaction.shards.split(whole)
    halves = [await scene.claim(), await scene.claim()]

    assert [shard.cause for shard in (whole, *halves)] == [cause] * 3
