"""The findings artifact: one row a finding, gzip over JSON Lines. Must not decide what a finding means.

Equal findings give equal bytes: keys are sorted and gzip's time is 0. A float that is no number (a model's output on an
image can be NaN) is null in a row and NaN in a finding.
"""

import gzip
import json
import math
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

from modicum_server.domain.findings import (
    ClassTargetedFinding,
    FillFinding,
    FillRobustFinding,
    Finding,
    FindingControls,
    FindingReason,
    ObjectsFinding,
    Passes,
    PixelSubsetFinding,
    ScoredVariant,
    Subset,
    Trace,
    TransferFinding,
)
from modicum_server.domain.searches import Fill

Row = Mapping[str, Any]
"""A finding as JSON values."""

GZIP_LEVEL = 6
GZIP_FORMAT = 16 + zlib.MAX_WBITS
"""What zlib calls gzip with its largest window."""
TEXT_BYTES = 64 * 1024
"""Text that is unpacked at once: a mask of nothing packs a thousandfold."""


Pieces = Callable[[], Iterable[bytes]]
"""The bytes of an artifact from its beginning, at each call anew."""


class Unpacking:
    """The text of an artifact, piece by piece, as it comes in: memory is one piece of text, however well it packs."""

    def __init__(self) -> None:
        self._gzip = zlib.decompressobj(wbits=GZIP_FORMAT)

    def feed(self, packed: bytes) -> Iterator[bytes]:
        """Yield the text of the artifact's next bytes, at most `TEXT_BYTES` at a time."""
        while packed:
            yield self._gzip.decompress(packed, TEXT_BYTES)
            packed = self._gzip.unconsumed_tail

    def end(self) -> bytes:
        """Return what is left of the text.

        Raises:
            ValueError: the artifact is not whole.
        """
        text = self._gzip.flush()
        if not self._gzip.eof:
            raise ValueError("expected a whole findings artifact, got its beginning; store it again")
        return text


@dataclass(frozen=True, slots=True)
class FindingRows:
    """Rows of a findings artifact, read anew at each iteration: memory is one row, however many there are."""

    pieces: Pieces

    def __iter__(self) -> Iterator[Row]:
        return map(json.loads, _lines(self.pieces()))


def read_rows(data: bytes) -> FindingRows:
    """Return the rows of an artifact that `write_rows` made; iterate as often as wanted."""
    return FindingRows(lambda: (data,))


def write_rows(rows: Iterable[Row], into: IO[bytes]) -> None:
    """Pack rows, in the order given, one at a time."""
    with gzip.GzipFile(filename="", fileobj=into, mode="wb", compresslevel=GZIP_LEVEL, mtime=0) as lines:
        for row in rows:
            lines.write(json.dumps(row, sort_keys=True, separators=(",", ":"), allow_nan=False).encode())
            lines.write(b"\n")


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    unpacking, begun = Unpacking(), b""
    for piece in pieces:
        for text in unpacking.feed(piece):
            *whole, begun = (begun + text).split(b"\n")
            yield from whole
    *whole, begun = (begun + unpacking.end()).split(b"\n")
    yield from whole


def finding_row(finding: Finding) -> dict[str, Any]:
    """Return the finding as JSON values."""
    return {
        "item": finding.item,
        "position": finding.position,
        "image_digest": finding.image_digest,
        "model_version": finding.model_version,
        "search_index": finding.search_index,
        "label": finding.label,
        "predicted_class": finding.predicted_class,
        "target_class": finding.target_class,
        "eligible": finding.eligible,
        "confidence": _finite(finding.confidence),
        "margin": _finite(finding.margin),
        "baseline_confident": finding.baseline_confident,
        "subset": None if finding.subset is None else _subset_row(finding.subset),
        "verified_confidence": _finite(finding.verified_confidence),
        "budget_exhausted": finding.budget_exhausted,
        "saturated": finding.saturated,
        "reason": None if finding.reason is None else finding.reason.value,
        "passes": _passes_row(finding.passes),
        "trace": None if finding.trace is None else _trace_row(finding.trace),
        "controls": _controls_row(finding.controls),
    }


def finding_from_row(row: Row) -> Finding:
    """Return the finding of a row; the inverse of `finding_row`."""
    return Finding(
        position=row["position"],
        item=row["item"],
        image_digest=row["image_digest"],
        model_version=row["model_version"],
        search_index=row["search_index"],
        label=row["label"],
        predicted_class=row["predicted_class"],
        target_class=row["target_class"],
        eligible=row["eligible"],
        confidence=_number(row["confidence"]),
        margin=_number(row["margin"]),
        baseline_confident=row["baseline_confident"],
        subset=None if row["subset"] is None else _subset(row["subset"]),
        verified_confidence=_number(row["verified_confidence"]),
        budget_exhausted=row["budget_exhausted"],
        saturated=row["saturated"],
        reason=None if row["reason"] is None else FindingReason(row["reason"]),
        passes=Passes(**row["passes"]),
        trace=None if row["trace"] is None else _trace(row["trace"]),
        controls=_controls(row["controls"]),
    )


def _subset_row(subset: Subset) -> dict[str, Any]:
    return {
        "mask": b64encode(subset.mask).decode(),
        "height": subset.height,
        "width": subset.width,
        "size": subset.size,
        "fraction": subset.fraction,
    }


def _subset(row: Row) -> Subset:
    return Subset(mask=b64decode(row["mask"]), height=row["height"], width=row["width"], size=row["size"])


def _passes_row(passes: Passes) -> dict[str, int]:
    return {"forward": passes.forward, "backward": passes.backward}


def _trace_row(trace: Trace) -> dict[str, Any]:
    return {"kept": list(trace.kept), "confidences": [_finite(value) for value in trace.confidences]}


def _trace(row: Row) -> Trace:
    return Trace(kept=tuple(row["kept"]), confidences=tuple(_number(value) for value in row["confidences"]))


def _controls_row(controls: FindingControls) -> dict[str, Any]:
    return {
        "class_targeted": None if controls.class_targeted is None else _class_targeted_row(controls.class_targeted),
        "fills": [
            {"fill": fill.fill.value, "confidence": _finite(fill.confidence), "sufficient": fill.sufficient}
            for fill in controls.fills
        ],
        "variants": [
            {
                "variant": variant.variant,
                "confidence": _finite(variant.confidence),
                "sufficient": variant.sufficient,
                "predicted_class": variant.predicted_class,
            }
            for variant in controls.variants
        ],
        "critical_temperature": controls.critical_temperature,
        "transfers": [_transfer_row(answer) for answer in controls.transfers],
        "objects": None if controls.objects is None else _objects_row(controls.objects),
        "fill_robust": None if controls.fill_robust is None else _fill_robust_row(controls.fill_robust),
        "pixel_subset": None if controls.pixel_subset is None else _pixel_subset_row(controls.pixel_subset),
    }


def _controls(row: Row) -> FindingControls:
    return FindingControls(
        class_targeted=None if row["class_targeted"] is None else _class_targeted(row["class_targeted"]),
        fills=tuple(
            FillFinding(Fill(fill["fill"]), _number(fill["confidence"]), fill["sufficient"]) for fill in row["fills"]
        ),
        variants=tuple(
            ScoredVariant(**{**variant, "confidence": _number(variant["confidence"])}) for variant in row["variants"]
        ),
        critical_temperature=row.get("critical_temperature"),
        transfers=tuple(_transfer(answer) for answer in row.get("transfers", ())),
        objects=None if row.get("objects") is None else ObjectsFinding(**row["objects"]),
        fill_robust=None if row.get("fill_robust") is None else _fill_robust(row["fill_robust"]),
        pixel_subset=None if row.get("pixel_subset") is None else _pixel_subset(row["pixel_subset"]),
    )


def _class_targeted_row(control: ClassTargetedFinding) -> dict[str, Any]:
    return {
        "target_class": control.target_class,
        "found": control.found,
        "size": control.size,
        "size_ratio": _finite(control.size_ratio),
        "verified_confidence": _finite(control.verified_confidence),
        "passes": _passes_row(control.passes),
    }


def _class_targeted(row: Row) -> ClassTargetedFinding:
    return ClassTargetedFinding(
        target_class=row["target_class"],
        found=row["found"],
        size=row["size"],
        size_ratio=_number(row["size_ratio"]),
        verified_confidence=_number(row["verified_confidence"]),
        passes=Passes(**row["passes"]),
    )


def _fill_robust_row(control: FillRobustFinding) -> dict[str, Any]:
    return {
        "size": control.size,
        "size_ratio": _finite(control.size_ratio),
        "verifying_donors": control.verifying_donors,
        "sufficient_donors": control.sufficient_donors,
        "confidence": _finite(control.confidence),
        "budget_exhausted": control.budget_exhausted,
        "passes": _passes_row(control.passes),
        "reason": None if control.reason is None else control.reason.value,
    }


def _fill_robust(row: Row) -> FillRobustFinding:
    return FillRobustFinding(
        size=row["size"],
        size_ratio=_number(row["size_ratio"]),
        verifying_donors=row["verifying_donors"],
        sufficient_donors=row["sufficient_donors"],
        confidence=_number(row["confidence"]),
        budget_exhausted=row["budget_exhausted"],
        passes=Passes(**row["passes"]),
        reason=None if row["reason"] is None else FindingReason(row["reason"]),
    )


def _pixel_subset_row(control: PixelSubsetFinding) -> dict[str, Any]:
    return {
        "subset": _subset_row(control.subset),
        "confidence": _finite(control.confidence),
        "predicted_class": control.predicted_class,
        "random_confidence": _finite(control.random_confidence),
        "random_predicted_class": control.random_predicted_class,
        "trace": _trace_row(control.trace),
        "passes": _passes_row(control.passes),
    }


def _pixel_subset(row: Row) -> PixelSubsetFinding:
    return PixelSubsetFinding(
        subset=_subset(row["subset"]),
        confidence=_number(row["confidence"]),
        predicted_class=row["predicted_class"],
        random_confidence=_number(row["random_confidence"]),
        random_predicted_class=row["random_predicted_class"],
        trace=_trace(row["trace"]),
        passes=Passes(**row["passes"]),
    )


def _transfer_row(answer: TransferFinding) -> dict[str, Any]:
    return {
        "model_version": answer.model_version,
        "confidence": _finite(answer.confidence),
        "sufficient": answer.sufficient,
        "predicted_class": answer.predicted_class,
        "reason": None if answer.reason is None else answer.reason.value,
    }


def _transfer(row: Row) -> TransferFinding:
    return TransferFinding(
        model_version=row["model_version"],
        confidence=_number(row["confidence"]),
        sufficient=row["sufficient"],
        predicted_class=row["predicted_class"],
        reason=None if row["reason"] is None else FindingReason(row["reason"]),
    )


def _objects_row(objects: ObjectsFinding) -> dict[str, float | None]:
    return {"area": objects.area, "share": objects.share}


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _number(value: float | None) -> float:
    return math.nan if value is None else value
