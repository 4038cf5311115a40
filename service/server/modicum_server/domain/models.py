"""Models and their immutable versions."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from modicum_server.domain.verdicts import VerdictOutcome

#: Of a canvas: one for each band of a multispectral image, with room.
MOST_CHANNELS = 64


class VersionState(StrEnum):
    """The state of a version."""

    PENDING = "PENDING"
    READY = "READY"
    REJECTED = "REJECTED"


class OutputKind(StrEnum):
    """What the outputs of a version are."""

    LOGITS = "logits"
    PROBABILITIES = "probabilities"


class Combine(StrEnum):
    """How an ensemble combines its members."""

    MEAN_LOGITS = "mean_logits"
    MEAN_PROBABILITIES = "mean_probabilities"


class ExecutableKind(StrEnum):
    """A file format that holds a program."""

    EXPORTED = "exported"
    TORCHSCRIPT = "torchscript"


@dataclass(frozen=True, slots=True)
class InputSpecification:
    """How an image file becomes a canvas, and a canvas the model's input.

    The image is decoded to `channels` (numbers other than 1 and 3 are for arrays). Its shorter side is resized to
    `resize` pixels; with 0 the image is resized to height x width directly. The centre of height x width is cut out and
    scaled to the bounds. The model then computes `(canvas - mean) / std`. `fill_mean` is in canvas values; empty means
    `mean`. `stretched` resizes both sides to `resize`. `crop_rounded_down` rounds the crop's place down, as
    transformers does; otherwise it is rounded to even, as torchvision does.
    """

    channels: int
    height: int
    width: int
    lower_bound: float
    upper_bound: float
    resize: int
    interpolation: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fill_mean: tuple[float, ...] = ()
    stretched: bool = False
    crop_rounded_down: bool = False


@dataclass(frozen=True, slots=True)
class Weights:
    """Safetensors (or a state dict of tensors only) and the name of an architecture.

    `configuration` is what the architecture is built from beside its name: a JSON object, or empty.
    """

    digest: str
    architecture: str
    configuration: str = ""


@dataclass(frozen=True, slots=True)
class Executable:
    """A program that is a model."""

    digest: str
    kind: ExecutableKind


@dataclass(frozen=True, slots=True)
class Ensemble:
    """A version whose members are versions, by resource name."""

    members: tuple[str, ...]
    combine: Combine = Combine.MEAN_LOGITS


@dataclass(frozen=True, slots=True)
class InputDropout:
    """A wrapper that averages a version over a frozen bank of pixel masks."""

    member: str
    keep_probability: float
    samples: int
    seed: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model that another server serves, by the name of the operator's entry.

    `claim` is the SHA-256 of what the endpoint said of itself when the operator made the entry. `output_kind` is what
    the operator declared; None lets the check find out.
    """

    name: str
    claim: str = ""
    output_kind: OutputKind | None = None


Source = Weights | Executable | Ensemble | InputDropout | Endpoint


def artifact_of(source: Source) -> str:
    """Return the digest of the bytes that a source is made of; empty without."""
    return source.digest if isinstance(source, Weights | Executable) else ""


@dataclass(frozen=True, slots=True)
class ModelVerdict:
    """A stored verdict on versions of a model, in short."""

    name: str
    audit: str
    model_versions: tuple[str, ...]
    outcome: VerdictOutcome
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Model:
    """A name under which versions are registered. `latest_version` is the newest one, whatever its state.

    Without versions, names are empty and the state is None. `newest_verdict` is None where no version was judged.
    """

    name: str
    create_time: datetime
    latest_version: str = ""
    latest_version_state: VersionState | None = None
    latest_ready_version: str = ""
    newest_verdict: ModelVerdict | None = None


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """What a worker found when it loaded a version once.

    `probe` are an endpoint's scores of the probe picture, by which a change behind it is noticed; empty for all others.
    """

    class_count: int
    output_kind: OutputKind
    useful_gradient: bool
    pass_milliseconds: float
    probe: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """An immutable version. `name` is its resource name; a READY version has a `check`.

    `input` is None only for an ensemble or a wrapper that takes its members' input. `principal` registered it; empty
    for one of before that was stored.
    """

    name: str
    source: Source
    input: InputSpecification | None
    class_labels: tuple[str, ...]
    digest: str
    state: VersionState
    create_time: datetime
    check: ModelCheck | None = None
    check_time: datetime | None = None
    reject_reason: str = ""
    reject_detail: str = ""
    principal: str = ""
