"""What a worker asks of a model server, and what comes back."""

from collections.abc import Mapping
from dataclasses import dataclass

from modicum_server.domain.audits import AuditItem
from modicum_server.domain.findings import Finding, FindingReason, Subset
from modicum_server.domain.models import Executable, InputSpecification, ModelCheck, ModelVersion
from modicum_server.domain.searches import Canvas, ControlPlan, Fill, Search


@dataclass(frozen=True, slots=True)
class CheckWork:
    """Load the version once and see that it is a classifier that can be audited."""


@dataclass(frozen=True, slots=True)
class SearchWork:
    """Search subsets on the items. `control_exclusions[i]` are the positions on which `controls[i]` does not run.

    `framing` makes the canvas of an image file, for every version of the audit alike; None is the version's own. The
    version's logits are divided by `temperature`; `critical_temperatures` asks for those of the whole images.
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
    temperature: float = 1.0
    critical_temperatures: bool = False


@dataclass(frozen=True, slots=True)
class GivenSubset:
    """A subset that a search of `source`, another version, found on an item.

    `target_class` is in the classes of the version that is to score it.
    """

    position: int
    source: str
    target_class: int
    subset: Subset


@dataclass(frozen=True, slots=True)
class ScoreWork:
    """Score subsets that were given, each by one plain pass on its item; `framing` as in `SearchWork`.

    The fill is the scoring version's own of that name: what stands for nothing to it. Those of one item follow each
    other.
    """

    canvas: Canvas
    fill: Fill
    threshold: float
    seed: int
    items: tuple[AuditItem, ...]
    subsets: tuple[GivenSubset, ...]
    donors: tuple[AuditItem, ...] = ()
    framing: InputSpecification | None = None
    max_image_pixels: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do with one version. `parts` are the versions that an ensemble or a wrapper names."""

    id: str
    attempt: int
    model_version: ModelVersion
    work: CheckWork | SearchWork | ScoreWork
    parts: tuple[ModelVersion, ...] = ()
    device: str = "auto"

    @property
    def runs_code(self) -> bool:
        """Whether one of its versions is a program."""
        return any(isinstance(version.source, Executable) for version in (self.model_version, *self.parts))


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
class SubsetScore:
    """What a version says of a subset that it was given; `reason` says why nothing, and then nothing else counts.

    `predicted_class` is in that version's own classes.
    """

    given: GivenSubset
    confidence: float = 0.0
    predicted_class: int | None = None
    reason: FindingReason | None = None


@dataclass(frozen=True, slots=True)
class TaskScores:
    """Some scores; pass-equivalents spent in this task so far."""

    scores: tuple[SubsetScore, ...]
    passes_done: int


@dataclass(frozen=True, slots=True)
class TaskChecked:
    """The result of a check."""

    check: ModelCheck


@dataclass(frozen=True, slots=True)
class Acceleration:
    """How the passes of a search ran: by the version itself or by a faster twin, which no reported score comes from.

    The record of `modicum_sis.Acceleration`, field by field, for torch is not imported here; a test compares the two.

    Attributes:
        folded: batch norms that are part of a convolution's weights.
        dtype: what the passes computed in.
        difference: the largest of a class score on probes from the version's own.
        declined: why the twin, or a step of it, was not used; empty where there is nothing to say.
        compiled: whether the passes were compiled.
        graphs: whether they ran as CUDA graphs.
        margin_difference: of log-odds on probes in reduced precision, root mean square over all classes; else 0.
        aim: how far above the threshold, in log-odds, the search looked for subsets.
    """

    folded: int
    dtype: str
    difference: float = 0.0
    declined: str = ""
    compiled: bool = False
    graphs: bool = False
    margin_difference: float = 0.0
    aim: float = 0.0


@dataclass(frozen=True, slots=True)
class TaskFinished:
    """The task is done: nothing follows.

    `dtype` is what the version computed in; empty where nothing was searched. `gradient_free` says that a search which
    follows gradients found none, and went by forward passes alone. `acceleration` is None where nothing was searched.
    """

    passes_done: int
    chunk_size: int
    dtype: str = ""
    gradient_free: bool = False
    acceleration: Acceleration | None = None


TaskEvent = TaskStarted | TaskHeartbeat | TaskFindings | TaskScores | TaskChecked | TaskFinished
