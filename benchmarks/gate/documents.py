"""Documents and policies with nothing in them but what a simulated rule reads."""

from collections.abc import Mapping, Sequence
from typing import Any

from modicum.gate.judging import judge
from modicum.gate.policy import Policy
from modicum.gate.policy_file import policy_of

from benchmarks.gate.rows import DAY

VERSION = "projects/default/models/m/versions/1"
IMAGES = 300


def policy(*rules: str, keys: Sequence[str] = ()) -> Policy:
    """Return a policy of these rules alone, each `id: {...}`, and of further keys."""
    lines = ["version: 1", *keys, "rules:", *(f"  {rule}" for rule in rules)]
    return policy_of("\n".join(lines), "", today=DAY)


def document(
    measures: Mapping[str, Any] | None = None,
    *,
    spots: Sequence[Mapping[str, Any]] = (),
    readings: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return a document of one version under one search."""
    counts = {"images": IMAGES, "failed": 0, "eligible": IMAGES}
    search = {"target_rule": "predicted", "threshold": 0.9, "fill": "mean", "passes": 300}
    searched = {"search": search, "measures": measures or {}, "readings": list(readings), "counts": counts}
    return {
        "schema_version": 1,
        "audit": "",
        "created": "",
        "specification": {"statistics": {"level": 0.95}},
        "specification_digest": "",
        "findings": {"digest": ""},
        "dataset": {"name": "", "labelled": IMAGES},
        "models": [{"model_version": VERSION, "digest": "", "searches": [searched]}],
        "spots": [{"model_version": VERSION, "untested_classes": 0, "rows": list(spots)}],
    }


def outcome(of: Mapping[str, Any], by: Policy, *, baseline: Mapping[str, Any] | None = None) -> str:
    """Return the gate's outcome."""
    return str(judge(of, by, today=DAY, baseline=baseline).outcome)
