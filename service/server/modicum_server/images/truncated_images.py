"""Detects pictures whose data end before their last pixel. Decoders fill the rest with grey or black, silently.

Only its decoder can count the blocks of a JPEG. So a JPEG is decoded twice, the second time with filler at the end of
each scan. With all blocks present, the decoder skips the filler; otherwise it makes blocks of it, and the pixels
differ. The rows of a PNG are counted while they are unpacked. A progressive JPEG whose author left out later scans is
complete: it is a coarser picture.
"""

import hashlib
import io
import re
import struct
import zlib
from collections.abc import Iterator
from itertools import pairwise

from PIL import Image, ImageFile, JpegImagePlugin

JPEG_FORMATS = frozenset({"JPEG", "MPO"})
JPEG_MARKER = re.compile(rb"\xff+[\x01-\xfe]")
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3})
"""The markers of frames with Huffman codes. Arithmetic codes may drop their last bytes, and would read filler."""
WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
RESTARTS = range(0xD0, 0xD8)
NOISES = [
    hashlib.shake_128(bytes([number])).digest(256).replace(b"\xff", b"\x7f") for number in range(1 + len(RESTARTS))
]
FILLER = b"\xb5" + b"\xff".join(
    [NOISES[0], *(bytes([mark]) + noise for mark, noise in zip(RESTARTS, NOISES[1:], strict=True))]
)
"""No decoder of a complete scan reads this. It starts with a one, because missing bits are read as zeros.

Each of the eight restart markers is followed by noise, because a decoder that waits for one skips everything else.
"""
SUMMED_BYTES = 1 << 18
"""Bytes of pixels that are copied at a time for the checksum."""

PNG_START = 8
PNG_VALUES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Values of a pixel, by colour type."""
PNG_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column, first row and steps of the passes of an interlaced picture."""
PACKED_BYTES, UNPACKED_BYTES = 1 << 14, 1 << 18
"""Bytes that are unpacked at a time, and the most that they unpack to."""


class PixelsMissing(Exception):
    """The data of a picture end before its pixels."""


def load_whole(picture: ImageFile.ImageFile, data: bytes) -> None:
    """Decode the first frame of an opened picture. Never holds two frames in memory.

    Raises:
        PixelsMissing: the data end before the pixels.
        Exception: any exception of the decoder.
    """
    if picture.format == "PNG":
        _require_rows(data)
    expected = _filled_checksum(data) if picture.format in JPEG_FORMATS else None
    picture.load()
    if expected is not None and _checksum(picture) != expected:
        raise PixelsMissing("the scans end before the last block")


def _filled_checksum(data: bytes) -> int | None:
    """Return the checksum of the pixels with filler after each scan; None where filler would show nothing."""
    filled = _filled(data)
    if filled is None:
        return None
    picture = JpegImagePlugin.JpegImageFile(io.BytesIO(filled))
    picture.load()
    return _checksum(picture)


def _filled(data: bytes) -> bytes | None:
    ends, frame, scanned = [], b"", set[int]()
    in_scan = False
    for marker, start, segment in _jpeg_segments(data):
        if in_scan:
            ends.append(start)
        in_scan = marker == START_OF_SCAN
        if marker in FRAMES:
            frame = segment[8::3]
        elif in_scan:
            scanned.update(segment[3 : 3 + 2 * segment[2] : 2])
    if not frame:
        return None
    if not scanned.issuperset(frame):
        raise PixelsMissing("a colour channel has no scan")
    return FILLER.join(data[start:end] for start, end in pairwise([0, *ends, len(data)]))


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield marker, start and contents (from the length on) of each segment, to the end of the first image."""
    place = 2
    while found := JPEG_MARKER.search(data, place):
        marker, place = data[found.end() - 1], found.end()
        if marker in WITHOUT_LENGTH:
            continue
        length = int.from_bytes(data[place : place + 2])
        yield marker, found.start(), data[place : place + length]
        if marker == END_OF_IMAGE:
            return
        place += length


def _checksum(picture: Image.Image) -> int:
    """Return the checksum of size and pixels, computed a few rows at a time."""
    width, height = picture.size
    rows = max(1, SUMMED_BYTES // (width * len(picture.getbands())))
    checksum = zlib.crc32(repr((picture.mode, picture.size)).encode())
    for top in range(0, height, rows):
        band = picture.crop((0, top, width, min(height, top + rows)))
        checksum = zlib.crc32(band.tobytes(), checksum)
    return checksum


def _require_rows(data: bytes) -> None:
    """Count the bytes that a PNG's pixels unpack to, without keeping them."""
    asked = 0
    unpacker = zlib.decompressobj()
    for kind, body in _png_chunks(data):
        if kind == b"IHDR":
            asked = _png_bytes(body)
        if kind != b"IDAT":
            continue
        for start in range(0, len(body), PACKED_BYTES):
            packed: bytes | memoryview = body[start : start + PACKED_BYTES]
            while packed and asked > 0 and not unpacker.eof:
                asked -= len(unpacker.decompress(packed, UNPACKED_BYTES))
                packed = unpacker.unconsumed_tail
    if asked > 0:
        raise PixelsMissing(f"{asked:,} bytes of pixels are missing")


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield kind and body of each chunk, to the end of the first frame's pixels."""
    view, place, in_pixels = memoryview(data), PNG_START, False
    while place + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        if in_pixels and kind != b"IDAT":
            return
        in_pixels = kind == b"IDAT"
        yield kind, view[place + 8 : place + 8 + length]
        place += length + 12


def _png_bytes(header: memoryview) -> int:
    """Return how many bytes a picture of this header unpacks to: its rows, each with a byte for the filter."""
    width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", header)
    bits = depth * PNG_VALUES[colour]
    passes = PNG_PASSES if interlaced else ((0, 0, 1, 1),)
    total = 0
    for left, top, across, down in passes:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total
