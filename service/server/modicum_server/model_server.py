"""What a worker needs of a model server, as protocols: what TorchServe is to everything but its adapter."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from modicum_server.domain.tasks import Task, TaskEvent


@dataclass(frozen=True, slots=True)
class ModelServerHealth:
    """How a model server is: whether it runs, how often it was started, the memory of each slot's model process."""

    up: bool = False
    starts: int = 0
    memory_bytes: Mapping[str, int] = field(default_factory=dict)


class Isolation(Protocol):
    """What confines a model's process. `str` says it in words, with what it leaves open."""

    @property
    def level(self) -> str:
        """The way of confining, of a short list."""

    @property
    def encloses_code(self) -> bool:
        """Whether a program that is a model can do no harm."""


class Cancellation(Protocol):
    """Asked by a model server between chunks: whether the task is no longer wanted."""

    def is_set(self) -> bool: ...


class ModelServer(Protocol):
    """TorchServe, with a few slots. One task a slot at a time."""

    @property
    def slots(self) -> int: ...
    @property
    def isolation(self) -> Isolation:
        """How models are confined here; known once started."""

    @property
    def health(self) -> ModelServerHealth:
        """How it is now. Reads files, so it is asked beside the loop."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def run(self, slot: int, task: Task, cancelled: Cancellation) -> AsyncIterator[TaskEvent]:
        """Stage the task's artifacts, run it, yield what comes back, TaskFinished last.

        Raises ModelDied, ModelOutOfMemory, ModelHung, ModelServerDown, TaskFailed, of these ExecutableNotEnclosed for
        a task with a program where none can be confined.
        """
