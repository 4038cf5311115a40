"""Findings of `modicum_sis` -> findings of the domain. Computes nothing that needs a model."""

import zlib

import modicum_sis.findings as sis
import numpy as np
import torch
from modicum_sis import ClassTargeted, FillRobust, PixelSubset

from modicum_server.domain.finding_masks import NARROWING_BYTES, NARROWING_MASKS
from modicum_server.domain.findings import (
    ClassTargetedFinding,
    FillRobustFinding,
    Finding,
    FindingControls,
    FindingReason,
    Narrowing,
    Passes,
    PixelSubsetFinding,
    Subset,
    Trace,
)
from modicum_server.domain.searches import SearchMethod
from modicum_server.generated.worker_pb2 import Item

TRACE_POINTS = 256


def finding_of(found: sis.Finding, item: Item, *, search_index: int, controls: FindingControls) -> Finding:
    """Build the finding of one item."""
    scored = found.reason is not sis.Reason.NOT_FINITE
    return Finding(
        position=item.position,
        item=item.item,
        image_digest=item.image_digest,
        model_version="",
        search_index=search_index,
        label=item.label if item.HasField("label") else None,
        predicted_class=found.predicted_class if scored else None,
        target_class=found.target_class if scored else None,
        eligible=found.eligible,
        confidence=found.confidence if scored else 0.0,
        margin=found.margin if scored else 0.0,
        baseline_confident=found.baseline_confident,
        subset=None if found.subset is None else subset_of(found.subset.mask),
        verified_confidence=found.verified_confidence or 0.0,
        budget_exhausted=found.budget_exhausted,
        saturated=found.saturated,
        reason=None if found.reason is None else FindingReason(found.reason.value),
        passes=passes_of(found.passes),
        trace=None if found.trace is None else trace_of(found.trace),
        controls=controls,
        narrowing=None if found.narrowing is None else narrowing_of(found.narrowing),
    )


def unsearched(item: Item, reason: FindingReason, *, search_index: int) -> Finding:
    """Build the finding of an item on which the model was not run."""
    return Finding(
        position=item.position,
        item=item.item,
        image_digest=item.image_digest,
        model_version="",
        search_index=search_index,
        label=item.label if item.HasField("label") else None,
        reason=reason,
    )


def class_targeted_of(other: ClassTargeted) -> ClassTargetedFinding:
    """Return the result of the class-targeted control. Size and ratio are 0 when no subset was found."""
    finding = other.finding
    return ClassTargetedFinding(
        target_class=finding.target_class,
        found=other.found,
        size=0 if finding.subset is None else finding.subset.size,
        size_ratio=other.size_ratio or 0.0,
        verified_confidence=finding.verified_confidence or 0.0,
        passes=passes_of(finding.passes),
        subset=None if finding.subset is None else subset_of(finding.subset.mask),
    )


def fill_robust_of(result: FillRobust) -> FillRobustFinding:
    """Return the result of the fill-robust control. Size, ratio and confidence are 0 without a subset."""
    return FillRobustFinding(
        size=0 if result.subset is None else result.subset.size,
        size_ratio=result.size_ratio or 0.0,
        verifying_donors=result.verifying_donors,
        sufficient_donors=result.sufficient_donors,
        confidence=result.confidence or 0.0,
        budget_exhausted=result.budget_exhausted,
        passes=passes_of(result.passes),
        reason=None if result.reason is None else FindingReason(result.reason.value),
        subset=None if result.subset is None else subset_of(result.subset.mask),
    )


def pixel_subset_of(result: PixelSubset, method: SearchMethod | None) -> PixelSubsetFinding:
    """Return the result of the pixel-subsets control."""
    return PixelSubsetFinding(
        subset=subset_of(result.mask),
        confidence=result.confidence,
        predicted_class=result.predicted_class,
        random_confidence=result.random_confidence,
        random_predicted_class=result.random_predicted_class,
        trace=Trace((), ()) if result.trace is None else trace_of(result.trace),
        passes=passes_of(result.passes),
        method=method,
    )


def subset_of(mask: torch.Tensor) -> Subset:
    """Pack a mask (H, W): row-major, eight pixels a byte, most significant bit first."""
    kept = mask.cpu().numpy().astype(bool)
    return Subset(
        mask=np.packbits(kept.reshape(-1)).tobytes(), height=kept.shape[0], width=kept.shape[1], size=int(kept.sum())
    )


def narrowing_of(narrowing: sis.Narrowing) -> Narrowing | None:
    """Thin the masks evenly to a few that fit into `NARROWING_BYTES`, without the largest if need be."""
    places = torch.linspace(0, len(narrowing.masks) - 1, min(NARROWING_MASKS, len(narrowing.masks))).round().long()
    masks, confidences = narrowing.masks[places], narrowing.confidences[places].tolist()
    for first in range(len(masks)):
        subsets = [subset_of(mask) for mask in masks[first:]]
        packed = zlib.compress(b"".join(subset.mask for subset in subsets), level=9)
        if len(packed) <= NARROWING_BYTES:
            return Narrowing(tuple(subset.size for subset in subsets), tuple(confidences[first:]), packed)
    return None


def passes_of(passes: sis.Passes) -> Passes:
    """Passes."""
    return Passes(forward=passes.forward, backward=passes.backward)


def trace_of(trace: sis.Trace) -> Trace:
    """Thin a trace evenly to at most 256 points. Both ends stay; points that are not finite are left out."""
    finite = torch.nonzero(torch.isfinite(trace.confidences)).flatten()
    places = torch.linspace(0, max(0, len(finite) - 1), min(TRACE_POINTS, len(finite))).round().long()
    chosen = finite[places]
    return Trace(kept=tuple(trace.kept[chosen].tolist()), confidences=tuple(trace.confidences[chosen].tolist()))
