"""A picture whose data end before its pixels is refused, though its file has a proper end.

docs/reference/bad-input.md, "Pictures", is what these tests see.
"""

import io
import re
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from modicum_server.images.pictures import PictureUnreadable, decoded_picture
from PIL import Image, ImageFilter

END = b"\xff\xd9"
SCAN, FRAMES = b"\xff\xda", (b"\xff\xc0", b"\xff\xc2")
JPEGS = {
    "baseline": {},
    "4:4:4": {"subsampling": 0},
    "progressive": {"progressive": True},
    "restarts by blocks": {"restart_marker_blocks": 1},
    "restarts by rows": {"restart_marker_rows": 1},
    "progressive, restarts": {"progressive": True, "restart_marker_blocks": 3},
    "its own codes": {"optimize": True, "quality": 30},
}
PNGS = [(0, 1), (0, 16), (2, 8), (2, 16), (3, 4), (4, 8), (6, 8)]
VALUES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
SIDE = 64


def photo(mode: str = "RGB", size: tuple[int, int] = (61, 77)) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(noise).filter(ImageFilter.GaussianBlur(1)).convert(mode)


def jpeg(picture: Image.Image | None = None, kind: str = "JPEG", **options) -> bytes:
    file = io.BytesIO()
    (picture or photo()).save(file, kind, **options)
    return file.getvalue()


def cut(data: bytes, share: float) -> bytes:
    """Its longest scan up to a share of it, and a proper end."""
    first, *others = re.split(b"(?=\xff\xda)", data)
    scans = [re.split(b"(?=\xff[\xc4\xd9])", scan)[0] for scan in others]
    longest = max(range(len(scans)), key=lambda place: len(scans[place]))
    before = first + b"".join(others[:longest])
    header = 2 + scans[longest][3]
    return before + scans[longest][: header + int(share * (len(scans[longest]) - header))] + END


def claiming(data: bytes, side: int) -> bytes:
    changed = bytearray(data)
    place = next(changed.index(frame) for frame in FRAMES if frame in changed)
    changed[place + 5 : place + 9] = struct.pack(">HH", side, side)
    return bytes(changed)


def thumbnailed() -> bytes:
    """With a whole JPEG in its EXIF, ends and scans included."""
    thumbnail = jpeg(photo(size=(16, 16)))
    return jpeg(exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08" + bytes(6) + thumbnail)


def without_colours(data: bytes) -> bytes:
    """Three colours in the frame, and a scan of the first alone."""
    frame = data.index(FRAMES[0])
    length = data[frame + 3]
    told = data[frame + 4 : frame + 9] + b"\x03" + b"\x01\x11\x00\x02\x11\x00\x03\x11\x00"
    return data[: frame + 2] + struct.pack(">H", 17) + told + data[frame + 2 + length :]


def png(
    depth: int, colour: int, *, interlaced: bool = False, missing: int = 0, extra: int = 0, chunks: int = 1
) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    bits = depth * VALUES[colour]
    passes = [(8, 8), (8, 8), (16, 8), (16, 16), (32, 16), (32, 32), (64, 32)] if interlaced else [(SIDE, SIDE)]
    whole = sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in passes)
    packed = zlib.compress(bytes(whole - missing + extra))
    step = -(-len(packed) // chunks)
    pixels = b"".join(chunk(b"IDAT", packed[start : start + step]) for start in range(0, len(packed), step))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, depth, colour, 0, 0, interlaced))
    palette = chunk(b"PLTE", bytes(3)) if colour == 3 else b""
    return b"\x89PNG\r\n\x1a\n" + head + palette + pixels + chunk(b"IEND", b"")


def plainly_decoded(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize("options", JPEGS.values(), ids=JPEGS)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("share", [0, 1 / 3, 0.6, 0.9])
def test_a_jpeg_that_is_cut_and_ended_is_unreadable(options, mode, share):
    data = cut(jpeg(photo(mode), **options), share)

    assert plainly_decoded(data).any()
    with pytest.raises(PictureUnreadable, match="expected a complete picture"):
        decoded_picture(data)


@pytest.mark.parametrize("options", JPEGS.values(), ids=JPEGS)
@pytest.mark.parametrize("side", [128, 1000])
def test_a_jpeg_whose_header_claims_more_pixels_than_it_has_is_unreadable(options, side):
    data = claiming(jpeg(photo(size=(64, 64)), **options), side)

    with pytest.raises(PictureUnreadable, match="expected a complete picture"):
        decoded_picture(data)


def test_a_jpeg_that_ends_where_a_restart_would_come_is_unreadable():
    data = jpeg(restart_marker_blocks=1)
    restart = data.index(b"\xff\xd3", data.index(SCAN))

    for end in (restart, restart + 2):
        with pytest.raises(PictureUnreadable):
            decoded_picture(data[:end] + END)


@pytest.mark.parametrize("data", [thumbnailed(), jpeg(kind="MPO", save_all=True, append_images=[photo(size=(8, 8))])])
def test_the_end_of_another_picture_in_the_file_is_not_taken_for_its_own(data):
    first = data.rindex(SCAN) if b"MPF" not in data else data.index(SCAN)

    assert np.array_equal(np.asarray(decoded_picture(data)), plainly_decoded(data))
    with pytest.raises(PictureUnreadable):
        decoded_picture(data[: first + 200] + END + data[first + 200 :])


def test_a_jpeg_that_has_no_scan_of_a_colour_is_unreadable():
    data = without_colours(jpeg(photo("L")))

    assert plainly_decoded(data).shape == (77, 61, 3)
    with pytest.raises(PictureUnreadable):
        decoded_picture(data)


@pytest.mark.parametrize("options", JPEGS.values(), ids=JPEGS)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("size", [(1, 1), (16, 16), (37, 53), (128, 40)])
def test_a_whole_jpeg_is_decoded_to_the_same_pixels(options, mode, size):
    data = jpeg(photo(mode, size), **options)

    for whole in (data, data + b"appended" + END, data[:-2] + b"\xff" + END):
        assert np.array_equal(np.asarray(decoded_picture(whole)), plainly_decoded(whole))


@pytest.mark.parametrize(("colour", "depth"), PNGS)
@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_whose_data_unpack_to_too_little_is_unreadable(colour, depth, interlaced):
    row = 1 + SIDE * depth * VALUES[colour] // 8

    for missing in (1, row, 31 * row):
        with pytest.raises(PictureUnreadable, match="expected a complete picture"):
            decoded_picture(png(depth, colour, interlaced=interlaced, missing=missing))


@pytest.mark.parametrize(("colour", "depth"), PNGS)
@pytest.mark.parametrize("interlaced", [False, True])
def test_a_whole_png_is_decoded_whatever_follows_its_pixels(colour, depth, interlaced):
    for extra, chunks in ((0, 1), (0, 5), (1000, 1)):
        data = png(depth, colour, interlaced=interlaced, extra=extra, chunks=chunks)

        assert decoded_picture(data).size == (SIDE, SIDE)


@pytest.mark.parametrize("default", [False, True])
def test_the_first_frame_of_an_animated_png_counts(default):
    file = io.BytesIO()
    photo().save(file, "PNG", save_all=True, append_images=[photo("L").convert("RGB")], default_image=default)

    assert np.array_equal(np.asarray(decoded_picture(file.getvalue())), plainly_decoded(file.getvalue()))


def test_pixels_that_pack_a_thousandfold_are_counted_and_not_kept():
    data = png(8, 2, extra=200_000_000)

    tracemalloc.start()
    decoded_picture(data)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert most < 4_000_000
