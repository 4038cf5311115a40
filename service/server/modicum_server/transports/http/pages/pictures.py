"""Uploaded pictures as browsers may show them: only formats that hold no script, known by their first bytes."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from modicum_server.settings import MEBIBYTE

LARGEST_BYTES = 32 * MEBIBYTE
_BEGINNINGS: Mapping[bytes, str] = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"BM": "image/bmp",
}
NOT_DRAWN = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 160" font-family="sans-serif" font-size="13" '
    b'text-anchor="middle" fill="#808080"><text x="80" y="84">cannot be drawn</text></svg>'
)
"""What stands in the place of a picture that cannot be drawn, as SVG."""
_SHOWN = frozenset({".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp"})


def media_type_of(data: bytes) -> str:
    """Return the media type of a picture that a browser shows; empty for all other bytes."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for beginning, kind in _BEGINNINGS.items() if data.startswith(beginning)), "")


def is_shown(item: str) -> bool:
    """Return whether an item looks by its name as if a browser could show it."""
    return PurePosixPath(item).suffix.lower() in _SHOWN
