"""What an audit's findings come to: measures with intervals, the controls' readings, the result document.

Pure functions of findings, on numpy and scipy only: no store, no transport, no torch. The definitions are those of
METHOD section 4. A new measure is one module, with a function `(Observations) -> {name: Measure}` and its `FAMILY`, and
a line in `registry.py`, which says more.
"""

from modicum_server.measures.document import canonical_json, result_document
from modicum_server.measures.rows import (
    FindingRows,
    Row,
    Unpacking,
    finding_from_row,
    finding_row,
    read_rows,
    write_rows,
)

__all__ = [
    "FindingRows",
    "Row",
    "Unpacking",
    "canonical_json",
    "finding_from_row",
    "finding_row",
    "read_rows",
    "result_document",
    "write_rows",
]
