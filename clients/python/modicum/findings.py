"""Findings as values: what a search found on one image, with its mask as an array."""

import base64
import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Subset:
    """A sufficient input subset of `size` pixels. It holds its mask packed; `mask` unpacks it."""

    packed: bytes = field(repr=False)
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
class ClassTargetedFinding:
    """Could the same search have argued for `target_class`? `size_ratio` is other / predicted, 0 when not `found`."""

    target_class: int
    found: bool
    size: int
    size_ratio: float
    verified_confidence: float


@dataclass(frozen=True, slots=True)
class FillRobustFinding:
    """What suffices whatever other image stands elsewhere: with at least nine in ten of the donors that verified.

    `size` is that of the canvas with `budget_exhausted`. Without a subset it is 0, and `reason` says why.
    """

    size: int
    size_ratio: float
    verifying_donors: int
    sufficient_donors: int
    confidence: float
    budget_exhausted: bool
    reason: str


@dataclass(frozen=True, slots=True)
class PixelSubsetFinding:
    """The image on the 5% of its pixels that a descent by gradients left to the last, and on as many random ones.

    Both confidences are in the class predicted on the whole image; `trace` is the whole descent.
    """

    subset: Subset
    confidence: float
    predicted_class: int
    random_confidence: float
    random_predicted_class: int
    trace: Trace
    passes: Passes


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
    """The picture's objects on the canvas: their `area` as a share of it, and the `share` of the subset within them."""

    area: float
    share: float | None


@dataclass(frozen=True, slots=True)
class FindingControls:
    """Answers of the controls; what did not run is absent."""

    class_targeted: ClassTargetedFinding | None
    fills: tuple[FillFinding, ...]
    variants: tuple[ScoredVariant, ...]
    transfers: tuple[TransferFinding, ...] = ()
    objects: ObjectsFinding | None = None
    fill_robust: FillRobustFinding | None = None
    pixel_subset: PixelSubsetFinding | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One image, one version, one search. Classes are indices, None where the image was not scored or has no label.

    `subset` is None where there is none; `reason` then says why, e.g. NOT_ELIGIBLE. `confidence` is that of the whole
    image, `verified_confidence` that of the masked one.
    """

    item: str
    image_digest: str
    model_version: str
    search_index: int
    label: int | None
    predicted_class: int | None
    target_class: int | None
    eligible: bool
    confidence: float
    margin: float
    baseline_confident: bool
    subset: Subset | None
    verified_confidence: float
    budget_exhausted: bool
    saturated: bool
    reason: str
    passes: Passes
    trace: Trace | None
    controls: FindingControls


def findings_of(artifact: bytes) -> Iterator[Finding]:
    """The findings in a findings artifact: gzip, JSON Lines."""
    for line in gzip.decompress(artifact).splitlines():
        yield finding_of(json.loads(line))


def finding_of(row: Mapping[str, Any]) -> Finding:
    """The finding that a row holds."""
    return Finding(
        item=row["item"],
        image_digest=row["image_digest"],
        model_version=row["model_version"],
        search_index=row["search_index"],
        label=row.get("label"),
        predicted_class=row.get("predicted_class"),
        target_class=row.get("target_class"),
        eligible=row["eligible"],
        confidence=row["confidence"],
        margin=row["margin"],
        baseline_confident=row["baseline_confident"],
        subset=_subset(row.get("subset")),
        verified_confidence=row["verified_confidence"],
        budget_exhausted=row["budget_exhausted"],
        saturated=row["saturated"],
        reason=row.get("reason") or "",
        passes=_passes(row["passes"]),
        trace=_trace(row.get("trace")),
        controls=_controls(row.get("controls") or {}),
    )


def _subset(entry: Mapping[str, Any] | None) -> Subset | None:
    return _subset_in(entry) if entry is not None else None


def _subset_in(entry: Mapping[str, Any]) -> Subset:
    packed = base64.b64decode(entry["mask"])
    return Subset(packed, entry["height"], entry["width"], entry["size"], entry["fraction"])


def _trace(entry: Mapping[str, Any] | None) -> Trace | None:
    return _trace_in(entry) if entry else None


def _trace_in(entry: Mapping[str, Any]) -> Trace:
    return Trace(tuple(entry["kept"]), tuple(entry["confidences"]))


def _passes(entry: Mapping[str, Any]) -> Passes:
    return Passes(entry["forward"], entry["backward"])


def _controls(entry: Mapping[str, Any]) -> FindingControls:
    targeted = entry.get("class_targeted")
    fields = ("target_class", "found", "size", "size_ratio", "verified_confidence")
    return FindingControls(
        class_targeted=ClassTargetedFinding(*(targeted[name] for name in fields)) if targeted else None,
        fills=tuple(
            FillFinding(fill["fill"], fill["confidence"], fill["sufficient"]) for fill in entry.get("fills") or ()
        ),
        variants=tuple(
            ScoredVariant(variant["variant"], variant["confidence"], variant["sufficient"], variant["predicted_class"])
            for variant in entry.get("variants") or ()
        ),
        transfers=tuple(
            TransferFinding(
                model_version=answer["model_version"],
                confidence=answer["confidence"],
                sufficient=answer["sufficient"],
                predicted_class=answer["predicted_class"],
                reason=answer["reason"] or "",
            )
            for answer in entry.get("transfers") or ()
        ),
        objects=_objects(entry.get("objects")),
        fill_robust=_fill_robust(entry.get("fill_robust")),
        pixel_subset=_pixel_subset(entry.get("pixel_subset")),
    )


def _fill_robust(entry: Mapping[str, Any] | None) -> FillRobustFinding | None:
    if entry is None:
        return None
    return FillRobustFinding(
        size=entry["size"],
        size_ratio=entry["size_ratio"],
        verifying_donors=entry["verifying_donors"],
        sufficient_donors=entry["sufficient_donors"],
        confidence=entry["confidence"],
        budget_exhausted=entry["budget_exhausted"],
        reason=entry["reason"] or "",
    )


def _pixel_subset(entry: Mapping[str, Any] | None) -> PixelSubsetFinding | None:
    if entry is None:
        return None
    return PixelSubsetFinding(
        subset=_subset_in(entry["subset"]),
        confidence=entry["confidence"],
        predicted_class=entry["predicted_class"],
        random_confidence=entry["random_confidence"],
        random_predicted_class=entry["random_predicted_class"],
        trace=_trace_in(entry["trace"]),
        passes=_passes(entry["passes"]),
    )


def _objects(entry: Mapping[str, Any] | None) -> ObjectsFinding | None:
    return None if entry is None else ObjectsFinding(entry["area"], entry["share"])
