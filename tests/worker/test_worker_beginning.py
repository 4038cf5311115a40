"""An audit is RUNNING from its first search on."""

from modicum_server.domain.audits import AuditState, Stage
from modicum_server.metrics.worker import WorkerMetrics
from modicum_server.worker.context import Claim, WorkerContext
from modicum_server.worker.lease import Lease
from modicum_server.worker.plan.search import SearchPlan, plan_search
from modicum_server.worker.run.beginning import begin_audit

from tests.worker.arithmetic_model_server import ArithmeticModelServer
from tests.worker.worker_scene import Scene


def context_of(scene: Scene) -> WorkerContext:
    return WorkerContext(scene.store, scene.artifact_store, ArithmeticModelServer(), scene.settings, WorkerMetrics())


async def test_a_plan_says_which_search_begins_the_audit_and_changes_nothing(scene: Scene):
    audit = await scene.audit(await scene.register(), images=4, shards=[range(2), range(2, 4)])
    shard, other = await scene.claim(), await scene.claim()
    context, before = context_of(scene), await scene.get(audit)

    first = await plan_search(context, shard)
    after = await scene.get(audit)
    async with Lease(scene.store, shard, lease_seconds=60, renew_seconds=60) as lease:
        await begin_audit(context, Claim(shard, 0, lease))
    second = await plan_search(context, other)

    assert isinstance(first, SearchPlan)
    assert isinstance(second, SearchPlan)
    assert (first.begins_audit, second.begins_audit) == (True, False)
    assert before == after
    begun = await scene.get(audit)
    assert (begun.state, begun.stage) == (AuditState.RUNNING, Stage.SEARCH)


async def test_a_worker_that_lost_its_shard_begins_nothing(scene: Scene):
    audit = await scene.audit(await scene.register(), images=2)
    shard = await scene.claim()
    async with scene.store.transaction() as transaction:
        await transaction.shards.hand_back(shard, failed_tries=0, delay_seconds=0)

    async with Lease(scene.store, shard, lease_seconds=60, renew_seconds=60) as lease:
        await begin_audit(context_of(scene), Claim(shard, 0, lease))

    assert (await scene.get(audit)).state is AuditState.QUEUED


async def test_a_slow_search_does_not_take_its_audit_back_to_a_stage_that_it_has_left(scene: Scene):
    audit = await scene.audit(await scene.register(), images=2)
    shard = await scene.claim()
    async with scene.store.transaction() as transaction:
        await transaction.audits.start(audit, Stage.SCORE)  # others searched what was left since this plan was made

    async with Lease(scene.store, shard, lease_seconds=60, renew_seconds=60) as lease:
        await begin_audit(context_of(scene), Claim(shard, 0, lease))

    begun = await scene.get(audit)
    assert (begun.state, begun.stage) == (AuditState.RUNNING, Stage.SCORE)
