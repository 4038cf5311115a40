"""Findings and their parts."""

from modicum.v1 import finding_pb2

from modicum_server.codec.enums import enum_number, enum_value
from modicum_server.codec.searches import fill_number, fill_value
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


def subset_message(value: Subset) -> finding_pb2.Subset:
    """Subset."""
    return finding_pb2.Subset(
        mask=value.mask, height=value.height, width=value.width, size=value.size, fraction=value.fraction
    )


def subset_value(message: finding_pb2.Subset) -> Subset:
    """Subset."""
    return Subset(mask=message.mask, height=message.height, width=message.width, size=message.size)


def passes_message(value: Passes) -> finding_pb2.Passes:
    """Passes."""
    return finding_pb2.Passes(forward=value.forward, backward=value.backward)


def passes_value(message: finding_pb2.Passes) -> Passes:
    """Passes."""
    return Passes(forward=message.forward, backward=message.backward)


def trace_message(value: Trace) -> finding_pb2.Trace:
    """Trace."""
    return finding_pb2.Trace(kept=value.kept, confidences=value.confidences)


def trace_value(message: finding_pb2.Trace) -> Trace:
    """Trace."""
    return Trace(tuple(message.kept), tuple(message.confidences))


def controls_message(value: FindingControls) -> finding_pb2.FindingControls:
    """Answers of the controls."""
    message = finding_pb2.FindingControls(
        fills=[
            finding_pb2.FillFinding(fill=fill_number(f.fill), confidence=f.confidence, sufficient=f.sufficient)
            for f in value.fills
        ],
        variants=[
            finding_pb2.ScoredVariant(
                variant=v.variant, confidence=v.confidence, sufficient=v.sufficient, predicted_class=v.predicted_class
            )
            for v in value.variants
        ],
        critical_temperature=value.critical_temperature,
        transfers=[transfer_message(answer) for answer in value.transfers],
        objects=None if value.objects is None else objects_message(value.objects),
        fill_robust=None if value.fill_robust is None else fill_robust_message(value.fill_robust),
        pixel_subset=None if value.pixel_subset is None else pixel_subset_message(value.pixel_subset),
    )
    if (targeted := value.class_targeted) is not None:
        message.class_targeted.CopyFrom(
            finding_pb2.ClassTargetedFinding(
                target_class=targeted.target_class,
                found=targeted.found,
                size=targeted.size,
                size_ratio=targeted.size_ratio,
                verified_confidence=targeted.verified_confidence,
                passes=passes_message(targeted.passes),
            )
        )
    return message


def controls_value(message: finding_pb2.FindingControls) -> FindingControls:
    """Answers of the controls."""
    targeted = None
    if message.HasField("class_targeted"):
        answer = message.class_targeted
        targeted = ClassTargetedFinding(
            target_class=answer.target_class,
            found=answer.found,
            size=answer.size,
            size_ratio=answer.size_ratio,
            verified_confidence=answer.verified_confidence,
            passes=passes_value(answer.passes),
        )
    fills = tuple(FillFinding(fill_value(f.fill) or Fill.MEAN, f.confidence, f.sufficient) for f in message.fills)
    variants = tuple(ScoredVariant(v.variant, v.confidence, v.sufficient, v.predicted_class) for v in message.variants)
    critical = message.critical_temperature if message.HasField("critical_temperature") else None
    return FindingControls(
        class_targeted=targeted,
        fills=fills,
        variants=variants,
        critical_temperature=critical,
        transfers=tuple(transfer_value(answer) for answer in message.transfers),
        objects=objects_value(message.objects) if message.HasField("objects") else None,
        fill_robust=fill_robust_value(message.fill_robust) if message.HasField("fill_robust") else None,
        pixel_subset=pixel_subset_value(message.pixel_subset) if message.HasField("pixel_subset") else None,
    )


def fill_robust_message(value: FillRobustFinding) -> finding_pb2.FillRobustFinding:
    """Answer of the fill-robust control."""
    return finding_pb2.FillRobustFinding(
        size=value.size,
        size_ratio=value.size_ratio,
        verifying_donors=value.verifying_donors,
        sufficient_donors=value.sufficient_donors,
        confidence=value.confidence,
        budget_exhausted=value.budget_exhausted,
        passes=passes_message(value.passes),
        reason=enum_number(finding_pb2.FindingReason, "FINDING_REASON", value.reason),
    )


def fill_robust_value(message: finding_pb2.FillRobustFinding) -> FillRobustFinding:
    """Answer of the fill-robust control."""
    return FillRobustFinding(
        size=message.size,
        size_ratio=message.size_ratio,
        verifying_donors=message.verifying_donors,
        sufficient_donors=message.sufficient_donors,
        confidence=message.confidence,
        budget_exhausted=message.budget_exhausted,
        passes=passes_value(message.passes),
        reason=enum_value(finding_pb2.FindingReason, "FINDING_REASON", message.reason, FindingReason),
    )


def pixel_subset_message(value: PixelSubsetFinding) -> finding_pb2.PixelSubsetFinding:
    """Answer of the pixel-subsets control."""
    return finding_pb2.PixelSubsetFinding(
        subset=subset_message(value.subset),
        confidence=value.confidence,
        predicted_class=value.predicted_class,
        random_confidence=value.random_confidence,
        random_predicted_class=value.random_predicted_class,
        trace=trace_message(value.trace),
        passes=passes_message(value.passes),
    )


def pixel_subset_value(message: finding_pb2.PixelSubsetFinding) -> PixelSubsetFinding:
    """Answer of the pixel-subsets control."""
    return PixelSubsetFinding(
        subset=subset_value(message.subset),
        confidence=message.confidence,
        predicted_class=message.predicted_class,
        random_confidence=message.random_confidence,
        random_predicted_class=message.random_predicted_class,
        trace=trace_value(message.trace),
        passes=passes_value(message.passes),
    )


def objects_message(value: ObjectsFinding) -> finding_pb2.ObjectsFinding:
    """Objects of the item and the subset."""
    return finding_pb2.ObjectsFinding(area=value.area, share=value.share)


def objects_value(message: finding_pb2.ObjectsFinding) -> ObjectsFinding:
    """Objects of the item and the subset."""
    return ObjectsFinding(area=message.area, share=message.share if message.HasField("share") else None)


def transfer_message(value: TransferFinding) -> finding_pb2.TransferFinding:
    """Another version's answer."""
    return finding_pb2.TransferFinding(
        model_version=value.model_version,
        confidence=value.confidence,
        sufficient=value.sufficient,
        predicted_class=value.predicted_class,
        reason=enum_number(finding_pb2.FindingReason, "FINDING_REASON", value.reason),
    )


def transfer_value(message: finding_pb2.TransferFinding) -> TransferFinding:
    """Another version's answer."""
    return TransferFinding(
        model_version=message.model_version,
        confidence=message.confidence,
        sufficient=message.sufficient,
        predicted_class=message.predicted_class if message.HasField("predicted_class") else None,
        reason=enum_value(finding_pb2.FindingReason, "FINDING_REASON", message.reason, FindingReason),
    )


def finding_message(value: Finding, name: str = "") -> finding_pb2.Finding:
    """Finding; `name` is its resource name."""
    return finding_pb2.Finding(
        name=name,
        item=value.item,
        image_digest=value.image_digest,
        model_version=value.model_version,
        search_index=value.search_index,
        label=value.label,
        predicted_class=value.predicted_class,
        target_class=value.target_class,
        eligible=value.eligible,
        confidence=value.confidence,
        margin=value.margin,
        baseline_confident=value.baseline_confident,
        subset=None if value.subset is None else subset_message(value.subset),
        verified_confidence=value.verified_confidence,
        budget_exhausted=value.budget_exhausted,
        saturated=value.saturated,
        reason=enum_number(finding_pb2.FindingReason, "FINDING_REASON", value.reason),
        passes=passes_message(value.passes),
        trace=None if value.trace is None else trace_message(value.trace),
        controls=controls_message(value.controls),
    )


def finding_value(message: finding_pb2.Finding, position: int) -> Finding:
    """Finding; `position` is its place among the audit's items."""
    has = message.HasField
    return Finding(
        position=position,
        item=message.item,
        image_digest=message.image_digest,
        model_version=message.model_version,
        search_index=message.search_index,
        label=message.label if has("label") else None,
        predicted_class=message.predicted_class if has("predicted_class") else None,
        target_class=message.target_class if has("target_class") else None,
        eligible=message.eligible,
        confidence=message.confidence,
        margin=message.margin,
        baseline_confident=message.baseline_confident,
        subset=subset_value(message.subset) if has("subset") else None,
        verified_confidence=message.verified_confidence,
        budget_exhausted=message.budget_exhausted,
        saturated=message.saturated,
        reason=enum_value(finding_pb2.FindingReason, "FINDING_REASON", message.reason, FindingReason),
        passes=passes_value(message.passes),
        trace=trace_value(message.trace) if has("trace") else None,
        controls=controls_value(message.controls),
    )
