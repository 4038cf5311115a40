"""Arrays as PNG files of 8 bits, grey or RGB, so that the images of an array are sent like any picture.

The data are stored without compression, so that equal arrays give equal bytes, and equal digests, whatever zlib is
installed (RFC 1951 section 3.2.4, PNG specification sections 5 and 9).
"""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
STORED_BLOCK_BYTES = 65_535
COLOUR_TYPES = {1: 0, 3: 2}


def encoded(pixels: NDArray[np.uint8]) -> bytes:
    """The bytes of a PNG file of `pixels`: uint8 (H, W), (H, W, 1) or (H, W, 3)."""
    if pixels.ndim == 2:  # noqa: PLR2004  # height and width
        pixels = pixels[:, :, np.newaxis]
    height, width, channels = pixels.shape
    rows = pixels.reshape(height, width * channels)
    filtered = np.concatenate([np.zeros((height, 1), np.uint8), rows], axis=1).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 8, COLOUR_TYPES[channels], 0, 0, 0)
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", _stored(filtered)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _stored(data: bytes) -> bytes:
    """A zlib stream of stored blocks."""
    parts = [b"\x78\x01"]
    for start in range(0, len(data), STORED_BLOCK_BYTES):
        block = data[start : start + STORED_BLOCK_BYTES]
        last = start + STORED_BLOCK_BYTES >= len(data)
        parts += [struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF), block]
    return b"".join([*parts, struct.pack(">I", zlib.adler32(data))])
