"""What a worker needs of a model server, as protocols. TorchServe's adapter implements them."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from modicum_server.domain.tasks import Task, TaskEvent


@dataclass(frozen=True, slots=True)
class ModelServerHealth:
    """The state of a model server: whether it runs, how often it started, and the memory of each model process."""

    up: bool = False
    starts: int = 0
    memory_bytes: Mapping[str, int] = field(default_factory=dict)


class Isolation(Protocol):
    """What confines a model's process. `str` describes it, with what it leaves open."""

    @property
    def level(self) -> str:
        """The level of confinement, from a short list."""

    @property
    def encloses_code(self) -> bool:
        """Whether a model that is a program can do no harm."""


class Cancellation(Protocol):
    """Tells a model server, between chunks, whether the task is still wanted."""

    def is_set(self) -> bool: ...


class ModelServer(Protocol):
    """A model server with a few slots. Each runs one task at a time."""

    @property
    def slots(self) -> int: ...
    @property
    def isolation(self) -> Isolation:
        """How models are confined here; known after the start."""

    @property
    def health(self) -> ModelServerHealth:
        """Its present state. Reads files, so call it in a thread."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def run(self, slot: int, task: Task, cancelled: Cancellation) -> AsyncIterator[TaskEvent]:
        """Stage the task's artifacts, run it, and yield its events, TaskFinished last.

        Raises ModelDied, ModelOutOfMemory, ModelHung, ModelServerDown or TaskFailed; for a task with a program
        ExecutableNotEnclosed, where it cannot be confined.
        """
