"""What follows when the model server did not finish a task (DESIGN section 3).

A shard is tried again a few times, then a plain grey image decides: if the model fails on that too, the audit fails
with a typed reason; otherwise it is an image, the shard is halved down to it, and it becomes a finding with a reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from modicum_server.domain.audits import AuditFailure
from modicum_server.domain.findings import Finding, FindingReason
from modicum_server.domain.tasks import CheckWork, Task
from modicum_server.errors import (
    ModelHung,
    ModelOutOfMemory,
    ModelServerDown,
    ModelServerError,
    TaskFailed,
)
from modicum_server.ports import Transaction
from modicum_server.worker.claims import Claim, Equipment, Outcome
from modicum_server.worker.running import task_events
from modicum_server.worker.stages import end_shard, fail_audit, hand_back

#: Tries of a shard on which the model's process dies or hangs, or our own part fails.
TRIES = 3
#: Tries of a shard on which the model's process runs out of memory: one more, alone on the machine perhaps.
MEMORY_TRIES = 2
#: Seconds before the first retry; each one after it waits twice as long.
RETRY_SECONDS = 1.0
MOST_DOUBLINGS = 10
#: Seconds before a shard is tried again whose model server was away.
DOWN_SECONDS = 5.0
#: Reasons of the model's process that say more of one image than that the model died of it.
_IMAGE_REASONS = {
    **{reason.value: reason for reason in FindingReason},
    "OUTPUT_NOT_FINITE": FindingReason.NOT_FINITE,
}
#: Reasons that are about the audit as a whole: halving the shard would find the same on every image.
_AUDIT_REASONS = frozenset({"CANVAS_TOO_LARGE", "CANVAS_UNFIT", "INPUT_REFUSED", "SEARCH_REFUSED", "GRADIENT_MISSING"})
#: Reasons that are about the workers: a grey image would find the same, and say that the model was at fault.
_WORKER_REASONS = frozenset({"DEVICE_UNAVAILABLE", "EXECUTABLE_NOT_ENCLOSED"})
_OUT_OF_MEMORY = "MODEL_OUT_OF_MEMORY"
_DEATHS = frozenset({"MODEL_DIED", "MODEL_HUNG", _OUT_OF_MEMORY})

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Death:
    """An end of a task that was not its own: a reason for programs, a detail for people, and how often it may be."""

    reason: str
    detail: str
    tries: int
    model_at_fault: bool


def death_of(error: ModelServerError) -> Death:
    """Name a failure of the model server. ModelServerDown is none of a model's."""
    match error:
        case ModelOutOfMemory() | TaskFailed(task_reason="MODEL_OUT_OF_MEMORY"):
            detail = "the model's process ran out of memory; try a smaller canvas, or a worker with more memory"
            # Another worker, or this one at another time, may have the memory.
            return Death(_OUT_OF_MEMORY, detail, MEMORY_TRIES, model_at_fault=False)
        case TaskFailed(model_at_fault=True):
            return Death(error.task_reason, str(error), 1, model_at_fault=True)
        case TaskFailed():
            return Death(error.task_reason, str(error), TRIES, model_at_fault=False)
        case ModelHung():
            return Death("MODEL_HUNG", "the model's process showed no progress in time", TRIES, model_at_fault=True)
        case _:
            return Death("MODEL_DIED", "the model's process died", TRIES, model_at_fault=True)


def count_death(equipment: Equipment, claim: Claim, error: ModelServerError) -> None:
    """Say it in the log and in the metrics."""
    death = death_of(error)
    if death.reason in _DEATHS and not isinstance(error, ModelServerDown):
        equipment.metrics.model_died(death.reason)
    _log.warning(
        "task_not_finished",
        audit=claim.shard.audit,
        model_version=claim.shard.model_version,
        shard=claim.shard.id,
        attempt=claim.shard.attempt,
        deaths=claim.shard.deaths,
        reason=type(error).__name__ if isinstance(error, ModelServerDown) else death.reason,
        detail=str(error),
    )


def retry_delay(deaths: int) -> float:
    """Seconds to wait after that many deaths of a shard."""
    return RETRY_SECONDS * 2.0 ** min(deaths - 1, MOST_DOUBLINGS)


class Remains(Protocol):
    """What is left of a shard on which its model's process ended."""

    @property
    def missing(self) -> tuple[str, str]:
        """The reason and the word for a result that is not there though the task says that it is done."""

    async def left(self, transaction: Transaction) -> tuple[int, ...]:
        """Positions that are not done, rising."""

    async def bury(
        self, transaction: Transaction, positions: Sequence[int], reason: FindingReason
    ) -> Sequence[Finding]:
        """Give these positions the reason for a result; the findings that are new."""


async def settle(equipment: Equipment, claim: Claim, task: Task, error: ModelServerError, remains: Remains) -> Outcome:
    """Decide what follows for a shard of an audit whose task was not done."""
    count_death(equipment, claim, error)
    if isinstance(error, ModelServerDown):
        return await hand_back(equipment, claim, deaths=claim.shard.deaths, delay_seconds=DOWN_SECONDS)
    death = death_of(error)
    if death.reason in _AUDIT_REASONS:
        return await fail_audit(equipment, claim, AuditFailure(death.reason, death.detail))
    deaths = claim.shard.deaths + 1
    if deaths < death.tries:
        return await hand_back(equipment, claim, deaths=deaths, delay_seconds=retry_delay(deaths))
    if death.reason in _WORKER_REASONS:
        return await fail_audit(equipment, claim, AuditFailure(death.reason, death.detail))
    try:
        failure = await _failure_on_grey(equipment, claim, task)
    except ModelServerDown as down:
        count_death(equipment, claim, down)
        return await hand_back(equipment, claim, deaths=claim.shard.deaths, delay_seconds=DOWN_SECONDS)
    if failure is not None:
        return await fail_audit(equipment, claim, failure)
    return await _close_in(equipment, claim, remains, death)


async def _failure_on_grey(equipment: Equipment, claim: Claim, work: Task) -> AuditFailure | None:
    """Run a check, which looks at a plain grey image: why the audit cannot be done, None when the model is fit."""
    task = Task(
        id=f"{work.id}-grey",
        attempt=work.attempt,
        model_version=work.model_version,
        work=CheckWork(),
        parts=work.parts,
        device=work.device,
    )
    try:
        async for _ in task_events(equipment.model_server, claim, task):
            pass
    except ModelServerDown:
        raise
    except ModelServerError as error:
        claim.lease.check()
        count_death(equipment, claim, error)
        death = death_of(error)
        where = f"{claim.shard.model_version}, on a plain grey image too"
        return AuditFailure(death.reason, f"{where}: {death.detail}")
    return None


async def _close_in(equipment: Equipment, claim: Claim, remains: Remains, death: Death) -> Outcome:
    """Halve the shard; when one image is left it is the one that does it."""
    async with equipment.store.transaction() as transaction:
        if not await transaction.shards.hold(claim.shard):
            return Outcome.LOST
        left = await remains.left(transaction)
        if len(left) > 1:
            await transaction.shards.split(claim.shard)
            return Outcome.SPLIT
        culprits = await remains.bury(transaction, left, _image_reason(death))
    equipment.metrics.findings_stored(culprits)
    return await end_shard(equipment, claim)


def _image_reason(death: Death) -> FindingReason:
    """What is said of the image that a shard was halved down to: only a death is called one."""
    deadly = FindingReason.MODEL_DIED if death.reason in _DEATHS or death.model_at_fault else FindingReason.INTERNAL
    return _IMAGE_REASONS.get(death.reason, deadly)
