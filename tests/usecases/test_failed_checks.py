"""What callers read of a check that failed and is tried again."""

from modicum_server.domain.audits import Shard

from tests.usecases.usecases_stage import Place


async def _claimed(place: Place) -> Shard:
    async with place.store.transaction() as transaction:
        shard = await transaction.shards.claim("worker", lease_seconds=60)
    assert shard is not None
    return shard


async def _handed_back(place: Place, **why) -> None:
    shard = await _claimed(place)
    async with place.store.transaction() as transaction:
        assert await transaction.shards.hand_back(shard, failed_tries=1, delay_seconds=0, **why)


async def test_a_failed_try_of_a_check_is_told_until_the_version_is_checked_and_is_no_time_away(place):
    version = await place.register(check=None)
    assert await place.versions.failed_try(version) == ""

    await _handed_back(place, away_reason="try 1 of 2 failed")
    assert await place.versions.failed_try(version) == "try 1 of 2 failed"

    second = await _claimed(place)
    assert second.away_seconds == 0
    assert await place.versions.failed_try(version) == "try 1 of 2 failed"

    async with place.store.transaction() as transaction:
        await transaction.shards.finish(second, passes_done=0)
    assert await place.versions.failed_try(version) == ""


async def test_a_check_that_waits_for_what_is_away_tells_no_failed_try(place):
    version = await place.register(check=None)

    await _handed_back(place, away_seconds=1.0, away_reason="the store is away")

    assert await place.versions.failed_try(version) == ""
