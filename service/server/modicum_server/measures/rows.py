"""The findings artifact: one row a finding, gzip over JSON Lines. Must not decide what a finding means.

Equal findings give equal bytes: keys are sorted and gzip's time is 0. What a row holds follows from the records of the
domain (`domain.documents`).
"""

import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any

from modicum_server.domain.controls import SEARCH_RESULTS
from modicum_server.domain.documents import FINDING, Document, document_of
from modicum_server.domain.findings import Finding

GZIP_LEVEL = 6
GZIP_FORMAT = 16 + zlib.MAX_WBITS
"""What zlib calls gzip with its largest window."""
TEXT_BYTES = 64 * 1024
"""Text that is unpacked at once: a mask of nothing packs a thousandfold."""


Pieces = Callable[[], Iterable[bytes]]
"""The bytes of an artifact from its beginning, at each call anew."""


class Unpacking:
    """The text of an artifact, piece by piece, as it comes in: memory is one piece of text, however well it packs."""

    def __init__(self) -> None:
        self._gzip = zlib.decompressobj(wbits=GZIP_FORMAT)

    def feed(self, packed: bytes) -> Iterator[bytes]:
        """Yield the text of the artifact's next bytes, at most `TEXT_BYTES` at a time."""
        while packed:
            yield self._gzip.decompress(packed, TEXT_BYTES)
            packed = self._gzip.unconsumed_tail

    def end(self) -> bytes:
        """Return what is left of the text.

        Raises:
            ValueError: the artifact is not whole.
        """
        text = self._gzip.flush()
        if not self._gzip.eof:
            raise ValueError("the findings artifact is cut off; store it again")
        return text


@dataclass(frozen=True, slots=True)
class FindingsArtifact:
    """The findings of an artifact, read anew at each iteration: memory is one finding, however many there are."""

    pieces: Pieces

    def __iter__(self) -> Iterator[Finding]:
        return map(FINDING.validate_json, _lines(self.pieces()))


def write_findings(findings: Iterable[Finding], into: IO[bytes]) -> None:
    """Pack findings as rows, in the order given, one at a time."""
    with gzip.GzipFile(filename="", fileobj=into, mode="wb", compresslevel=GZIP_LEVEL, mtime=0) as lines:
        for finding in findings:
            row = finding_row(finding)
            lines.write(json.dumps(row, sort_keys=True, separators=(",", ":"), allow_nan=False).encode())
            lines.write(b"\n")


def finding_row(finding: Finding) -> Document:
    """Return the finding as JSON values."""
    return document_of(FINDING, finding)


def light_row(finding: Finding) -> Document:
    """Return the finding as JSON values without its trace, its masks and its larger controls: what a policy reads."""
    controls = {**{name: {"subset"} for name in SEARCH_RESULTS}, "pixel_subset": True, "transfers": True}
    heavy: Any = {"subset": {"mask"}, "trace": True, "narrowing": True, "controls": controls}
    row: Document = FINDING.dump_python(finding, mode="json", exclude=heavy)
    return row


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    unpacking, begun = Unpacking(), b""
    for piece in pieces:
        for text in unpacking.feed(piece):
            *whole, begun = (begun + text).split(b"\n")
            yield from whole
    *whole, begun = (begun + unpacking.end()).split(b"\n")
    yield from whole
