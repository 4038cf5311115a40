"""What the findings of one version and one search say, as arrays: what measures are taken from. Computes no measure.

Masks are read once and reduced to their size and their share in the ring, so that memory does not hold them.
"""

import math
from array import array
from base64 import b64decode
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modicum_server.domain.findings import MEASURED_REASONS, FindingReason
from modicum_server.domain.searches import Canvas, Search, TargetRule
from modicum_server.domain.statistics import DEFAULTS, Statistics
from modicum_server.measures.descents import DescentColumns, Descents
from modicum_server.measures.ring import Ring
from modicum_server.measures.rows import Row

Booleans = NDArray[np.bool_]
Floats = NDArray[np.float64]

UNKNOWN = -1
"""Stands for a class or a label that is not known."""
RING_FILLED = "ring_filled"
OUTSIDE_FILLED = "outside_filled"
OF_WHOLE_IMAGES = frozenset({RING_FILLED, OUTSIDE_FILLED})
"""Variants of the whole image, scored whether there is a subset or not; all others are of the subset."""


@dataclass(frozen=True, slots=True)
class Rescored:
    """One variant of each subset, scored once more; arrays of one entry an image.

    Attributes:
        ran: whether it was.
        sufficient: the confidence in the target class reaches the threshold.
        confidence: in the target class; NaN where it did not run.
        predicted: class index; UNKNOWN where it did not run.
    """

    ran: Booleans
    sufficient: Booleans
    confidence: Floats
    predicted: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Transferred:
    """The subsets as another version scored them, its classes those of the version that found them.

    Attributes:
        scored: one entry an image.
        unscored: how many it could not score.
    """

    scored: Rescored
    unscored: int


@dataclass(frozen=True, slots=True)
class Observations:
    """Arrays of one entry an image, all of one length, in the order of the rows.

    Attributes:
        search: what was asked.
        canvas: where.
        statistics: what measures go by.
        position: of the image among the audit's.
        scored: the model gave a prediction on the whole image.
        failed: the image could not be measured; then nothing below counts but `eligible`, `label` and `predicted`: a
            fill can be missing for an image of which there is a prediction.
        eligible: scored, and the predicted class reaches the threshold on the whole image.
        baseline_confident: the bare fill alone is sufficient.
        measured: searched to its end, and not baseline-confident: what subset measures are taken over.
        budget_exhausted: nothing smaller than the whole image was found.
        saturated: the model's probabilities round to 1 here.
        with_subset: measured, and a subset smaller than the whole image was found and verified.
        label: class index, or UNKNOWN.
        predicted: class index, or UNKNOWN.
        target: class index, or UNKNOWN.
        size: pixels kept; p when the budget was exhausted, infinite when a search for another class found nothing.
        border_share: share of the subset's pixels in the ring; NaN where not `with_subset`.
        object_area: share of the canvas that the item's objects cover; NaN where it has none.
        object_share: share of the subset's pixels that lie in them; NaN where it has none, or not `with_subset`.
        other_ran: the class-targeted control ran, and its class is not one that the bare fill alone argues for.
        other_size: its pixels; infinite when it found nothing.
        robust_ran: the fill-robust control ran, and had enough donors.
        robust_size: its pixels; p when nothing smaller was verified, infinite when it found nothing.
        robust_donors: how many donors verified; 0 where it was not asked.
        robust_unavailable: it was asked, and had too few donors.
        fills: for each fill of the fill control, where it ran and where it left the subset sufficient.
        variants: by name, those of the controls that re-score a variant of the subset, or of the whole image.
        transfers: by the name of another version, what it said of the subsets.
        descents: what the pixel-subsets control said of the images that it ran on.
    """

    search: Search
    canvas: Canvas
    statistics: Statistics
    position: NDArray[np.int64]
    scored: Booleans
    failed: Booleans
    eligible: Booleans
    baseline_confident: Booleans
    measured: Booleans
    budget_exhausted: Booleans
    saturated: Booleans
    with_subset: Booleans
    label: NDArray[np.int64]
    predicted: NDArray[np.int64]
    target: NDArray[np.int64]
    size: Floats
    border_share: Floats
    object_area: Floats
    object_share: Floats
    other_ran: Booleans
    other_size: Floats
    robust_ran: Booleans
    robust_size: Floats
    robust_donors: NDArray[np.int64]
    robust_unavailable: Booleans
    fills: dict[str, tuple[Booleans, Booleans]]
    variants: dict[str, Rescored]
    transfers: dict[str, Transferred]
    descents: Descents

    @property
    def level(self) -> float:
        """Of the intervals."""
        return self.statistics.level

    @property
    def fraction(self) -> Floats:
        """Subset fraction: `size` / p."""
        return self.size / self.canvas.pixels

    @property
    def searchable(self) -> Booleans:
        """Images that the search may argue about: eligible ones, or all that were scored where it asks for another.

        Not those of which the fill could not be made.
        """
        told = self.eligible if self.search.target_rule is TargetRule.PREDICTED else self.scored
        searchable: Booleans = told & ~self.failed
        return searchable

    @property
    def nothing_measured(self) -> str:
        """Why a measure over `measured` is unavailable."""
        if self.search.target_rule is TargetRule.PREDICTED:
            return "no image is eligible and not baseline-confident"
        return "no image was searched to its end and is not baseline-confident"

    @property
    def labelled(self) -> Booleans:
        """Scored images with a label."""
        labelled: Booleans = self.scored & (self.label != UNKNOWN)
        return labelled

    @property
    def correct(self) -> Booleans:
        """Whether the prediction is the label; meaningful where `labelled`."""
        correct: Booleans = self.predicted == self.label
        return correct


COLUMNS: dict[str, str] = {
    **dict.fromkeys(("scored", "failed", "eligible", "baseline_confident", "measured"), "B"),
    **dict.fromkeys(("budget_exhausted", "saturated", "with_subset", "other_ran"), "B"),
    **dict.fromkeys(("robust_ran", "robust_unavailable"), "B"),
    **dict.fromkeys(("position", "label", "predicted", "target", "robust_donors"), "q"),
    **dict.fromkeys(("size", "border_share", "other_size", "robust_size"), "d"),
    **dict.fromkeys(("object_area", "object_share"), "d"),
}
"""Type codes of `array`: a byte that is a boolean, 64 bits, a double. So a row is 99 bytes and no more."""


@dataclass(slots=True)
class _FillColumn:
    """What one fill did to each image seen so far, a byte an image."""

    ran: bytearray
    sufficient: bytearray

    def add(self, *, ran: bool, sufficient: bool) -> None:
        self.ran.append(ran)
        self.sufficient.append(sufficient)


@dataclass(slots=True)
class _VariantColumn:
    """What one variant of the subset did on each image seen so far: ten bytes an image."""

    ran: bytearray
    sufficient: bytearray
    confidence: "array[float]"
    predicted: "array[int]"

    @classmethod
    def of(cls, seen: int) -> "_VariantColumn":
        return cls(bytearray(seen), bytearray(seen), array("f", [math.nan] * seen), array("i", [UNKNOWN] * seen))

    def add(self, scored: Row | None) -> None:
        self.ran.append(scored is not None)
        self.sufficient.append(scored is not None and scored["sufficient"])
        self.confidence.append(math.nan if scored is None else scored["confidence"])
        self.predicted.append(UNKNOWN if scored is None else scored["predicted_class"])

    def rescored(self) -> Rescored:
        return Rescored(
            _booleans(self.ran),
            _booleans(self.sufficient),
            np.array(self.confidence, dtype=np.float64),
            np.array(self.predicted, dtype=np.int64),
        )


@dataclass(slots=True)
class Observer:
    """Takes the rows of one version and one search, one at a time; of each it keeps a few numbers."""

    search: Search
    canvas: Canvas
    statistics: Statistics = DEFAULTS
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

    def add(self, row: Row) -> None:
        """Take a row."""
        reason = None if row["reason"] is None else FindingReason(row["reason"])
        failed = reason is not None and reason not in MEASURED_REASONS
        subset, other = row["subset"], row["controls"]["class_targeted"]
        searched = not failed and (subset is not None or row["budget_exhausted"] or reason is FindingReason.NOT_FOUND)
        measured = searched and not row["baseline_confident"]
        found = measured and subset is not None and not row["budget_exhausted"]
        ran = measured and other is not None and not (other["found"] and other["size"] == 0)
        predicted = _known(row["predicted_class"])
        scored = predicted != UNKNOWN and reason is not FindingReason.NOT_FINITE
        self._add_fills({fill["fill"]: fill["sufficient"] for fill in row["controls"]["fills"]} if found else {})
        self._add_variants(_variants_of(row, subsets=found, whole_images=not failed))
        self._add_transfers(row["controls"].get("transfers", ()) if found else ())
        self._descents.add(len(self._columns["scored"]), None if failed else row["controls"].get("pixel_subset"))
        objects = row["controls"].get("objects") or {}
        self._append(
            {
                "position": row["position"],
                "scored": scored,
                "failed": failed,
                "eligible": row["eligible"] and scored,
                "baseline_confident": row["baseline_confident"] and not failed,
                "measured": measured,
                "budget_exhausted": measured and row["budget_exhausted"],
                "saturated": row["saturated"],
                "with_subset": found,
                "label": _known(row["label"]),
                "predicted": predicted,
                "target": _known(row["target_class"]),
                "size": self._size(row) if measured else math.nan,
                "border_share": self._ring.share(unpack_mask(subset)) if found else math.nan,
                "object_area": _number(objects.get("area")),
                "object_share": _number(objects.get("share")) if found else math.nan,
                "other_ran": ran,
                "other_size": (other["size"] if other["found"] else math.inf) if ran else math.nan,
                **_robust(row["controls"].get("fill_robust") if measured else None),
            }
        )

    def observations(self) -> Observations:
        """Return what was seen."""
        columns: dict[str, NDArray[Any]] = {
            name: np.array(column, dtype=np.bool_) if column.typecode == "B" else np.array(column)
            for name, column in self._columns.items()
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

    def _add_variants(self, scored: Mapping[str, Row]) -> None:
        self._add_scored(self._variants, scored)

    def _add_transfers(self, answers: Iterable[Row]) -> None:
        """An answer with a reason is none, and is only counted."""
        by_version = {answer["model_version"]: answer for answer in answers}
        unscored = [name for name, answer in by_version.items() if answer["reason"] is not None]
        self._unscored.update(unscored)
        for name in unscored:  # known from here on, though it may never score any
            self._transfers.setdefault(name, _VariantColumn.of(len(self._columns["scored"])))
        self._add_scored(self._transfers, {name: by_version[name] for name in by_version.keys() - set(unscored)})

    def _add_scored(self, columns: dict[str, _VariantColumn], scored: Mapping[str, Row]) -> None:
        seen = len(self._columns["scored"])
        for name in scored.keys() - columns.keys():
            columns[name] = _VariantColumn.of(seen)
        for name, column in columns.items():
            column.add(scored.get(name))

    def _size(self, row: Row) -> float:
        if row["budget_exhausted"]:
            return float(self.canvas.pixels)
        return math.inf if row["subset"] is None else float(row["subset"]["size"])


def observe(rows: Iterable[Row], search: Search, canvas: Canvas, statistics: Statistics = DEFAULTS) -> Observations:
    """Return what these rows, all of one version and one search, say."""
    observer = Observer(search, canvas, statistics)
    for row in rows:
        observer.add(row)
    return observer.observations()


def unpack_mask(subset: Row) -> Booleans:
    """Return the mask of a row's subset, (height, width) of bool."""
    height, width = subset["height"], subset["width"]
    bits = np.unpackbits(np.frombuffer(b64decode(subset["mask"]), dtype=np.uint8), count=height * width)
    return bits.reshape(height, width).astype(np.bool_)


def _booleans(column: bytearray) -> Booleans:
    return np.frombuffer(bytes(column), dtype=np.bool_)


def _variants_of(row: Row, *, subsets: bool, whole_images: bool) -> dict[str, Row]:
    """By name; those of the subset only where there is one, those of whole images wherever one could be scored."""
    return {
        scored["variant"]: scored
        for scored in row["controls"]["variants"]
        if subsets or (whole_images and scored["variant"] in OF_WHOLE_IMAGES)
    }


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _robust(answer: Row | None) -> dict[str, float]:
    """What the fill-robust control said of an image; None where it was not asked."""
    if answer is None:
        return {"robust_ran": False, "robust_unavailable": False, "robust_donors": 0, "robust_size": math.nan}
    unavailable = answer["reason"] == FindingReason.FILL_UNAVAILABLE
    size = math.inf if answer["reason"] is not None else float(answer["size"])
    return {
        "robust_ran": not unavailable,
        "robust_unavailable": unavailable,
        "robust_donors": answer["verifying_donors"],
        "robust_size": math.nan if unavailable else size,
    }


def _known(number: int | None) -> int:
    return UNKNOWN if number is None or number < 0 else number
