"""CHECK shards: loads a version once and accepts or rejects it.

A version is rejected for what the model does, never for what this worker or its model server lacks; but a program is
refused where it could do harm.
"""

from modicum_server.domain.audits import Audit
from modicum_server.domain.models import ModelCheck, ModelVersion, VersionState
from modicum_server.domain.tasks import CheckWork, Task, TaskChecked
from modicum_server.errors import ExecutableNotEnclosed, ModelServerDown, ModelServerError, TaskFailed
from modicum_server.worker.claims import Claim, Equipment, Outcome
from modicum_server.worker.deaths import DOWN_SECONDS, count_death, death_of, retry_delay
from modicum_server.worker.planning import parts_of
from modicum_server.worker.running import task_events
from modicum_server.worker.stages import drop_shard, fail_audits_of_rejected, hand_back

#: Tries of a check that fails by our own fault or for want of memory; registering the version again checks it again.
CHECK_TRIES = 6
#: Longest time between two tries of a check that fails by our own fault, in seconds.
LONGEST_DELAY_SECONDS = 60.0


async def check(equipment: Equipment, claim: Claim) -> Outcome:
    """Work on a CHECK shard to one of its ends.

    Raises:
        ShardInterrupted: the shard is no longer wanted.
    """
    task = await _plan(equipment, claim)
    if task is None:
        return await drop_shard(equipment, claim)
    try:
        answer = await _run(equipment, claim, task)
    except ExecutableNotEnclosed as error:  # and will not be at another try
        return await _reject(equipment, claim, reason=error.task_reason, detail=str(error))
    except ModelServerError as error:
        claim.lease.check()
        return await _settle(equipment, claim, error)
    return await _accept(equipment, claim, answer)


async def _plan(equipment: Equipment, claim: Claim) -> Task | None:
    """The task, None when there is nothing to check any more."""
    async with equipment.store.transaction() as transaction:
        version = await transaction.models.version(claim.shard.model_version)
        if version is None or version.state is not VersionState.PENDING:
            return None
        parts = await parts_of(transaction, version)
    return _task(claim, version, parts, equipment.settings.device)


def _task(claim: Claim, version: ModelVersion, parts: tuple[ModelVersion, ...], device: str) -> Task:
    return Task(
        id=str(claim.shard.id),
        attempt=claim.shard.attempt,
        model_version=version,
        work=CheckWork(),
        parts=parts,
        device=device,
    )


async def _run(equipment: Equipment, claim: Claim, task: Task) -> ModelCheck:
    answer: ModelCheck | None = None
    async for event in task_events(equipment.model_server, claim, task):
        if isinstance(event, TaskChecked):
            answer = event.check
    if answer is None:
        raise TaskFailed("CHECK_MISSING", "the model's process ended without an answer", model_at_fault=False)
    return answer


async def _accept(equipment: Equipment, claim: Claim, answer: ModelCheck) -> Outcome:
    async with equipment.store.transaction() as transaction:
        if not await transaction.shards.hold(claim.shard):
            return Outcome.LOST
        await transaction.models.accept(claim.shard.model_version, answer)
        await transaction.shards.finish(claim.shard, passes_done=claim.lease.passes_done)
    return Outcome.DONE


async def _settle(equipment: Equipment, claim: Claim, error: ModelServerError) -> Outcome:
    count_death(equipment, claim, error)
    if isinstance(error, ModelServerDown):
        return await hand_back(equipment, claim, deaths=claim.shard.deaths, delay_seconds=DOWN_SECONDS)
    death = death_of(error)
    deaths = claim.shard.deaths + 1
    if deaths >= (death.tries if death.model_at_fault else CHECK_TRIES):
        return await _reject(equipment, claim, reason=death.reason, detail=death.detail)
    delay = min(retry_delay(deaths), LONGEST_DELAY_SECONDS)
    return await hand_back(equipment, claim, deaths=deaths, delay_seconds=delay)


async def _reject(equipment: Equipment, claim: Claim, *, reason: str, detail: str) -> Outcome:
    failed: list[Audit] = []
    async with equipment.store.transaction() as transaction:
        if not await transaction.shards.hold(claim.shard):
            return Outcome.LOST
        await transaction.models.reject(claim.shard.model_version, reason=reason, detail=detail)
        await transaction.shards.finish(claim.shard, passes_done=claim.lease.passes_done)
        failed = await fail_audits_of_rejected(transaction)
    for audit in failed:
        equipment.metrics.audit_ended(audit, "failed")
    return Outcome.REJECTED
