"""A finding as a row, and back.

A field of a finding has a column of its own where SQL asks for it. All others stand in the column `more`, in the form
of `domain.documents`: a new field needs no migration.
"""

from dataclasses import fields, replace
from typing import Any

from sqlalchemy import Row

from modicum_server.domain.documents import FINDING, document_of, value_of
from modicum_server.domain.findings import Finding, Subset
from modicum_server.store import tables

#: Fields in columns whose names or forms are other than the field's.
OTHERWISE = frozenset({"model_version", "subset", "reason", "passes", "trace", "controls"})
#: Fields that a row and a finding have in common.
PLAIN = tuple(
    field.name for field in fields(Finding) if field.name in tables.findings.c and field.name not in OTHERWISE
)
#: Fields without a column of their own.
MORE = frozenset(field.name for field in fields(Finding)) - OTHERWISE - set(PLAIN)
_WRITTEN_AS_JSON = {"trace", "controls", *MORE}


def finding_columns(audit_id: int, version_index: int, finding: Finding) -> dict[str, Any]:
    """Return the columns of a finding. `version_index` is its version's place in the specification."""
    subset, document = finding.subset, document_of(FINDING, finding, only=_WRITTEN_AS_JSON)
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
        "trace": document["trace"],
        "controls": document["controls"],
        "more": {field: document[field] for field in MORE},
    }


def finding_of(row: Row[Any]) -> Finding:
    """Return the finding of a row of `findings` with its audit's `model_versions`."""
    document = {
        **{field: getattr(row, field) for field in PLAIN},
        "model_version": row.model_versions[row.version_index],
        "subset": None if row.subset_mask is None else subset_of(row),
        "reason": row.reason,
        "passes": {"forward": row.passes_forward, "backward": row.passes_backward},
        "trace": row.trace,
        "controls": row.controls,
        **row.more,
    }
    return _in_order(value_of(FINDING, document), row.model_versions)


def subset_of(row: Row[Any]) -> Subset:
    """Return the subset of a row that has one."""
    return Subset(bytes(row.subset_mask), row.subset_height, row.subset_width, row.subset_size)


def _in_order(finding: Finding, versions: list[str]) -> Finding:
    """Put other versions' results in the specification's order, whichever came first."""
    transfers = sorted(finding.controls.transfers, key=lambda one: versions.index(one.model_version))
    return replace(finding, controls=replace(finding.controls, transfers=tuple(transfers)))
