"""The width and height of a picture, from its header: PNG, JPEG, GIF and BMP. Nothing is decoded."""

import struct
from typing import IO

PNG_BEGIN = b"\x89PNG\r\n\x1a\n"
JPEG_BEGIN = b"\xff\xd8"
HEADER_BYTES = 26
#: Segments that begin a frame of a JPEG; 0xC4, 0xC8 and 0xCC have other meanings.
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def sizes_of(stream: IO[bytes]) -> frozenset[tuple[int, int]]:
    """The size of a picture; empty if unknown. A JPEG with Exif may be turned, and has both ways round."""
    try:
        begin = stream.read(HEADER_BYTES)
        if begin.startswith(PNG_BEGIN):
            return frozenset({struct.unpack(">II", begin[16:24])})
        if begin.startswith((b"GIF87a", b"GIF89a")):
            return frozenset({struct.unpack("<HH", begin[6:10])})
        if begin.startswith(b"BM") and begin[14:18] == struct.pack("<I", 40):
            width, height = struct.unpack("<ii", begin[18:26])
            return frozenset({(width, abs(height))})
        if begin.startswith(JPEG_BEGIN):
            stream.seek(len(JPEG_BEGIN))
            return _jpeg_sizes(stream)
    except (struct.error, OSError):
        return frozenset()
    return frozenset()


def _jpeg_sizes(stream: IO[bytes]) -> frozenset[tuple[int, int]]:
    has_exif = False
    while True:
        mark, kind, length = struct.unpack(">BBH", stream.read(4))
        if mark != 0xFF:  # noqa: PLR2004
            return frozenset()
        body = stream.read(length - 2) if length > 2 else b""  # noqa: PLR2004
        if kind in FRAMES:
            height, width = struct.unpack(">HH", body[1:5])
            return frozenset({(width, height), (height, width)} if has_exif else {(width, height)})
        has_exif = has_exif or body.startswith(b"Exif")
