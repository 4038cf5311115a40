import asyncio
from dataclasses import replace

import pytest
from modicum_server.domain.audits import LeaseState, NewShard, Stage
from modicum_server.domain.buildable import LeftToOthers
from modicum_server.domain.models import Ensemble, InputDropout

from tests.store.store_scene import CHECK, PROJECT, Scene, finding, new_version

PAST = -1.0  # a lease that has expired from the start


async def test_claimers_at_the_same_time_never_get_one_shard(store, scene: Scene):
    await scene.audit(count=30, cut=[[position] for position in range(30)])

    async def claim_all() -> list[int]:
        mine = []
        while True:
            async with store.transaction() as transaction:
                shard = await transaction.shards.claim("worker", lease_seconds=60)
            if shard is None:
                return mine
            mine.append(shard.id)

    claimed = [shard for mine in await asyncio.gather(*(claim_all() for _ in range(6))) for shard in mine]

    assert len(claimed) == 30
    assert len(set(claimed)) == 30


async def test_a_claim_takes_the_project_with_the_fewest_held_then_the_longest_unserved_then_the_oldest(
    store, scene: Scene
):
    small = await scene.project("small")
    await scene.audit("big", count=4, cut=[[0], [1], [2], [3]])
    await scene.audit("little", project=small, count=2, cut=[[0], [1]])

    claims = [await scene.claim() for _ in range(6)]

    # Both unserved: by name. Then the other holds fewer. Then one each: the longest unserved. Then the rest.
    assert [(shard.project, shard.positions) for shard in claims] == [
        (PROJECT, (0,)),
        (small, (0,)),
        (PROJECT, (1,)),
        (small, (1,)),
        (PROJECT, (2,)),
        (PROJECT, (3,)),
    ]


async def test_a_project_that_holds_nothing_comes_before_one_that_was_served_longer_ago(store, scene: Scene):
    small = await scene.project("small")
    await scene.audit("big", count=3, cut=[[0], [1], [2]])
    await scene.audit("little", project=small, count=2, cut=[[0], [1]])
    first, second = await scene.claim(), await scene.claim()
    assert (first.project, second.project) == (PROJECT, small)

    async with store.transaction() as transaction:
        await transaction.shards.finish(second, passes_done=0)

    assert (await scene.claim()).project == small


async def test_the_summary_of_an_audit_comes_before_earlier_requests(store, scene: Scene):
    await scene.audit("waiting", count=2, cut=[[0], [1]])
    await scene.audit("done", count=1)
    other = f"{PROJECT}/audits/waiting"
    async with store.transaction() as transaction:
        summary = NewShard(Stage.SUMMARISE, model_version="")
        await transaction.shards.add(PROJECT, f"{PROJECT}/audits/done", [summary])

    async with store.transaction() as transaction:
        fair = await transaction.shards.claim("worker", lease_seconds=60, finishing=other)
        summary_first = await transaction.shards.claim("worker", lease_seconds=60, finishing=f"{PROJECT}/audits/done")
        fair_again = await transaction.shards.claim("worker", lease_seconds=60, finishing=f"{PROJECT}/audits/done")

    assert [(each.audit, each.stage) for each in (fair, summary_first, fair_again)] == [
        (other, Stage.SEARCH),
        (f"{PROJECT}/audits/done", Stage.SUMMARISE),
        (other, Stage.SEARCH),
    ]
    assert summary_first.attempt == 1


async def test_a_search_waits_until_its_version_is_ready(store, scene: Scene):
    version = await scene.model(ready=False)
    await scene.audit(version=version)

    async with store.transaction() as transaction:
        assert await transaction.shards.claim("worker", lease_seconds=5) is None
        await transaction.models.accept(version, CHECK)
        assert await transaction.shards.claim("worker", lease_seconds=5) is not None


async def test_a_check_is_queued_once_and_claimed_while_its_version_is_pending(store, scene: Scene):
    version = await scene.model(ready=False)
    async with store.transaction() as transaction:
        for _ in range(2):
            await transaction.shards.add(PROJECT, "", [NewShard(Stage.CHECK, version)])

        shard = await transaction.shards.claim("worker", lease_seconds=5)
        assert (shard.stage, shard.model_version, shard.audit) == (Stage.CHECK, version, "")
        assert await transaction.shards.claim("worker", lease_seconds=5) is None
        assert await transaction.shards.renew(shard, lease_seconds=5, passes_done=3) is LeaseState.HELD
        assert await transaction.shards.finish(shard, passes_done=3)


async def test_an_expired_lease_returns_to_the_queue_and_its_old_holder_cannot_write(store, scene: Scene):
    audit = await scene.audit()
    zombie = await scene.claim("slow", lease_seconds=PAST)

    async with store.transaction() as transaction:
        assert await transaction.shards.expire() == 1
    assert await refused(store, zombie)
    successor = await scene.claim("quick")

    assert successor == replace(zombie, attempt=zombie.attempt + 1)
    assert await refused(store, zombie)
    async with store.transaction() as transaction:
        assert await transaction.shards.hold(successor)
        assert await transaction.shards.expire() == 0
        assert await transaction.shards.remaining(audit.name, Stage.SEARCH) == 1
        assert (await transaction.shards.facts())["expired_total"] == 1


async def refused(store, zombie) -> bool:
    async with store.transaction() as transaction:
        shards = transaction.shards
        accepted = [
            await shards.hold(zombie),
            await shards.renew(zombie, lease_seconds=5, passes_done=1) is LeaseState.HELD,
            await shards.finish(zombie, passes_done=1),
            await shards.hand_back(zombie, failed_tries=1, delay_seconds=0),
            await shards.split(zombie),
        ]
    return not any(accepted)


async def test_a_renewal_saves_a_lease_that_is_late_but_not_yet_expired(store, scene: Scene):
    await scene.audit()
    shard = await scene.claim(lease_seconds=PAST)

    async with store.transaction() as transaction:
        assert await transaction.shards.renew(shard, lease_seconds=60, passes_done=5) is LeaseState.HELD
    async with store.transaction() as transaction:
        assert await transaction.shards.expire() == 0


async def test_passes_are_reported_while_a_shard_runs_and_never_counted_twice(store, scene: Scene):
    audit = await scene.audit(cut=[[0, 1], [2, 3]])
    first, second = await scene.claim(), await scene.claim()

    async def passes(change) -> int:
        async with store.transaction() as transaction:
            await change(transaction)
        return (await scene.get(audit.name)).progress.passes_done

    assert await passes(lambda t: t.shards.renew(first, lease_seconds=5, passes_done=7)) == 7
    assert await passes(lambda t: t.shards.renew(second, lease_seconds=5, passes_done=4)) == 11
    assert await passes(lambda t: t.audits.add_progress(audit.name, passes_done=9)) == 11
    assert await passes(lambda t: t.audits.add_progress(audit.name, passes_done=12)) == 12
    assert await passes(lambda t: t.shards.finish(first, passes_done=10)) == 14
    assert await passes(lambda t: t.shards.hand_back(second, failed_tries=1, delay_seconds=0)) == 14
    third = await scene.claim()
    assert await passes(lambda t: t.shards.finish(third, passes_done=5)) == 19


async def test_an_audit_plans_what_a_shard_spent_and_spends_once_more_what_was_given_up(store, scene: Scene):
    audit = await scene.audit(cut=[[0, 1], [2, 3]])  # 20 passes planned for each
    first, second = await scene.claim(), await scene.claim()

    async def left(change) -> tuple[int, int]:
        async with store.transaction() as transaction:
            await change(transaction)
        progress = (await scene.get(audit.name)).progress
        return progress.passes_done, progress.passes_planned - progress.passes_done

    assert await left(lambda t: t.shards.renew(second, lease_seconds=5, passes_done=4)) == (4, 36)
    assert await left(lambda t: t.shards.finish(first, passes_done=7)) == (11, 16)
    assert await left(lambda t: t.shards.hand_back(second, failed_tries=1, delay_seconds=0)) == (11, 20)
    third = await scene.claim()
    assert await left(lambda t: t.shards.finish(third, passes_done=25)) == (36, 0)
    assert await left(lambda t: t.audits.plan_rest(audit.name, 9)) == (36, 9)


async def test_a_shard_that_is_handed_back_waits_and_keeps_its_failed_tries(store, scene: Scene, run_sql):
    await scene.audit()
    shard = await scene.claim()

    async with store.transaction() as transaction:
        assert await transaction.shards.hand_back(shard, failed_tries=2, delay_seconds=60)
    async with store.transaction() as transaction:
        assert await transaction.shards.claim("worker", lease_seconds=5) is None
    run_sql("UPDATE shards SET not_before = not_before - interval '60 s'")

    again = await scene.claim()
    assert again == replace(shard, attempt=2, failed_tries=2)


async def test_a_split_shard_is_two_halves_that_have_begun_without_failed_tries(store, scene: Scene):
    audit = await scene.audit(count=5)
    shard = await scene.claim()

    async with store.transaction() as transaction:
        assert await transaction.shards.split(shard)
    halves = [await scene.claim(), await scene.claim()]

    assert [half.positions for half in halves] == [(0, 1), (2, 3, 4)]
    assert [half.passes_planned for half in halves] == [20, 30]
    assert {(half.failed_tries, half.attempt, half.audit) for half in halves} == {(0, 2, audit.name)}


async def test_one_position_cannot_be_halved(store, scene: Scene):
    await scene.audit(count=1)
    shard = await scene.claim()

    with pytest.raises(ValueError, match="two are needed"):
        async with store.transaction() as transaction:
            await transaction.shards.split(shard)


async def test_two_concurrent_ends_of_the_last_shards_open_the_next_stage_once(store, scene: Scene, until_one_waits):
    audit = await scene.audit(cut=[[0, 1], [2, 3]])
    shards = [await scene.claim(), await scene.claim()]

    ended = []

    async def end(shard) -> int:
        async with store.transaction() as transaction:
            assert await transaction.shards.hold(shard)
            await transaction.findings.add(shard.audit, [finding(shard.positions[0], shard.model_version)])
            await transaction.shards.finish(shard, passes_done=1)
            ended.append(shard)
            if len(ended) == 1:
                await until_one_waits()
            return await transaction.shards.remaining(audit.name, Stage.SEARCH)

    assert sorted(await asyncio.gather(*(end(shard) for shard in shards))) == [0, 1]


async def test_shards_of_a_deleted_audit_are_removed(store, scene: Scene):
    audit = await scene.audit()
    shard = await scene.claim(lease_seconds=PAST)
    async with store.transaction() as transaction:
        await transaction.audits.cancel(audit.name)
        await transaction.audits.delete(audit.name)
        assert await transaction.shards.renew(shard, lease_seconds=PAST, passes_done=0) is LeaseState.CANCELLED

    for _ in range(2):
        async with store.transaction() as transaction:
            await transaction.shards.expire()

    async with store.transaction() as transaction:
        assert await transaction.shards.remaining(audit.name, Stage.SEARCH) == 0


async def test_two_concurrent_searches_for_expired_leases_count_each_once(store, scene: Scene):
    await scene.audit(count=6, cut=[[position] for position in range(6)])
    for _ in range(6):
        await scene.claim(lease_seconds=PAST)

    all_looked = asyncio.Barrier(3)

    async def expire() -> int:
        async with store.transaction() as transaction:
            count = await transaction.shards.expire()
            await all_looked.wait()
            return count

    assert sum(await asyncio.gather(expire(), expire(), expire())) == 6


async def test_the_facts_describe_the_queue(store, scene: Scene, run_sql):
    await scene.audit(cut=[[0], [1], [2, 3]])
    await scene.claim()
    run_sql("UPDATE shards SET not_before = not_before - interval '60 s'")

    async with store.transaction() as transaction:
        facts = await transaction.shards.facts()

    assert (facts["queued"], facts["held"], facts["expired_total"]) == (2, 1, 0)
    assert 60 <= facts["oldest_queued_seconds"] < 90


async def test_an_empty_queue_has_facts_too(store):
    async with store.transaction() as transaction:
        assert await transaction.shards.facts() == {
            "queued": 0,
            "held": 0,
            "oldest_queued_seconds": 0,
            "expired_total": 0,
        }


async def test_workers_cancellations_and_expiries_at_once_wait_for_each_other_in_one_order(store, scene: Scene):
    version = await scene.model()
    audits = [
        await scene.audit(f"a{number}", version=version, count=8, cut=[[p] for p in range(8)]) for number in range(4)
    ]
    busy = asyncio.Event()

    async def work() -> None:
        while True:
            async with store.transaction() as transaction:
                # Some leases have expired from the start, so their holders are zombies when they write.
                shard = await transaction.shards.claim("worker", lease_seconds=PAST if busy.is_set() else 60)
            if shard is None:
                return
            busy.clear() if busy.is_set() else busy.set()
            async with store.transaction() as transaction:
                if await transaction.shards.hold(shard):
                    await transaction.findings.add(shard.audit, [finding(shard.positions[0], version)])
                    await transaction.audits.add_progress(shard.audit, passes_done=1)
            async with store.transaction() as transaction:
                await transaction.shards.finish(shard, passes_done=1)

    async def cancel() -> None:
        for audit in audits[:2]:
            await asyncio.sleep(0.1)
            async with store.transaction() as transaction:
                await transaction.audits.lock(audit.name)
                await transaction.audits.cancel(audit.name)
                await transaction.audits.delete(audit.name)

    async def expire() -> None:
        for _ in range(20):
            await asyncio.sleep(0.02)
            async with store.transaction() as transaction:
                await transaction.shards.expire()

    await asyncio.gather(*(work() for _ in range(4)), cancel(), expire(), expire())
    await work()

    for audit in audits[2:]:
        assert (await scene.get(audit.name)).progress.images_done == 8


RESNETS = (
    LeftToOthers(families=frozenset({"torchvision"})),
    LeftToOthers(architectures=frozenset({"torchvision:resnet18"})),
)
OTHERS = LeftToOthers(frozenset({"timm"}), frozenset({"torchvision:resnet34"}))


@pytest.mark.long_after(1)
@pytest.mark.parametrize("left", RESNETS)
async def test_what_is_left_to_other_workers_is_not_claimed(store, scene: Scene, left: LeftToOthers):
    await scene.audit(cut=[[0]])

    async with store.transaction() as transaction:
        assert await transaction.shards.claim("worker", lease_seconds=60, left=left) is None
        assert await transaction.shards.claim("worker", lease_seconds=60, left=OTHERS) is not None


@pytest.mark.long_after(1)
@pytest.mark.parametrize("left", RESNETS)
@pytest.mark.parametrize("wrapped", [False, True])
async def test_a_version_made_of_what_is_left_to_others_is_left_with_it(store, scene, left, wrapped):
    member = await scene.model()
    ensemble = await _check_of(store, "ensemble", "3", Ensemble(members=(member, member)))
    name = await _check_of(store, "wrapper", "4", InputDropout(ensemble, 0.8, 4, 0)) if wrapped else ensemble

    async with store.transaction() as transaction:
        await transaction.shards.add(PROJECT, "", [NewShard(Stage.CHECK, name)])
        assert await transaction.shards.claim("worker", lease_seconds=60, left=left) is None
        assert await transaction.shards.claim("worker", lease_seconds=60, left=OTHERS) is not None


async def _check_of(store, model: str, digit: str, source) -> str:
    async with store.transaction() as transaction:
        await transaction.models.create(f"{PROJECT}/models/{model}")
        version = await transaction.models.create_version(f"{PROJECT}/models/{model}", new_version(digit * 64, source))
    return version.name


async def test_the_upcoming_shard_is_the_next_one_for_each_of_several_workers(store, scene: Scene):
    await scene.audit(count=6, cut=[[position] for position in range(6)])
    held = [await scene.claim(f"worker-{number}") for number in range(3)]

    async with store.transaction() as transaction:
        upcoming = [await transaction.shards.upcoming(shard) for shard in held]

    assert [shard.positions for shard in upcoming if shard] == [(3,), (4,), (5,)]
    for shard in held:
        async with store.transaction() as transaction:
            await transaction.shards.finish(shard, passes_done=0)
    assert [(await scene.claim()).positions for _ in range(3)] == [(3,), (4,), (5,)]


async def test_no_shard_is_upcoming_of_another_project_or_of_an_audit_that_has_ended(store, scene: Scene, run_sql):
    await scene.audit(count=2, cut=[[0], [1]])
    held = await scene.claim()
    await scene.audit("elsewhere", project=await scene.project("other"))

    run_sql("UPDATE audits SET state = 'CANCELLED' WHERE project = 'projects/default'")

    async with store.transaction() as transaction:
        assert await transaction.shards.upcoming(held) is None
