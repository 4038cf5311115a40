"""What a search found on one image, and the results of its controls."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import computed_field

from modicum_server.domain.controls import SEARCH_RESULTS
from modicum_server.domain.json_types import Base64, Number
from modicum_server.domain.searches import Fill, SearchMethod


class FindingReason(StrEnum):
    """Why a finding has no subset."""

    NOT_ELIGIBLE = "NOT_ELIGIBLE"
    NOT_FOUND = "NOT_FOUND"
    IMAGE_UNREADABLE = "IMAGE_UNREADABLE"
    IMAGE_TOO_LARGE = "IMAGE_TOO_LARGE"
    NOT_FINITE = "NOT_FINITE"
    MODEL_DIED = "MODEL_DIED"
    FILL_UNAVAILABLE = "FILL_UNAVAILABLE"
    STOPPED = "STOPPED"
    INTERNAL = "INTERNAL"


#: Reasons that are outcomes of a measurement; every other one counts as a failed image.
MEASURED_REASONS = frozenset({FindingReason.NOT_ELIGIBLE, FindingReason.NOT_FOUND})


@dataclass(frozen=True, slots=True)
class Subset:
    """A mask: row-major, eight pixels a byte, most significant bit first, 1 = kept."""

    mask: Base64
    height: int
    width: int
    size: int

    @computed_field  # type: ignore[prop-decorator]  # it stands beside the others in JSON
    @property
    def fraction(self) -> float:
        """Pixels kept / pixels of the canvas."""
        return self.size / (self.height * self.width)


@dataclass(frozen=True, slots=True)
class Passes:
    """Passes spent on one image; a backward pass counts two pass-equivalents."""

    forward: int = 0
    backward: int = 0

    @property
    def equivalents(self) -> int:
        """Pass-equivalents."""
        return self.forward + 2 * self.backward


@dataclass(frozen=True, slots=True)
class Trace:
    """Confidence over pixels kept, thinned to at most 256 points."""

    kept: tuple[int, ...]
    confidences: tuple[Number, ...]


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Sufficient masks on the way from the whole image to the subset, the largest first, for people to look at.

    The search's own passes gave the confidences. `masks` are packed as in `Subset`, end to end, and compressed by zlib:
    at most 6 KiB in all.
    """

    kept: tuple[int, ...]
    confidences: tuple[Number, ...]
    masks: Base64


@dataclass(frozen=True, slots=True)
class ClassTargetedFinding:
    """Result of the class-targeted control. `size_ratio` is other / predicted, 0 if nothing was found.

    `subset` argues for the other class. It is None if nothing was found, and in findings of releases up to 0.1.0.
    """

    target_class: int
    found: bool
    size: int
    size_ratio: Number
    verified_confidence: Number
    passes: Passes
    subset: Subset | None = None


@dataclass(frozen=True, slots=True)
class FillRobustFinding:
    """Result of the fill-robust control: the subset that suffices with at least nine in ten verifying donors.

    `size` is that of the whole canvas with `budget_exhausted`, and 0 with a reason. `size_ratio` compares it with the
    search's own subset, and is 0 if either is missing or empty. At least nine in ten donors reach `confidence`.
    `subset` is None with a reason, and in findings of releases up to 0.1.0.
    """

    size: int
    size_ratio: Number
    verifying_donors: int
    sufficient_donors: int
    confidence: Number
    budget_exhausted: bool
    passes: Passes
    reason: FindingReason | None = None
    subset: Subset | None = None


@dataclass(frozen=True, slots=True)
class PixelSubsetFinding:
    """Result of the pixel-subsets control: the image on the pixels that a search chose, and on as many random ones.

    Both confidences are in the predicted class. `trace` is the whole descent of batched_gradient, and empty with
    mask_optimization. `method` is None in findings of 0.1.0, which had batched_gradient alone.
    """

    subset: Subset
    confidence: Number
    predicted_class: int
    random_confidence: Number
    random_predicted_class: int
    trace: Trace
    passes: Passes
    method: SearchMethod | None = None


@dataclass(frozen=True, slots=True)
class FillFinding:
    """The subset re-scored under another fill."""

    fill: Fill
    confidence: Number
    sufficient: bool


@dataclass(frozen=True, slots=True)
class ScoredVariant:
    """One re-scored variant of a subset."""

    variant: str
    confidence: Number
    sufficient: bool
    predicted_class: int


@dataclass(frozen=True, slots=True)
class TransferFinding:
    """The subset as another version of the audit scored it. With a `reason` it was not, and no other field counts.

    `predicted_class` is in the classes of the finding's own version.
    """

    model_version: str
    confidence: Number = 0.0
    sufficient: bool = False
    predicted_class: int | None = None
    reason: FindingReason | None = None


@dataclass(frozen=True, slots=True)
class ObjectsFinding:
    """The item's objects on the canvas: their `area` as a share of it, and the `share` of the subset in them.

    `share` is None if there is no subset smaller than the image.
    """

    area: float
    share: float | None = None


@dataclass(frozen=True, slots=True)
class FoundSubset:
    """A subset for other versions to score. `target_class` is in the classes of the version that found it."""

    position: int
    model_version: str
    target_class: int
    subset: Subset


@dataclass(frozen=True, slots=True)
class PredictedImage:
    """The class that a version predicts on an image, and a subset that argues for it if there is one."""

    position: int
    image_digest: str
    predicted_class: int
    subset: Subset | None


@dataclass(frozen=True, slots=True)
class Transfer:
    """Another version's result, to be added to the finding of `source` on the image at that position."""

    position: int
    source: str
    result: TransferFinding


@dataclass(frozen=True, slots=True)
class FindingControls:
    """Results of the controls. One that did not run is None or empty.

    `critical_temperature` is the highest temperature at which the predicted class of the whole image reaches the
    threshold. It is measured only if an ensemble is to be checked.
    """

    class_targeted: ClassTargetedFinding | None = None
    fills: tuple[FillFinding, ...] = ()
    variants: tuple[ScoredVariant, ...] = ()
    critical_temperature: float | None = None
    objects: ObjectsFinding | None = None
    transfers: tuple[TransferFinding, ...] = ()
    fill_robust: FillRobustFinding | None = None
    pixel_subset: PixelSubsetFinding | None = None

    @property
    def searched(self) -> Sequence[ClassTargetedFinding | FillRobustFinding | PixelSubsetFinding]:
        """The results of those that search by themselves. Each has passes, and a subset where one was found."""
        return [result for name in SEARCH_RESULTS if (result := getattr(self, name)) is not None]

    @property
    def passes(self) -> Passes:
        """What they cost: the passes of their searches, and one forward pass for everything else they scored."""
        searches = [result.passes for result in self.searched]
        scored = len(self.fills) + len(self.variants) + (self.critical_temperature is not None)
        scored += sum(result.reason is None for result in self.transfers)
        return Passes(sum(one.forward for one in searches) + scored, sum(one.backward for one in searches))


@dataclass(frozen=True, slots=True)
class Finding:
    """One image, one version, one search. `position` is the image's place among the audit's items."""

    position: int
    item: str
    image_digest: str
    model_version: str
    search_index: int
    label: int | None = None
    predicted_class: int | None = None
    target_class: int | None = None
    eligible: bool = False
    confidence: Number = 0.0
    margin: Number = 0.0
    baseline_confident: bool = False
    subset: Subset | None = None
    verified_confidence: Number = 0.0
    budget_exhausted: bool = False
    saturated: bool = False
    reason: FindingReason | None = None
    passes: Passes = field(default_factory=Passes)
    trace: Trace | None = None
    controls: FindingControls = field(default_factory=FindingControls)
    narrowing: Narrowing | None = None

    @property
    def failed(self) -> bool:
        """Whether this image could not be measured."""
        return self.reason is not None and self.reason not in MEASURED_REASONS


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a version predicts on a whole image of another data set: nothing if there is a `reason`.

    Attributes:
        position: of the image. In the out-of-distribution data set, the item's index. In the counterfactual data set,
            the position of its partner among the audit's items.
        predicted_class: a class of the version.
        reason: why there is no prediction.
        confidence: in the class that the version predicts on the partner; None without a partner.
    """

    position: int
    predicted_class: int | None = None
    reason: FindingReason | None = None
    confidence: float | None = None


def whole_subset(height: int, width: int) -> Subset:
    """Return the subset that keeps every pixel."""
    full, rest = divmod(height * width, 8)
    last = bytes([(0xFF00 >> rest) & 0xFF]) if rest else b""
    return Subset(b"\xff" * full + last, height, width, height * width)
