"""`run_task`: one task of a slot, from its first chunk to its last. Raises nothing, whatever a task or a model does.

Knows nothing of TorchServe: it passes chunks to a callable.
"""

import functools
import logging
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import torch

from modicum_server.codec.findings import finding_message
from modicum_server.codec.models import version_value
from modicum_server.domain.models import Endpoint, ModelVersion
from modicum_server.domain.traces import trace_id_of
from modicum_server.generated.worker_pb2 import Chunk, Failure, Findings, Finished, Started, Task
from modicum_server.model_process.architectures import ENTRY_POINTS
from modicum_server.model_process.checking import check
from modicum_server.model_process.chunk_sender import Outbox, pulse
from modicum_server.model_process.endpoint_models import Line, Probe, steady
from modicum_server.model_process.failure_reasons import TaskCancelled, TaskFailure, failure_of
from modicum_server.model_process.loading import Loaded, ModelCache, choose_device, tempered
from modicum_server.model_process.phase_times import PhaseTimes
from modicum_server.model_process.progress_counts import ProgressCounts
from modicum_server.model_process.scoring import prepare_score
from modicum_server.model_process.searching import prepare_search
from modicum_server.model_process.slot import Slot
from modicum_server.model_process.spots import prepare_spots

LIBRARIES = (
    "torch",
    "torchvision",
    "timm",
    "transformers",
    "efficientnet-lite-pytorch",
    "modicum-sis",
    "modicum-server",
    "numpy",
    "scipy",
    "pillow",
    "torchserve",
)
"""Distributions whose versions influence results, besides those with architectures."""

DEVICE_BROKEN = (
    "the device of this worker could not be started. "
    "Look at the worker's log and at its GPU's driver, or ask for device cpu"
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """What stays in memory between the tasks of a slot."""

    models: ModelCache = field(default_factory=ModelCache)


def run_task(
    folder: Path, emit: Callable[[Chunk], None], *, kept: Kept | None = None, gpu_id: int | None = None
) -> None:
    """Run the task in a slot's folder. `emit` gets every chunk: Started first, Finished or Failure last.

    Args:
        folder: the slot's folder.
        emit: called from two threads, but never at the same time.
        kept: what to reuse from the task before; by default nothing.
        gpu_id: the GPU of this process, where there are several.
    """
    slot, progress = Slot(folder), ProgressCounts()
    task, unreadable = _read(slot)
    outbox = Outbox(emit, progress, attempt=task.attempt)
    device, unavailable = _device(task, gpu_id)
    with _line(task, slot):  # it listens before the worker hears that the task has started, and connects
        outbox.say(Started(pid=os.getpid(), device=device, versions=_versions()))
        run = TaskRun(task=task, slot=slot, outbox=outbox, progress=progress, kept=kept or Kept(), device=device)
        with pulse(outbox):
            last = unreadable or unavailable or run.last_chunk()
    outbox.close(last, run.times.end() if task.traceparent else ())


@contextmanager
def _line(task: Task, slot: Slot) -> Iterator[None]:
    if not task.model_version.HasField("endpoint"):
        yield
        return
    slot.line = Line()
    try:
        yield
    finally:
        slot.line.close()


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of installed distributions that influence results."""
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    for point in metadata.entry_points(group=ENTRY_POINTS):
        if point.dist is not None:
            versions[point.dist.name] = point.dist.version
    return versions


@functools.cache  # read from disk once: they cannot change while the process lives
def _versions() -> dict[str, str]:
    try:
        return library_versions()
    except Exception:  # a package with broken metadata must not fail the first chunk
        log.exception("the versions of the libraries could not be read")
        return {}


def _read(slot: Slot) -> tuple[Task, Failure | None]:
    try:
        return slot.task(), None
    except TaskFailure as error:
        log.exception("the slot has no task")
        return Task(), failure_of(error)


def _device(task: Task, gpu_id: int | None) -> tuple[str, Failure | None]:
    try:
        return str(choose_device(task.device or "auto", gpu_id)), None
    except TaskFailure as error:
        return "", failure_of(error)
    except Exception:  # CUDA raises this while it starts
        log.exception("the device could not be used")
        return "", Failure(reason="DEVICE_UNAVAILABLE", detail=DEVICE_BROKEN, model_at_fault=False)


@dataclass(frozen=True, slots=True, eq=False)
class TaskRun:
    """A task that was read, on a device that exists."""

    task: Task
    slot: Slot
    outbox: Outbox
    progress: ProgressCounts
    kept: Kept
    device: str
    times: PhaseTimes = field(default_factory=PhaseTimes)

    def last_chunk(self) -> Finished | Failure:
        """Run the task and return how it ended."""
        if self.task.traceparent:
            log.info("task %s is part of the trace %s", self.task.id, trace_id_of(self.task.traceparent))
        try:
            if self.task.threads:
                torch.set_num_threads(self.task.threads)
            return self._work()
        except TaskCancelled as error:
            log.info("task %s was cancelled", self.task.id)
            return failure_of(error)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # neither a panic in a library nor exit() in a program may kill the process
            log.exception("task %s failed", self.task.id)
            return failure_of(error, served_elsewhere=self.task.model_version.HasField("endpoint"))

    def _work(self) -> Finished:
        version = version_value(self.task.model_version)
        parts = {part.name: version_value(part) for part in self.task.parts}
        self.times.begin("load")
        loaded = self.kept.models.load(self.slot, version, parts, torch.device(self.device))
        if self.slot.cancelled():
            raise TaskCancelled
        probe = self._probe(version, loaded)
        self.times.begin("compute" if self.task.HasField("check") else "prepare")
        if self.task.HasField("check"):
            answer = check(loaded, version, self.progress)
            answer.probe.extend(probe.scores() if probe else ())
            self.outbox.say(answer)
            return Finished(passes_done=self.progress.passes_done)
        with steady(probe):
            return self._work_on(loaded)

    def _probe(self, version: ModelVersion, loaded: Loaded) -> Probe | None:
        if not isinstance(version.source, Endpoint):
            return None
        size = loaded.input
        return Probe(loaded.classifier, (size.channels, size.height, size.width), tuple(self.task.probe))

    def _work_on(self, loaded: Loaded) -> Finished:
        match self.task.WhichOneof("work"):
            case "search":
                return self._search(loaded)
            case "score":
                return self._score(loaded)
            case "spot":
                return self._spot(loaded)
        raise TaskFailure("NOT_IMPLEMENTED", "this worker does not support this kind of task yet", model_at_fault=False)

    def _score(self, loaded: Loaded) -> Finished:
        self.progress.phase = "preparing"
        run = prepare_score(self.task.score, loaded, self.slot, self.progress)
        self.times.begin("compute")
        for entry in run.scores():
            self.outbox.add(entry)
        return Finished(passes_done=self.progress.passes_done)

    def _spot(self, loaded: Loaded) -> Finished:
        self.progress.phase = "preparing"
        run = prepare_spots(self.task.spot, loaded, self.slot, self.progress)
        self.times.begin("compute")
        for row in run.rows():
            self.outbox.add(row)
        return Finished(passes_done=self.progress.passes_done)

    def _search(self, loaded: Loaded) -> Finished:
        self.progress.phase = "preparing"
        loaded = tempered(loaded, self.task.search.temperature or 1.0, torch.device(self.device))
        run = prepare_search(self.task.search, loaded, self.slot, self.progress)
        self.times.begin("compute")
        for finding in run.findings():
            message = finding_message(finding)
            message.model_version = self.task.model_version.name
            self.outbox.add(Findings.Entry(position=finding.position, finding=message))
        return Finished(
            passes_done=self.progress.passes_done,
            chunk_size=run.chunk_size,
            dtype=str(loaded.classifier.dtype).removeprefix("torch."),
            gradient_free=run.gradient_free,
            acceleration=run.acceleration(),
        )
