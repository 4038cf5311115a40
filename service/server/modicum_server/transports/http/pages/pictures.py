"""Uploaded pictures as browsers may show them: only formats that hold no script, known by their first bytes."""

from collections.abc import Mapping

from modicum_server.settings import MEBIBYTE

LARGEST_BYTES = 32 * MEBIBYTE
_BEGINNINGS: Mapping[bytes, str] = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"BM": "image/bmp",
}
_DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 160" font-family="sans-serif" font-size="13" '
    'text-anchor="middle" fill="#808080"><text x="80" y="84">{}</text></svg>'
)
NOT_SHOWN = _DRAWING.format("cannot be shown").encode()
"""The SVG that is sent in place of a file that is damaged, too large, or not a picture."""
GONE = _DRAWING.format("no longer stored").encode()
"""The SVG that is sent in place of a picture that was erased or deleted."""


def media_type_of(data: bytes) -> str:
    """Return the media type of a picture that a browser shows; empty for all other bytes."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for beginning, kind in _BEGINNINGS.items() if data.startswith(beginning)), "")
