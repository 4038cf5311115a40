"""What one row of a result says of an image, as the measures of its search take it. Computes no measure.

The definitions are those of `modicum_server.measures.observation_builder`; a test compares both.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from modicum.gate.baseline_file import NOT_FINITE
from modicum.gate.paired import MEASURED_REASONS, is_small, measured_size
from modicum.gate.variants import OF_WHOLE_IMAGES

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Scene:
    """What measures of a search go by: pixels of the canvas, alpha, and whether it is for the predicted class."""

    pixels: int
    alpha: float
    for_predicted: bool


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant of the subset or of the whole image, scored once more."""

    sufficient: bool
    confidence: float
    predicted: int | None


@dataclass(frozen=True, slots=True)
class RowFacts:
    """One image under one search.

    Attributes:
        scored: the model gave a prediction on the whole image.
        failed: it could not be measured.
        measured: searched to its end, and the bare fill alone does not suffice.
        size: pixels kept; NaN where not measured, infinite where a search for another class found nothing.
        other: pixels for a random other class, infinite where none were found; None where that was not searched.
        robust: pixels that suffice on other images as the fill, as `other`.
        objects: the share of the canvas that objects cover, and of the subset that lies in them; None without objects.
        fills: for each other fill, whether the subset suffices on it.
        variants: by name.
    """

    scene: Scene
    scored: bool
    failed: bool
    eligible: bool
    baseline_confident: bool
    measured: bool
    budget_exhausted: bool
    saturated: bool
    label: int | None
    predicted: int | None
    target: int | None
    size: float
    other: float | None
    robust: float | None
    objects: tuple[float, float] | None
    fills: Mapping[str, bool]
    variants: Mapping[str, Variant]

    @property
    def labelled(self) -> bool:
        """Whether it was scored and has a label."""
        return self.scored and self.label is not None

    @property
    def correct(self) -> bool:
        """Whether the prediction is the label. Valid where labelled."""
        return self.predicted == self.label

    @property
    def searchable(self) -> bool:
        """Whether the search may argue about it."""
        return (self.eligible if self.scene.for_predicted else self.scored) and not self.failed

    @property
    def bare(self) -> bool:
        """Whether the bare fill alone suffices, on an image that the search may argue about."""
        return self.searchable and self.baseline_confident

    @property
    def with_subset(self) -> bool:
        """Whether a subset smaller than the whole image was verified, or a search for another class ended."""
        return self.measured and not self.budget_exhausted

    def is_small(self, size: float) -> bool:
        """Return whether a size is at most alpha of the pixels."""
        return bool(is_small(size, self.scene.pixels, self.scene.alpha))


def facts_of(row: Document, scene: Scene) -> RowFacts:
    """Return what a row says."""
    reason, controls = row["reason"], row.get("controls") or {}
    size = measured_size(
        reason=reason,
        subset=None if row["subset"] is None else row["subset"]["size"],
        budget_exhausted=row["budget_exhausted"],
        baseline_confident=row["baseline_confident"],
        pixels=scene.pixels,
    )
    failed, predicted = reason is not None and reason not in MEASURED_REASONS, _known(row["predicted_class"])
    scored, measured = predicted is not None and reason != NOT_FINITE, not math.isnan(size)
    shown = row["subset"] if measured and not row["budget_exhausted"] else None
    return RowFacts(
        scene=scene,
        scored=scored,
        failed=failed,
        eligible=row["eligible"] and scored,
        baseline_confident=row["baseline_confident"] and not failed,
        measured=measured,
        budget_exhausted=measured and row["budget_exhausted"],
        saturated=row.get("saturated", False),
        label=_known(row["label"]),
        predicted=predicted,
        target=_known(row["target_class"]),
        size=size,
        other=_other(controls.get("class_targeted")) if measured else None,
        robust=_robust(controls.get("fill_robust")) if measured else None,
        objects=_objects(controls.get("objects"), found=shown is not None),
        fills={one["fill"]: one["sufficient"] for one in controls.get("fills", ())} if shown else {},
        variants={
            one["variant"]: Variant(one["sufficient"], _as_stored(one["confidence"]), one["predicted_class"])
            for one in controls.get("variants", ())
            if shown or (not failed and one["variant"] in OF_WHOLE_IMAGES)
        },
    )


def _known(index: int | None) -> int | None:
    return None if index is None or index < 0 else index


def _as_stored(confidence: float | None) -> float:
    """A confidence as measures hold it, with the precision of 32 bits."""
    return math.nan if confidence is None else float(np.float32(confidence))


def _other(found: Document | None) -> float | None:
    if found is None:
        return None
    return float(found["size"]) if found["found"] else math.inf


def _robust(found: Document | None) -> float | None:
    if found is None or found["reason"] == "FILL_UNAVAILABLE":
        return None
    return math.inf if found["reason"] is not None else float(found["size"])


def _objects(objects: Document | None, *, found: bool) -> tuple[float, float] | None:
    if objects is None:
        return None
    share = objects["share"] if found else None
    return float(objects["area"]), math.nan if share is None else float(share)
