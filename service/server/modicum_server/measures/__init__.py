"""What an audit's findings come to: measures with intervals, the controls' readings, the result document.

Pure functions of findings, on numpy and scipy only: no store, no transport, no torch. The definitions are those of
METHOD section 4. A new measure is one module, with a function `(Observations) -> {name: Measure}` and its `FAMILY`, and
a line in `registry.py`, which says more.
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
