"""The result document and every row as one JSON file, for programs. Must not add a number of its own."""

from collections.abc import Iterable, Mapping
from typing import Any

from modicum_server.measures.document import canonical_json
from modicum_server.measures.rows import Row


def render_json(document: Mapping[str, Any], rows: Iterable[Row]) -> bytes:
    """Return the document with the findings' rows under `rows`; equal inputs give equal bytes."""
    return canonical_json({**document, "rows": list(rows)})
