"""What a worker needs of a model server, as protocols, and the one rule for what any model server reports.

The rule: results that the task asked for, all of them, under the names that the task gives them. A model's process is
not trusted to choose positions or names.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Protocol

from modicum.sources.configurations import MOST_CLASSES

from modicum_server.domain.buildable import Families
from modicum_server.domain.finding_claims import are_passes, impossible_claim, is_class, is_confidence
from modicum_server.domain.finding_masks import masks_fit
from modicum_server.domain.findings import Finding
from modicum_server.domain.models import Endpoint, ModelCheck
from modicum_server.domain.spot_claims import impossible_row
from modicum_server.domain.spots import SpotRow, class_of_row
from modicum_server.domain.tasks import (
    CheckWork,
    ScoreWork,
    SearchWork,
    SpotWork,
    SubsetScore,
    Task,
    TaskChecked,
    TaskEvent,
    TaskFindings,
    TaskFinished,
    TaskHeartbeat,
    TaskScores,
    TaskSpots,
)
from modicum_server.errors import ModelServerError

UNTRUE_REPORT = "HANDLER_BUG"
FINDINGS_MISSING = "FINDINGS_MISSING"
SCORES_MISSING = "SCORES_MISSING"
CHECK_MISSING = "CHECK_MISSING"
SPOTS_MISSING = "SPOTS_MISSING"

Counted = TaskHeartbeat | TaskFindings | TaskScores | TaskSpots | TaskFinished
"""Events that say how many passes a task has made."""


class ModelDied(ModelServerError):
    """The model's process died."""


class ModelOutOfMemory(ModelServerError):
    """The model's process was killed, probably for memory."""


class ModelHung(ModelServerError):
    """The model's process showed no progress in time."""


class ModelServerDown(ModelServerError):
    """The model server is not running."""


class TaskFailed(ModelServerError):
    """The model process ended the task and gave a reason."""

    def __init__(self, task_reason: str, detail: str, *, model_at_fault: bool) -> None:
        """Take the model process's reason and detail, and whether the model is at fault."""
        super().__init__(detail)
        self.task_reason = task_reason
        self.model_at_fault = model_at_fault


class ExecutableNotEnclosed(TaskFailed):
    """This worker's machine cannot confine a program."""

    def __init__(self, isolation: str) -> None:
        """Take in words how models are confined here, and what stays open."""
        super().__init__(
            "EXECUTABLE_NOT_ENCLOSED",
            f"this worker's machine cannot confine a program; its isolation is {isolation}. Register safetensors and "
            "an architecture, or run the worker on a machine where bubblewrap or Landlock works",
            model_at_fault=False,
        )


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


@dataclass(frozen=True, slots=True)
class EndpointScores:
    """Scores of a batch: `values` are float32, little-endian, `class_count` for each image."""

    class_count: int
    values: bytes


class OpenEndpoint(Protocol):
    """An endpoint that is connected."""

    async def scores(self, shape: tuple[int, ...], values: bytes) -> EndpointScores:
        """Return the scores of images (N, C, H, W) in float32. Raises TaskFailed."""


class Endpoints(Protocol):
    """The endpoints that a worker may call for models that are served elsewhere."""

    def opened(
        self, source: Endpoint, version: str, alive: Callable[[], None]
    ) -> AbstractAsyncContextManager[OpenEndpoint]:
        """Connect to that of a version, by its name. `alive` is called after each answer. Raises TaskFailed."""


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
    async def buildable(self) -> Families | None:
        """Look which architectures can be built here; None where that cannot be found out."""

    def run(self, slot: int, task: Task, cancelled: Cancellation) -> AsyncIterator[TaskEvent]:
        """Stage the task's artifacts, run it, and yield its events, TaskFinished last.

        Raises ModelDied, ModelOutOfMemory, ModelHung, ModelServerDown or TaskFailed; for a task with a program
        ExecutableNotEnclosed, where it cannot be confined.
        """


class ExpectedResults:
    """What a task asks for, and what of it was not reported yet."""

    def __init__(self, task: Task) -> None:
        work = task.work
        self.task = task
        self._items = {item.position: item for item in work.items} if isinstance(work, SearchWork) else {}
        self._subsets = {(one.position, one.source): one for one in work.subsets} if isinstance(work, ScoreWork) else {}
        self._class_count = task.model_version.check.class_count if task.model_version.check else None
        self._missing_findings = set(self._items)
        self._missing_scores = set(self._subsets)
        self._missing_check = isinstance(work, CheckWork)
        self._missing_rows = set(work.rows) if isinstance(work, SpotWork) else set[int]()

    def accept(self, event: TaskEvent) -> TaskEvent:
        """Take note of an event's results and return it, its findings under the names that the task gives them.

        Raises:
            TaskFailed: it reports something that the task did not ask for.
        """
        if isinstance(event, Counted) and not are_passes(event.passes_done):
            raise _impossible("an impossible count of passes")
        match event:
            case TaskFindings():
                return replace(event, findings=tuple(self._named(finding) for finding in event.findings))
            case TaskScores():
                for score in event.scores:
                    self._note(score)
            case TaskSpots():
                for row in event.rows:
                    self._note_row(row)
            case TaskChecked():
                self._note_check(event.check)
        return event

    def require_all(self) -> None:
        """See that everything was reported.

        Raises:
            TaskFailed: something is missing.
        """
        if self._missing_findings:
            raise missing_results(FINDINGS_MISSING, len(self._missing_findings))
        if self._missing_scores:
            raise missing_results(SCORES_MISSING, len({position for position, _ in self._missing_scores}))
        if self._missing_rows:
            what = f"the model's process ended without {len(self._missing_rows)} rows of the spot test"
            raise TaskFailed(SPOTS_MISSING, what, model_at_fault=False)
        if self._missing_check:
            what = "the model's process ended without the result of its check"
            raise TaskFailed(CHECK_MISSING, what, model_at_fault=False)

    def _named(self, finding: Finding) -> Finding:
        item, work = self._items.get(finding.position), self.task.work
        if item is None or not isinstance(work, SearchWork):
            raise _not_asked_for(f"a finding at position {finding.position}")
        if not masks_fit(finding, work.canvas):
            raise _not_asked_for(f"masks of another canvas or size at position {finding.position}")
        if claim := impossible_claim(finding, work, self._class_count):
            raise _impossible(f"{claim}, at position {finding.position}")
        self._missing_findings.discard(finding.position)
        return replace(
            finding,
            item=item.item,
            image_digest=item.image_digest,
            label=item.label,
            model_version=self.task.model_version.name,
            search_index=work.search_index,
        )

    def _note(self, score: SubsetScore) -> None:
        place = score.given.position, score.given.source
        if self._subsets.get(place) != score.given:
            raise _not_asked_for(f"a score of a subset at position {score.given.position}")
        if not (is_class(score.predicted_class, self._class_count) and is_confidence(score.confidence)):
            raise _impossible(f"a class or a confidence that cannot be, at position {score.given.position}")
        self._missing_scores.discard(place)

    def _note_check(self, check: ModelCheck) -> None:
        if not 0 < check.class_count <= MOST_CLASSES:
            raise _impossible(f"{check.class_count} classes; a model has 1 to {MOST_CLASSES:,}")
        self._missing_check = False

    def _note_row(self, row: SpotRow) -> None:
        work = self.task.work
        if (
            not isinstance(work, SpotWork)
            or row.number not in work.rows
            or class_of_row(row.number) != row.target_class
        ):
            raise _not_asked_for(f"a row of the spot test for class {row.target_class}")
        if claim := impossible_row(row, work):
            raise _impossible(f"{claim}, in the spot test of class {row.target_class}")
        self._missing_rows.discard(row.number)


def missing_results(reason: str, images: int) -> TaskFailed:
    """Return the failure of a task that ended without the results of so many images."""
    what = f"the model's process ended without the results of {images} images"
    return TaskFailed(reason, what, model_at_fault=False)


def _not_asked_for(what: str) -> TaskFailed:
    return TaskFailed(
        UNTRUE_REPORT, f"the model's process reported {what}, which its task does not have", model_at_fault=False
    )


def _impossible(what: str) -> TaskFailed:
    return TaskFailed(UNTRUE_REPORT, f"the model's process reported {what}", model_at_fault=False)
