"""The report for programs: the result document and every row as one JSON file. Adds no numbers of its own.

It is written while the findings artifact is read, so memory holds one piece.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from modicum_server.measures.document import canonical_json
from modicum_server.measures.rows import Unpacking

ROWS = "rows"
LINE_END, COMMA = b"\n", b","


class JsonReport:
    """The document with the findings' rows under `rows`. Call `begin`, then `feed` for each piece, then `end`.

    Equal inputs give equal bytes. The rows are the unchanged lines of the artifact.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Take the result document."""
        before = canonical_json({name: value for name, value in document.items() if name < ROWS})
        after = canonical_json({name: value for name, value in document.items() if name > ROWS})
        self._before, self._after = before.removesuffix(b"}"), after.removeprefix(b"{")
        self._unpacking = Unpacking()
        self._held = b""

    def begin(self) -> bytes:
        """Return everything before the first row."""
        return self._before + (COMMA if len(self._before) > 1 else b"") + b'"rows":['

    def feed(self, packed: bytes) -> Iterator[bytes]:
        """Yield the rows in the next bytes of the findings artifact."""
        for text in self._unpacking.feed(packed):
            yield self._listed(text)

    def end(self) -> bytes:
        """Return everything after the last row.

        Raises:
            ValueError: the artifact is incomplete.
        """
        rest = self._listed(self._unpacking.end())
        return rest + b"]" + (COMMA if len(self._after) > 1 else b"") + self._after

    def _listed(self, text: bytes) -> bytes:
        """Return lines as entries of a list. The comma after a line is held back until another line follows."""
        text = self._held + text
        self._held = LINE_END if text.endswith(LINE_END) else b""
        return text.removesuffix(LINE_END).replace(LINE_END, COMMA)
