"""The tasks that a worker gives to a model server, and the events that come back."""

from collections.abc import Mapping
from dataclasses import dataclass

from modicum_server.domain.audits import AuditItem
from modicum_server.domain.findings import Finding, FindingReason, Subset
from modicum_server.domain.models import Executable, InputSpecification, ModelCheck, ModelVersion
from modicum_server.domain.searches import Canvas, ControlPlan, Fill, Search
from modicum_server.domain.spots import SpotRow


@dataclass(frozen=True, slots=True)
class CheckWork:
    """Load the version once and check that it is a classifier that can be audited."""


@dataclass(frozen=True, slots=True)
class SearchWork:
    """Search subsets on the items.

    `control_exclusions[i]` are the positions on which `controls[i]` does not run. `framing` makes the canvas of an
    image file, in the same way for all versions of the audit; None means the version's own. The version's logits are
    divided by `temperature`. `critical_temperatures` asks for those of the whole images.
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

    `target_class` is in the classes of the version that scores it.
    """

    position: int
    source: str
    target_class: int
    subset: Subset


@dataclass(frozen=True, slots=True)
class ScoreWork:
    """Score given subsets, each by one plain pass on its item. `framing` is as in `SearchWork`.

    The scoring version uses its own fill of this name. Subsets of one item follow each other.
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
class SpotWork:
    """Test which small places decide, in these rows. `framing` is as in `SearchWork`.

    Attributes:
        predicted: the class that the version predicts on each item.
        subsets: by the index of an item, a subset that argues for that class.
        rows: numbers of rows.
        chosen: rows of another version, whose places and pairs are tested; empty where places are to be chosen.
    """

    canvas: Canvas
    seed: int
    items: tuple[AuditItem, ...]
    predicted: tuple[int, ...]
    subsets: Mapping[int, Subset]
    rows: tuple[int, ...]
    framing: InputSpecification | None = None
    max_image_pixels: int = 0
    chosen: tuple[SpotRow, ...] = ()


Work = CheckWork | SearchWork | ScoreWork | SpotWork


@dataclass(frozen=True, slots=True)
class Task:
    """One task with one version. `parts` are the versions that an ensemble or a wrapper names.

    `traceparent` is its place in a trace; empty where nobody collects traces.
    """

    id: str
    attempt: int
    model_version: ModelVersion
    work: Work
    parts: tuple[ModelVersion, ...] = ()
    device: str = "auto"
    traceparent: str = ""

    @property
    def runs_code(self) -> bool:
        """Whether one of its versions is a program."""
        return any(isinstance(version.source, Executable) for version in (self.model_version, *self.parts))


@dataclass(frozen=True, slots=True)
class TaskStarted:
    """The model's process has the task. `versions` are those of the libraries that influence results."""

    device: str
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TaskHeartbeat:
    """The task is alive. `passes_done` are its pass-equivalents so far."""

    passes_done: int
    phase: str


@dataclass(frozen=True, slots=True)
class TaskFindings:
    """Some findings, and the task's pass-equivalents so far."""

    findings: tuple[Finding, ...]
    passes_done: int


@dataclass(frozen=True, slots=True)
class SubsetScore:
    """How a version scored a given subset. With a `reason` it was not scored, and no other field counts.

    `predicted_class` is in that version's own classes.
    """

    given: GivenSubset
    confidence: float = 0.0
    predicted_class: int | None = None
    reason: FindingReason | None = None


@dataclass(frozen=True, slots=True)
class TaskScores:
    """Some scores, and the task's pass-equivalents so far."""

    scores: tuple[SubsetScore, ...]
    passes_done: int


@dataclass(frozen=True, slots=True)
class TaskSpots:
    """Some rows of the spot test, and the task's pass-equivalents so far."""

    rows: tuple[SpotRow, ...]
    passes_done: int


@dataclass(frozen=True, slots=True)
class TaskChecked:
    """The result of a check."""

    check: ModelCheck


@dataclass(frozen=True, slots=True)
class Acceleration:
    """How the passes of a search ran: by the version itself or by a fast copy. No reported score comes from the copy.

    The record of `modicum_sis.Acceleration`, field by field, for torch is not imported here; a test compares the two.

    Attributes:
        folded: batch norms that are part of a convolution's weights.
        dtype: what the passes computed in.
        difference: the largest of a class score on probes from the version's own.
        declined: why the fast copy, or a step of it, was not used; empty if there is no reason.
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
    """The task is done; it is the last event.

    `dtype` is the number type of the passes, empty if nothing was searched. `gradient_free`: the version has no useful
    gradient, so the search used forward passes alone. `acceleration` is None if nothing was searched.
    """

    passes_done: int
    chunk_size: int
    dtype: str = ""
    gradient_free: bool = False
    acceleration: Acceleration | None = None


TaskEvent = TaskStarted | TaskHeartbeat | TaskFindings | TaskScores | TaskSpots | TaskChecked | TaskFinished
