"""Turns an audit's findings into measures with intervals, the controls' readings and the result document.

Pure functions of findings, on numpy and scipy only: no store, no transport, no torch. The definitions are those of
docs/method.md, "Figures and their intervals". A new measure is one module, with a function
`(Observations) -> {name: Measure}` and its `MEASURE_SET`, and a line in `registry.py`, which says more.
"""

from modicum_server.measures.document import canonical_json, result_document
from modicum_server.measures.rows import FindingsArtifact, Unpacking, finding_row, write_findings

__all__ = [
    "FindingsArtifact",
    "Unpacking",
    "canonical_json",
    "finding_row",
    "result_document",
    "write_findings",
]
