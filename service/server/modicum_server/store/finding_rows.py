"""A finding as a row, and back."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Row

from modicum_server.domain.documents import CONTROLS, TRACE, document_of, value_of
from modicum_server.domain.findings import Finding, FindingControls, FindingReason, Passes, Subset

#: Fields that a row and a finding have in common.
PLAIN = (
    "position",
    "item",
    "image_digest",
    "search_index",
    "label",
    "predicted_class",
    "target_class",
    "eligible",
    "confidence",
    "margin",
    "baseline_confident",
    "verified_confidence",
    "budget_exhausted",
    "saturated",
)


def finding_columns(audit_id: int, version_index: int, finding: Finding) -> dict[str, Any]:
    """Return the columns of a finding; `version_index` is its version's place in the specification."""
    subset = finding.subset
    return {
        **{field: getattr(finding, field) for field in PLAIN},
        "audit_id": audit_id,
        "version_index": version_index,
        "subset_mask": subset.mask if subset else None,
        "subset_height": subset.height if subset else None,
        "subset_width": subset.width if subset else None,
        "subset_size": subset.size if subset else None,
        "reason": finding.reason.value if finding.reason else None,
        "passes_forward": finding.passes.forward,
        "passes_backward": finding.passes.backward,
        "trace": document_of(TRACE, finding.trace) if finding.trace else None,
        "controls": document_of(CONTROLS, finding.controls),
    }


def finding_of(row: Row[Any]) -> Finding:
    """Return the finding of a row of `findings` with its audit's `model_versions`."""
    return Finding(
        **{field: getattr(row, field) for field in PLAIN},
        model_version=row.model_versions[row.version_index],
        subset=None if row.subset_mask is None else subset_of(row),
        reason=FindingReason(row.reason) if row.reason else None,
        passes=Passes(row.passes_forward, row.passes_backward),
        trace=value_of(TRACE, row.trace) if row.trace else None,
        controls=_controls_of(row),
    )


def subset_of(row: Row[Any]) -> Subset:
    """Return the subset of a row that has one."""
    return Subset(bytes(row.subset_mask), row.subset_height, row.subset_width, row.subset_size)


def _controls_of(row: Row[Any]) -> FindingControls:
    """The controls; other versions' answers in the specification's order, whichever came first."""
    controls = value_of(CONTROLS, row.controls)
    place = list(row.model_versions).index
    return replace(controls, transfers=tuple(sorted(controls.transfers, key=lambda one: place(one.model_version))))
