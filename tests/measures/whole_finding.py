"""A finding with every field set. What is written of it stays readable and keeps its bytes."""

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


def whole_finding(version: str, other: str) -> Finding:
    """A finding of `version` whose subset `other` scored."""
    return Finding(
        position=3,
        item="beetle.png",
        image_digest="5" * 64,
        model_version=version,
        search_index=1,
        label=2,
        predicted_class=4,
        target_class=5,
        eligible=True,
        confidence=0.96875,
        margin=3.5,
        baseline_confident=True,
        subset=Subset(b"\xf0\x01", 4, 4, 5),
        verified_confidence=0.9375,
        budget_exhausted=True,
        saturated=True,
        reason=FindingReason.STOPPED,
        passes=Passes(12, 13),
        trace=Trace((16, 5), (0.96875, 0.9375)),
        controls=FindingControls(
            class_targeted=ClassTargetedFinding(
                7, found=True, size=8, size_ratio=1.5, verified_confidence=0.90625, passes=Passes(14, 15)
            ),
            fills=(FillFinding(Fill.BLACK, 0.25, sufficient=True),),
            variants=(ScoredVariant("dilated", 0.75, sufficient=True, predicted_class=6),),
            critical_temperature=1.25,
            objects=ObjectsFinding(0.375, 0.5),
            transfers=(
                TransferFinding(other, 0.625, sufficient=True, predicted_class=9, reason=FindingReason.NOT_FINITE),
            ),
            fill_robust=FillRobustFinding(
                size=10,
                size_ratio=2.5,
                verifying_donors=32,
                sufficient_donors=30,
                confidence=0.953125,
                budget_exhausted=True,
                passes=Passes(16, 17),
                reason=FindingReason.FILL_UNAVAILABLE,
            ),
            pixel_subset=PixelSubsetFinding(
                subset=Subset(b"\x80\x00", 4, 4, 1),
                confidence=0.125,
                predicted_class=11,
                random_confidence=0.0625,
                random_predicted_class=12,
                trace=Trace((16, 1), (0.96875, 0.125)),
                passes=Passes(18, 19),
            ),
        ),
    )
