"""Images on the canvas of an audit as a zip archive: one `DIGEST.npy` each, float32 (C, H, W) within the bounds.

What a client lacks to put masks and pixels together: decoding and framing happen here, as they did for the searches.
Written as it goes, so that memory is one image's; equal images give equal bytes. Must not know masks or fills.
"""

import io
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from modicum_server.domain.models import InputSpecification
from modicum_server.domain.searches import Canvas
from modicum_server.images.pictures import MAX_PIXELS, PictureTooLarge, PictureUnreadable, canvas_array
from modicum_server.measures.rows import Row

FIRST_DAY = (1980, 1, 1, 0, 0, 0)
"""The earliest date that an archive can hold: every member has it."""
QUICKEST = 1
"""Level of compression."""


def images_with_subsets(rows: Iterable[Row]) -> list[str]:
    """Return the digests of the images of which some search found a subset of pixels, each once, as the rows come."""
    shown = (row for row in rows if row["subset"] is not None and not row["baseline_confident"])
    return list(dict.fromkeys(row["image_digest"] for row in shown))


class CanvasArchive:
    """`add` each image file and send on what that returns, then what `end` returns.

    Args:
        document: the result document.
        framing: how image files become the canvas, as for the search.
        canvas: of the audit.
    """

    def __init__(self, document: Mapping[str, Any], framing: InputSpecification, canvas: Canvas) -> None:
        self._framing, self._canvas = framing, canvas
        self._max_pixels = document.get("parameters", {}).get("max_image_pixels", MAX_PIXELS)
        self._sent = _Outgoing()
        self._archive = zipfile.ZipFile(self._sent, "w", zipfile.ZIP_DEFLATED, compresslevel=QUICKEST)

    def add(self, digest: str, data: bytes) -> bytes:
        """Add an image under its file's digest; what cannot be decoded is left out."""
        try:
            image = canvas_array(data, self._framing, self._canvas, self._max_pixels)
        except (PictureUnreadable, PictureTooLarge):
            return b""
        values = io.BytesIO()
        np.save(values, image.astype("<f4"), allow_pickle=False)
        member = zipfile.ZipInfo(f"{digest}.npy", FIRST_DAY)
        member.compress_type = zipfile.ZIP_DEFLATED
        self._archive.writestr(member, values.getvalue(), compresslevel=QUICKEST)
        return self._sent.taken()

    def end(self) -> bytes:
        """Close the archive."""
        self._archive.close()
        return self._sent.taken()


class _Outgoing(io.RawIOBase):
    """A file that cannot be read or rewound: what is written to it is taken from it."""

    def __init__(self) -> None:
        super().__init__()
        self._written = bytearray()

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: object, /) -> int:
        """Take note of the bytes."""
        piece = bytes(memoryview(data))  # type: ignore[arg-type]  # what zipfile writes are buffers
        self._written += piece
        return len(piece)

    def taken(self) -> bytes:
        """What was written since the last call."""
        piece = bytes(self._written)
        self._written.clear()
        return piece
