"""Findings as values: what a search found on one image, with its mask as an array."""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from modicum.gate.counting import counted
from modicum.notebooks.findings import finding_card, finding_line
from modicum.plots import finding_figure
from modicum.records import NAME, record_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Subset:
    """A sufficient input subset of `size` pixels. It holds its mask packed; `mask` unpacks it."""

    packed: bytes = field(repr=False, metadata={NAME: "mask"})
    height: int
    width: int
    size: int
    fraction: float

    @property
    def mask(self) -> NDArray[np.bool_]:
        """The mask as bool (height, width), True = kept. A new array each time; it cannot be written to."""
        bits = np.unpackbits(np.frombuffer(self.packed, np.uint8), count=self.height * self.width)
        mask = bits.reshape(self.height, self.width).astype(np.bool_)
        mask.setflags(write=False)
        return mask


@dataclass(frozen=True, slots=True)
class Passes:
    """Passes spent; a backward pass counts two pass-equivalents."""

    forward: int
    backward: int

    @property
    def equivalents(self) -> int:
        """Pass-equivalents."""
        return self.forward + 2 * self.backward


@dataclass(frozen=True, slots=True)
class Trace:
    """Confidence over pixels kept, at most 256 points."""

    kept: tuple[int, ...]
    confidences: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Sufficient masks on the way from the whole image to the subset, the largest first. `unpacked` gives them."""

    kept: tuple[int, ...]
    confidences: tuple[float, ...]
    packed: bytes = field(repr=False, metadata={NAME: "masks"})

    def unpacked(self, height: int, width: int) -> NDArray[np.bool_]:
        """The masks as bool (n, height, width), True = kept."""
        count, each = len(self.kept), (height * width + 7) // 8
        data = zlib.decompressobj().decompress(self.packed, max_length=count * each)
        bits = np.unpackbits(np.frombuffer(data, np.uint8).reshape(count, each), axis=1, count=height * width)
        return bits.reshape(count, height, width).astype(np.bool_)


@dataclass(frozen=True, slots=True)
class ClassTargetedFinding:
    """Could the same search have argued for `target_class`? `size_ratio` is other / predicted, 0 when not `found`.

    `subset` argues for that class. It is None when not `found`, and in results of servers up to 0.1.0.
    """

    target_class: int
    found: bool
    size: int
    size_ratio: float
    verified_confidence: float
    passes: Passes = Passes(0, 0)  # frozen, so one may stand for all
    subset: Subset | None = None


@dataclass(frozen=True, slots=True)
class FillRobustFinding:
    """Pixels that suffice with other images as the fill: with at least nine in ten of the verifying donors.

    `size` is that of the canvas with `budget_exhausted`. Without a subset it is 0, and `reason` says why. `subset` is
    None then, and in results of servers up to 0.1.0.
    """

    size: int
    size_ratio: float
    verifying_donors: int
    sufficient_donors: int
    confidence: float
    budget_exhausted: bool
    reason: str
    passes: Passes = Passes(0, 0)  # frozen, so one may stand for all
    subset: Subset | None = None


@dataclass(frozen=True, slots=True)
class PixelSubsetFinding:
    """The image on the 5% of its pixels that a search chose, and on as many random ones.

    Both confidences are in the class predicted on the whole image; `trace` is the whole descent of batched_gradient,
    and empty with mask_optimization. `method` is empty in findings of 0.1.0, which had batched_gradient alone.
    """

    subset: Subset
    confidence: float
    predicted_class: int
    random_confidence: float
    random_predicted_class: int
    trace: Trace
    passes: Passes
    method: str = ""


@dataclass(frozen=True, slots=True)
class FillFinding:
    """The subset re-scored under another fill."""

    fill: str
    confidence: float
    sufficient: bool


@dataclass(frozen=True, slots=True)
class ScoredVariant:
    """One re-scored variant of the subset."""

    variant: str
    confidence: float
    sufficient: bool
    predicted_class: int


@dataclass(frozen=True, slots=True)
class TransferFinding:
    """The subset scored by another version of the audit; `reason` says why it was not, and is empty where it was.

    `predicted_class` is in the classes of the finding's own version.
    """

    model_version: str
    confidence: float
    sufficient: bool
    predicted_class: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class ObjectsFinding:
    """The image's objects on the canvas: their `area` as a share of it, and the `share` of the subset within them."""

    area: float
    share: float | None


@dataclass(frozen=True, slots=True)
class FindingControls:
    """Results of the controls. One that did not run is None or empty.

    `critical_temperature` is the highest temperature at which the whole image is eligible; None unless an ensemble was
    to be checked.
    """

    class_targeted: ClassTargetedFinding | None = None
    fills: tuple[FillFinding, ...] = ()
    variants: tuple[ScoredVariant, ...] = ()
    transfers: tuple[TransferFinding, ...] = ()
    objects: ObjectsFinding | None = None
    fill_robust: FillRobustFinding | None = None
    pixel_subset: PixelSubsetFinding | None = None
    critical_temperature: float | None = None

    @property
    def subsets(self) -> Mapping[str, Subset]:
        """The sufficient subsets that controls found by a search of their own, by the name of the control."""
        searched = {"class_targeted": self.class_targeted, "fill_robust": self.fill_robust}
        return {name: one.subset for name, one in searched.items() if one is not None and one.subset is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One image, one version, one search. `position` is the image's place among the audit's.

    Classes are indices. They are None where the image was not scored, or has no label. `class_labels` are the names of
    the version's classes in the order of its outputs; empty if it has none. `class_name` reads them.

    `subset` is None where there is none; `reason` then says why, e.g. NOT_ELIGIBLE. `confidence` is that of the whole
    image, `verified_confidence` that of the masked one.

    `picture` is the image as the search saw it, uint8 (height, width, 1 or 3). Only `audit.result(pictures=True)`
    fetches it, and only where there is a subset.
    """

    position: int
    item: str
    image_digest: str
    model_version: str
    search_index: int
    label: int | None = None
    predicted_class: int | None = None
    target_class: int | None = None
    eligible: bool
    confidence: float
    margin: float
    baseline_confident: bool
    subset: Subset | None = None
    verified_confidence: float
    budget_exhausted: bool
    saturated: bool
    reason: str = ""
    passes: Passes
    trace: Trace | None = None
    controls: FindingControls = FindingControls()  # frozen, so one may stand for all
    narrowing: Narrowing | None = None
    picture: NDArray[np.uint8] | None = field(default=None, compare=False)
    class_labels: tuple[str, ...] = field(default=(), compare=False)

    def class_name(self, index: int | None) -> str:
        """The name of a class of its version, or "class 7" where the version names none; empty where it is None."""
        return class_name(self.class_labels, index)

    def plot(self) -> "Figure":
        """Draw the photograph, what suffices of it, and the confidence over the pixels kept, if they are there.

        The figure is not shown by itself: a notebook shows it as the value of a cell, and `figure.savefig("a.png")`
        writes it.

        Raises:
            InvalidArgument: there is no subset (NOTHING_TO_PLOT), or matplotlib is not installed
                (MATPLOTLIB_NOT_INSTALLED): run pip install matplotlib.
        """
        return finding_figure(self)

    def __repr__(self) -> str:
        """One line: image, version, and what suffices."""
        return f"<Finding {finding_line(self)}>"

    def _repr_html_(self) -> str:
        return finding_card(self)


class Findings(tuple[Finding, ...]):
    """Findings in the order of the rows. Printed, they are counted; each alone prints as a line."""

    __slots__ = ()

    def __repr__(self) -> str:
        images = len({finding.position for finding in self})
        subsets = sum(finding.subset is not None for finding in self)
        return f"<{counted(len(self), 'finding')} of {counted(images, 'image')}, {subsets:,} with a subset>"


def class_name(labels: Sequence[str], index: int | None) -> str:
    """The name of a class, or "class 7" where it has none; empty where there is no class."""
    if index is None:
        return ""
    return labels[index] if 0 <= index < len(labels) else f"class {index}"


def findings_of(artifact: bytes) -> Iterator[Finding]:
    """The findings in a findings artifact: gzip, JSON Lines."""
    for line in gzip.decompress(artifact).splitlines():
        yield finding_of(json.loads(line))


def finding_of(row: Mapping[str, Any]) -> Finding:
    """The finding that a row holds."""
    return record_of(Finding, row)
