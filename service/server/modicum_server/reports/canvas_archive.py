"""Images on the canvas of an audit as a zip archive: one `DIGEST.npy` each, float32 (C, H, W) within the bounds.

A client needs them to combine masks and pixels: images are decoded and framed here as they were for the searches. The
archive is written image by image, so memory holds one. Equal images give equal bytes. Knows no masks and no fills.
"""

import io
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from modicum_server.domain.findings import Finding
from modicum_server.domain.models import InputSpecification
from modicum_server.domain.searches import Canvas
from modicum_server.images.pictures import MAX_PIXELS, PictureTooLarge, PictureUnreadable, canvas_array

FIRST_DAY = (1980, 1, 1, 0, 0, 0)
"""The earliest date in a zip archive. Every member has it."""
QUICKEST = 1
"""Compression level."""


def images_with_subsets(findings: Iterable[Finding]) -> list[str]:
    """Return the digests of the images on which a search found a subset of pixels, each once, in order."""
    shown = (one for one in findings if one.subset is not None and not one.baseline_confident)
    return list(dict.fromkeys(one.image_digest for one in shown))


class CanvasArchive:
    """Call `add` for each image file, then `end`. What each returns is the next piece of the archive.

    Args:
        document: the result document.
        framing: how image files become the canvas, the same as in the search.
        canvas: the canvas of the audit.
    """

    def __init__(self, document: Mapping[str, Any], framing: InputSpecification, canvas: Canvas) -> None:
        self._framing, self._canvas = framing, canvas
        self._max_pixels = document.get("parameters", {}).get("max_image_pixels", MAX_PIXELS)
        self._sent = _Outgoing()
        self._archive = zipfile.ZipFile(self._sent, "w", zipfile.ZIP_DEFLATED, compresslevel=QUICKEST)

    def add(self, digest: str, data: bytes) -> bytes:
        """Add an image under the digest of its file. An image that cannot be decoded is left out."""
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


class _Outgoing:
    """A write-only file without positions. `taken` removes what was written.

    Closing does nothing, so an archive that is left unfinished, because its reader went away, ends without an error.
    """

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes, /) -> int:
        """Append the bytes."""
        piece = bytes(data)
        self._written += piece
        return len(piece)

    def flush(self) -> None:
        """Do nothing: what was written is there."""

    def close(self) -> None:
        """Do nothing, for the same reason."""

    def taken(self) -> bytes:
        """Return what was written since the last call."""
        piece = bytes(self._written)
        self._written.clear()
        return piece
