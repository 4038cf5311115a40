"""The task of a SWAP shard: one version scores the composed pictures of a swap of a spot.

Each picture is a subset that keeps every pixel. Nothing is masked, so the fill does not matter.
"""

from modicum_server.domain.audits import AuditFailure, AuditItem, Shard
from modicum_server.domain.findings import whole_subset
from modicum_server.domain.searches import Fill
from modicum_server.domain.spot_swaps import VIEWS, SwapPlan
from modicum_server.domain.tasks import GivenSubset, ScoreWork, Task
from modicum_server.worker.context import WorkerContext
from modicum_server.worker.endings import DropShard, FailAudit
from modicum_server.worker.plan.tasks import task_of
from modicum_server.worker.stored_work import parts_of


async def plan_swap(context: WorkerContext, shard: Shard) -> Task | DropShard | FailAudit:
    """Plan what a version is to score, where the swap is still wanted."""
    async with context.store.transaction() as transaction:
        swap = await transaction.spot_swaps.get(shard.audit)
        version = await transaction.models.version(shard.model_version)
        if swap is None or not swap.is_open:
            return DropShard()
        if version is None:
            return FailAudit(AuditFailure("MODEL_VERSION_NOT_FOUND", f"{shard.model_version} was deleted"))
        parts = await parts_of(transaction, version)
    work = _work(swap.plan, shard.model_version, context.settings.max_image_pixels)
    return task_of(shard, work, version=version, parts=parts, device=context.settings.device)


def _work(plan: SwapPlan, version: str, max_image_pixels: int) -> ScoreWork:
    target = plan.target_classes[plan.model_versions.index(version)]
    everything = whole_subset(plan.canvas.height, plan.canvas.width)
    return ScoreWork(
        canvas=plan.canvas,
        fill=Fill.MEAN,
        threshold=1.0,
        seed=0,
        items=tuple(
            AuditItem(place, view.value, digest, None)
            for place, (view, digest) in enumerate(zip(VIEWS, plan.pictures, strict=True))
        ),
        subsets=tuple(GivenSubset(place, version, target, everything) for place in range(len(VIEWS))),
        framing=plan.framing,
        max_image_pixels=max_image_pixels,
    )
