"""Makes observations of the findings of one version and one search. Keeps a few numbers of each finding.

A mask is reduced to its size and its share in the ring at once, so that memory does not hold masks.
"""

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from modicum.gate.paired import measured_size
from modicum.gate.variants import OF_WHOLE_IMAGES
from numpy.typing import NDArray

from modicum_server.domain.findings import (
    ClassTargetedFinding,
    FillRobustFinding,
    Finding,
    FindingControls,
    FindingReason,
    ScoredVariant,
    TransferFinding,
)
from modicum_server.domain.searches import Canvas, Search
from modicum_server.domain.statistics import DEFAULTS, Statistics
from modicum_server.measures.masks import subset_mask
from modicum_server.measures.observations import UNKNOWN, Booleans, Observations, Rescored, Transferred
from modicum_server.measures.pixel_subset_curves import DescentColumns
from modicum_server.measures.ring import Ring

COLUMNS: dict[str, str] = {
    **dict.fromkeys(("scored", "failed", "eligible", "baseline_confident", "measured"), "B"),
    **dict.fromkeys(("budget_exhausted", "saturated", "with_subset", "other_ran"), "B"),
    **dict.fromkeys(("robust_ran", "robust_unavailable"), "B"),
    **dict.fromkeys(("position", "label", "predicted", "target", "robust_donors"), "q"),
    **dict.fromkeys(("size", "border_share", "other_size", "robust_size"), "d"),
    **dict.fromkeys(("object_area", "object_share"), "d"),
    "confidence": "f",
}
"""Type codes of `array`: a byte that is a boolean, 64 bits, a double, a float. So a row is 103 bytes and no more."""


DTYPES = {"B": np.bool_, "q": np.int64, "d": np.float64, "f": np.float64}


@dataclass(slots=True)
class _FillColumn:
    """Results of one fill on each image so far, one byte an image."""

    ran: bytearray
    sufficient: bytearray

    def add(self, *, ran: bool, sufficient: bool) -> None:
        self.ran.append(ran)
        self.sufficient.append(sufficient)


@dataclass(slots=True)
class _VariantColumn:
    """Results of one variant on each image so far, ten bytes an image."""

    ran: bytearray
    sufficient: bytearray
    confidence: "array[float]"
    predicted: "array[int]"

    @classmethod
    def of(cls, seen: int) -> "_VariantColumn":
        return cls(bytearray(seen), bytearray(seen), array("f", [math.nan] * seen), array("i", [UNKNOWN] * seen))

    def add(self, scored: ScoredVariant | TransferFinding | None) -> None:
        known = None if scored is None else scored.predicted_class
        self.ran.append(scored is not None)
        self.sufficient.append(scored is not None and scored.sufficient)
        self.confidence.append(math.nan if scored is None else scored.confidence)
        self.predicted.append(UNKNOWN if known is None else known)

    def rescored(self) -> Rescored:
        return Rescored(
            _booleans(self.ran),
            _booleans(self.sufficient),
            np.array(self.confidence, dtype=np.float64),
            np.array(self.predicted, dtype=np.int64),
        )


@dataclass(slots=True)
class ObservationBuilder:
    """Takes the findings of one version and one search, one at a time, and keeps a few numbers of each.

    `other_passes` is the class-targeted control's own budget, 0 for that of the search. `class_labels` are the
    version's.
    """

    search: Search
    canvas: Canvas
    statistics: Statistics = DEFAULTS
    other_passes: int = 0
    class_labels: tuple[str, ...] = ()
    _ring: Ring = field(init=False)
    _columns: dict[str, "array[Any]"] = field(init=False)
    _fills: dict[str, _FillColumn] = field(init=False, default_factory=dict)
    _variants: dict[str, _VariantColumn] = field(init=False, default_factory=dict)
    _transfers: dict[str, _VariantColumn] = field(init=False, default_factory=dict)
    _unscored: Counter[str] = field(init=False, default_factory=Counter)
    _descents: DescentColumns = field(init=False)

    def __post_init__(self) -> None:
        self._ring = Ring.of(self.canvas)
        self._descents = DescentColumns(self.canvas.pixels)
        self._columns = {name: array(code) for name, code in COLUMNS.items()}

    def add(self, finding: Finding) -> None:
        """Take a finding."""
        reason, subset, controls = finding.reason, finding.subset, finding.controls
        failed, other = finding.failed, controls.class_targeted
        size = self._size(finding)
        measured = not math.isnan(size)
        shown = subset if measured and not finding.budget_exhausted else None
        found = shown is not None
        predicted = _known(finding.predicted_class)
        scored = predicted != UNKNOWN and reason is not FindingReason.NOT_FINITE
        self._add_fills({fill.fill: fill.sufficient for fill in controls.fills} if found else {})
        self._add_scored(self._variants, _variants_of(controls, subsets=found, whole_images=not failed))
        self._add_transfers(controls.transfers if found else ())
        self._descents.add(len(self._columns["scored"]), None if failed else controls.pixel_subset)
        objects = controls.objects
        self._append(
            {
                "position": finding.position,
                "scored": scored,
                "failed": failed,
                "eligible": finding.eligible and scored,
                "baseline_confident": finding.baseline_confident and not failed,
                "measured": measured,
                "budget_exhausted": measured and finding.budget_exhausted,
                "saturated": finding.saturated,
                "with_subset": found,
                "label": _known(finding.label),
                "predicted": predicted,
                "confidence": _number(finding.confidence) if scored else math.nan,
                "target": _known(finding.target_class),
                "size": size,
                "border_share": math.nan if shown is None else self._ring.share(subset_mask(shown)),
                "object_area": math.nan if objects is None else objects.area,
                "object_share": _number(objects.share) if objects is not None and found else math.nan,
                **_targeted(other if measured else None),
                **_robust(controls.fill_robust if measured else None),
            }
        )

    def observations(self) -> Observations:
        """Return the observations."""
        columns: dict[str, NDArray[Any]] = {
            name: np.array(column, dtype=DTYPES[column.typecode]) for name, column in self._columns.items()
        }
        fills = {
            name: (_booleans(column.ran), _booleans(column.sufficient)) for name, column in sorted(self._fills.items())
        }
        variants = {name: column.rescored() for name, column in sorted(self._variants.items())}
        transfers = {
            name: Transferred(column.rescored(), self._unscored[name])
            for name, column in sorted(self._transfers.items())
        }
        return Observations(
            self.search,
            self.canvas,
            self.statistics,
            **columns,
            fills=fills,
            variants=variants,
            transfers=transfers,
            descents=self._descents.descents(),
            other_passes=self.other_passes or self.search.passes,
            class_labels=self.class_labels,
        )

    def _append(self, image: Mapping[str, float]) -> None:
        for name, column in self._columns.items():
            column.append(image[name])

    def _add_fills(self, fills: Mapping[str, bool]) -> None:
        seen = len(self._columns["scored"])
        for name in fills.keys() - self._fills.keys():
            self._fills[name] = _FillColumn(bytearray(seen), bytearray(seen))
        for name, column in self._fills.items():
            column.add(ran=name in fills, sufficient=fills.get(name, False))

    def _add_transfers(self, results: Iterable[TransferFinding]) -> None:
        """Add other versions' results. One with a reason has no score, and is only counted."""
        by_version = {result.model_version: result for result in results}
        unscored = [name for name, result in by_version.items() if result.reason is not None]
        self._unscored.update(unscored)
        for name in unscored:  # known from here on, though it may never score any
            self._transfers.setdefault(name, _VariantColumn.of(len(self._columns["scored"])))
        self._add_scored(self._transfers, {name: by_version[name] for name in by_version.keys() - set(unscored)})

    def _add_scored(
        self, columns: dict[str, _VariantColumn], scored: Mapping[str, ScoredVariant | TransferFinding]
    ) -> None:
        seen = len(self._columns["scored"])
        for name in scored.keys() - columns.keys():
            columns[name] = _VariantColumn.of(seen)
        for name, column in columns.items():
            column.add(scored.get(name))

    def _size(self, finding: Finding) -> float:
        return measured_size(
            reason=finding.reason,
            subset=None if finding.subset is None else finding.subset.size,
            budget_exhausted=finding.budget_exhausted,
            baseline_confident=finding.baseline_confident,
            pixels=self.canvas.pixels,
        )


def observe(
    findings: Iterable[Finding], search: Search, canvas: Canvas, statistics: Statistics = DEFAULTS
) -> Observations:
    """Return the observations of these findings, all of one version and one search."""
    builder = ObservationBuilder(search, canvas, statistics)
    for finding in findings:
        builder.add(finding)
    return builder.observations()


def _booleans(column: bytearray) -> Booleans:
    return np.frombuffer(bytes(column), dtype=np.bool_)


def _variants_of(controls: FindingControls, *, subsets: bool, whole_images: bool) -> dict[str, ScoredVariant]:
    """Variants by name: those of the subset only with a subset, those of whole images if the image was scored."""
    return {
        scored.variant: scored
        for scored in controls.variants
        if subsets or (whole_images and scored.variant in OF_WHOLE_IMAGES)
    }


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _targeted(result: ClassTargetedFinding | None) -> dict[str, float]:
    """What the class-targeted control found on an image; None where it did not run."""
    if result is None:
        return {"other_ran": False, "other_size": math.nan}
    return {"other_ran": True, "other_size": result.size if result.found else math.inf}


def _robust(result: FillRobustFinding | None) -> dict[str, float]:
    """What the fill-robust control found on an image; None where it did not run."""
    if result is None:
        return {"robust_ran": False, "robust_unavailable": False, "robust_donors": 0, "robust_size": math.nan}
    unavailable = result.reason is FindingReason.FILL_UNAVAILABLE
    size = math.inf if result.reason is not None else float(result.size)
    return {
        "robust_ran": not unavailable,
        "robust_unavailable": unavailable,
        "robust_donors": result.verifying_donors,
        "robust_size": math.nan if unavailable else size,
    }


def _known(number: int | None) -> int:
    return UNKNOWN if number is None or number < 0 else number
