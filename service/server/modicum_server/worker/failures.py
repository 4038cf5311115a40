"""What follows when the model server did not finish a task.

A shard is tried again a few times. Then a plain grey image decides: if the model fails on that too, the audit fails
with a typed reason. Otherwise an image is to blame: the shard is halved down to it, and it becomes a finding with a
reason.
"""

from dataclasses import dataclass

import structlog

from modicum_server.domain.audits import AuditFailure
from modicum_server.domain.findings import FindingReason
from modicum_server.errors import ModelServerError
from modicum_server.model_server import ModelHung, ModelOutOfMemory, ModelServerDown, TaskFailed
from modicum_server.worker.context import Claim, WorkerContext
from modicum_server.worker.endings import FailAudit, HandBack, IsolateImage, RejectVersion
from modicum_server.worker.pauses import PAUSES, Pauses

#: Tries of a shard on which the model's process dies or hangs, or our own part fails.
TRIES = 3
#: Tries of a shard on which the model's process runs out of memory: the second may have more of the machine.
MEMORY_TRIES = 2
#: Tries of a check that fails by our own fault or for lack of memory; registering the version again checks it again.
CHECK_TRIES = 6
#: Tries of a check that takes as long as a task may show no progress. Who registered the version waits meanwhile.
SLOW_CHECK_TRIES = 2
MOST_DOUBLINGS = 10
#: Longest time between two tries of a check, in seconds.
LONGEST_CHECK_DELAY_SECONDS = 60.0
#: Reasons of the model's process that a finding can have as they are.
_IMAGE_REASONS = {
    **{reason.value: reason for reason in FindingReason},
    "OUTPUT_NOT_FINITE": FindingReason.NOT_FINITE,
}
#: Reasons that concern the whole audit: a half of the shard would fail in the same way.
_AUDIT_REASONS = frozenset(
    {
        *("CANVAS_TOO_LARGE", "CANVAS_UNFIT", "INPUT_REFUSED", "SEARCH_REFUSED", "GRADIENT_MISSING"),
        *("NOT_DETERMINISTIC", "ENDPOINT_ANSWER_INVALID", "ENDPOINT_DRIFTED", "ENDPOINT_REFUSED"),
    }
)
#: Reasons that concern the workers: a grey image would fail in the same way, and the model would be blamed.
_WORKER_REASONS = frozenset(
    {
        *("ARCHITECTURE_UNAVAILABLE", "DEVICE_UNAVAILABLE", "EXECUTABLE_NOT_ENCLOSED"),
        *("ENDPOINT_UNKNOWN", "ENDPOINT_UNREACHABLE"),
    }
)
_SLOW_REASONS = frozenset({"ENDPOINT_UNREACHABLE", "MODEL_HUNG"})
_OUT_OF_MEMORY = "MODEL_OUT_OF_MEMORY"
_DEATHS = frozenset({"MODEL_DIED", "MODEL_HUNG", _OUT_OF_MEMORY})

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TaskFailure:
    """Why a task failed: a reason for programs, a detail for people, and how often the shard is tried."""

    reason: str
    detail: str
    tries: int
    model_at_fault: bool

    @property
    def for_audit(self) -> AuditFailure:
        """The same as the failure of an audit."""
        return AuditFailure(self.reason, self.detail)


def failure_of(error: ModelServerError) -> TaskFailure:
    """Return what an error of the model server says of a task. ModelServerDown says nothing of a task."""
    match error:
        case ModelOutOfMemory() | TaskFailed(task_reason="MODEL_OUT_OF_MEMORY"):
            detail = "the model's process ran out of memory. Try a smaller canvas, or a worker with more memory"
            # Another worker, or this one at another time, may have the memory.
            return TaskFailure(_OUT_OF_MEMORY, detail, MEMORY_TRIES, model_at_fault=False)
        case TaskFailed(model_at_fault=True):
            return TaskFailure(error.task_reason, str(error), 1, model_at_fault=True)
        case TaskFailed():
            return TaskFailure(error.task_reason, str(error), TRIES, model_at_fault=False)
        case ModelHung():
            detail = "the model's process showed no progress in time"
            return TaskFailure("MODEL_HUNG", detail, TRIES, model_at_fault=True)
        case _:
            return TaskFailure("MODEL_DIED", "the model's process died", TRIES, model_at_fault=True)


def ending_after(error: ModelServerError, failed_tries: int, pauses: Pauses) -> HandBack | FailAudit | IsolateImage:
    """Decide how a shard of an audit ends whose task failed; `failed_tries` counts its earlier failures.

    IsolateImage assumes that the model is fit. A task on a grey image shows whether it is.
    """
    if isinstance(error, ModelServerDown):
        return HandBack(failed_tries, pauses.down)
    failure = failure_of(error)
    if failure.reason in _AUDIT_REASONS:
        return FailAudit(failure.for_audit)
    if failed_tries + 1 < failure.tries:
        return HandBack(failed_tries + 1, retry_delay(failed_tries + 1, pauses))
    if failure.reason in _WORKER_REASONS:
        return FailAudit(failure.for_audit)
    return IsolateImage(_image_reason(failure))


def check_ending_after(
    error: ModelServerError, failed_tries: int, pauses: Pauses, *, seconds: float
) -> HandBack | RejectVersion:
    """Decide how a CHECK shard ends whose task failed after these seconds; `failed_tries` counts its earlier failures.

    Who registered the version reads the reason of each failed try. It waits for nothing that is away.
    """
    if isinstance(error, ModelServerDown):
        return HandBack(failed_tries, pauses.down)
    failure = failure_of(error)
    tries, failed_tries = _check_tries(failure), failed_tries + 1
    if failed_tries >= tries:
        return RejectVersion(failure.reason, failure.detail)
    why = f"{failure.reason}: {failure.detail.rstrip('.')}"
    told = f"try {failed_tries} of {tries} failed after {seconds:.0f} s with {why}"
    delay = min(retry_delay(failed_tries, pauses), LONGEST_CHECK_DELAY_SECONDS)
    return HandBack(failed_tries, delay, away_reason=told)


def _check_tries(failure: TaskFailure) -> int:
    if failure.reason in _SLOW_REASONS:
        return SLOW_CHECK_TRIES
    return failure.tries if failure.model_at_fault else CHECK_TRIES


def retry_delay(failed_tries: int, pauses: Pauses = PAUSES) -> float:
    """Return the seconds to wait after that many failures of a shard."""
    return pauses.retry * 2.0 ** min(failed_tries - 1, MOST_DOUBLINGS)


def report_failure(context: WorkerContext, claim: Claim, error: ModelServerError) -> None:
    """Write a failed task to the log and the metrics."""
    failure = failure_of(error)
    if failure.reason in _DEATHS and not isinstance(error, ModelServerDown):
        context.metrics.models.died(failure.reason)
    _log.warning(
        "task_not_finished",
        audit=claim.shard.audit,
        model_version=claim.shard.model_version,
        shard=claim.shard.id,
        attempt=claim.shard.attempt,
        failed_tries=claim.shard.failed_tries,
        reason=type(error).__name__ if isinstance(error, ModelServerDown) else failure.reason,
        detail=str(error),
    )


def _image_reason(failure: TaskFailure) -> FindingReason:
    """The reason that the finding of the image gets: MODEL_DIED only where the model failed, not where we did."""
    model_failed = failure.reason in _DEATHS or failure.model_at_fault
    return _IMAGE_REASONS.get(failure.reason, FindingReason.MODEL_DIED if model_failed else FindingReason.INTERNAL)
