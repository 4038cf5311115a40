"""What the tasks of all kinds have in common."""

from modicum_server.domain.audits import AuditSpecification, Shard
from modicum_server.domain.models import ModelVersion
from modicum_server.domain.tasks import Task, Work
from modicum_server.settings import Settings


def task_of(
    shard: Shard,
    work: Work,
    *,
    version: ModelVersion,
    parts: tuple[ModelVersion, ...],
    device: str,
) -> Task:
    """Return the task of this attempt of a shard."""
    return Task(id=str(shard.id), attempt=shard.attempt, model_version=version, work=work, parts=parts, device=device)


def device_of(specification: AuditSpecification, settings: Settings) -> str:
    """Return the device of an audit's tasks: the worker's, where the audit leaves the choice."""
    return specification.device if specification.device not in {"", "auto"} else settings.device
