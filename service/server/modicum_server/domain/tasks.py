"""What a worker asks of a model server, and what comes back."""

from collections.abc import Mapping
from dataclasses import dataclass

from modicum_server.domain.audits import AuditItem
from modicum_server.domain.findings import Finding
from modicum_server.domain.models import InputSpecification, ModelCheck, ModelVersion
from modicum_server.domain.searches import Canvas, ControlPlan, Search


@dataclass(frozen=True, slots=True)
class CheckWork:
    """Load the version once and see that it is a classifier that can be audited."""


@dataclass(frozen=True, slots=True)
class SearchWork:
    """Search subsets on the items. `control_exclusions[i]` are the positions on which `controls[i]` does not run.

    `framing` makes the canvas of an image file, for every version of the audit alike; None is the version's own.
    """

    canvas: Canvas
    search: Search
    search_index: int
    seed: int
    items: tuple[AuditItem, ...]
    donors: tuple[AuditItem, ...] = ()
    controls: tuple[ControlPlan, ...] = ()
    control_exclusions: tuple[frozenset[int], ...] = ()
    framing: InputSpecification | None = None
    max_image_pixels: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do with one version. `parts` are the versions that an ensemble or a wrapper names."""

    id: str
    attempt: int
    model_version: ModelVersion
    work: CheckWork | SearchWork
    parts: tuple[ModelVersion, ...] = ()
    device: str = "auto"


@dataclass(frozen=True, slots=True)
class TaskStarted:
    """The model's process has the task. `versions` are the libraries that influence results."""

    device: str
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TaskHeartbeat:
    """Still alive; pass-equivalents spent in this task."""

    passes_done: int
    phase: str


@dataclass(frozen=True, slots=True)
class TaskFindings:
    """Some findings; pass-equivalents spent in this task so far."""

    findings: tuple[Finding, ...]
    passes_done: int


@dataclass(frozen=True, slots=True)
class TaskChecked:
    """The answer of a check."""

    check: ModelCheck


@dataclass(frozen=True, slots=True)
class TaskFinished:
    """The task is done: nothing follows.

    `dtype` is what the version computed in; empty where nothing was searched. `gradient_free` says that a search which
    follows gradients found none, and went by forward passes alone.
    """

    passes_done: int
    chunk_size: int
    dtype: str = ""
    gradient_free: bool = False


TaskEvent = TaskStarted | TaskHeartbeat | TaskFindings | TaskChecked | TaskFinished
