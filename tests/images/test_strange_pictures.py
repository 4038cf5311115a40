"""What becomes of every strange picture: values of its pixels, or a refusal that costs nothing.

docs/reference/bad-input.md, "Pictures", is what these tests see.
"""

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from modicum_server.domain.models import InputSpecification
from modicum_server.domain.searches import Canvas
from modicum_server.images.pictures import PictureTooLarge, PictureUnreadable, canvas_array
from PIL import Image

SIDE = 100_000
RED, BLUE, WHITE, BLACK = (1, 0, 0), (0, 0, 1), (1, 1, 1), (0, 0, 0)
ORIENTED = {
    1: lambda image: image,
    2: np.fliplr,
    3: lambda image: np.rot90(image, 2),
    4: np.flipud,
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: np.rot90(image, 2).swapaxes(0, 1),
    8: np.rot90,
}


def shown(data: bytes, height: int = 2, width: int = 4) -> np.ndarray:
    given = InputSpecification(
        channels=3,
        height=height,
        width=width,
        lower_bound=0.0,
        upper_bound=1.0,
        resize=0,
        interpolation="nearest",
        mean=(0.5,),
        std=(0.5,),
    )
    return canvas_array(data, given, Canvas(3, height, width))


def encoded(picture: Image.Image, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *, depth: int, colour: int, rows: bytes = b"", before: bytes = b"") -> bytes:
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + before + pixels + chunk(b"IEND", b"")


def png_of_sixteen_bits(colour: int, *values: int, before: bytes = b"") -> bytes:
    row = b"\x00" + struct.pack(f">{len(values)}H", *values) * 4
    return png(4, 2, depth=16, colour=colour, rows=row * 2, before=before)


def tiff_header(width: int, height: int) -> bytes:
    tags = ((256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 200), (277, 1), (278, height), (279, 10))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\x00" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + bytes(200)


def bmp_header(width: int, height: int) -> bytes:
    sizes = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + sizes


def jpeg_header() -> bytes:
    data = bytearray(encoded(Image.new("L", (4, 2)), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 65_535, 65_535)
    return bytes(data)


def gif_header() -> bytes:
    data = bytearray(encoded(Image.new("L", (4, 2)), "GIF"))
    data[6:10] = struct.pack("<HH", 65_535, 65_535)
    return bytes(data)


def webp_header() -> bytes:
    largest = (16_383 - 1).to_bytes(3, "little")
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes(4) + largest * 2
    body = b"WEBP" + canvas + encoded(Image.new("RGB", (4, 2)), "WEBP", lossless=True)[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(png(SIDE, SIDE, depth=8, colour=2), id="PNG"),
        pytest.param(bmp_header(SIDE, SIDE), id="BMP"),
        pytest.param(b"P6\n%d %d\n255\n" % (SIDE, SIDE), id="PPM"),
        pytest.param(tiff_header(SIDE, SIDE), id="TIFF"),
        pytest.param(jpeg_header(), id="JPEG"),
        pytest.param(gif_header(), id="GIF"),
        pytest.param(webp_header(), id="WEBP"),
    ],
)
def test_a_header_that_promises_a_huge_picture_costs_no_memory(data):
    tracemalloc.start()
    with pytest.raises(PictureTooLarge, match="50,000,000 pixels"):
        shown(data)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert most < 8_000_000


@pytest.mark.long_after(1)
@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP", b"iTXt"])
def test_what_packs_a_thousandfold_beside_the_pixels_is_not_unpacked(kind):
    packed = zlib.compress(bytes(100_000_000), 9)
    word = b"a\x00\x01\x00\x00\x00" if kind == b"iTXt" else b"a\x00\x00"

    tracemalloc.start()
    with pytest.raises(PictureUnreadable, match="expected a complete picture"):
        shown(png(4, 2, depth=8, colour=0, rows=bytes(10), before=chunk(kind, word + packed)))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert most < 20_000_000


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(encoded(Image.new("CMYK", (4, 2), (0, 255, 255, 0)), "JPEG", quality=100), RED, id="CMYK"),
        pytest.param(encoded(Image.new("CMYK", (4, 2), (0, 0, 0, 255)), "JPEG", quality=100), BLACK, id="CMYK, black"),
        pytest.param(encoded(Image.new("CMYK", (4, 2)), "TIFF"), WHITE, id="CMYK, no ink"),
        pytest.param(encoded(Image.new("YCbCr", (4, 2), (76, 85, 255)), "TIFF"), RED, id="YCbCr"),
        pytest.param(png_of_sixteen_bits(0, 13_107), (0.2,) * 3, id="16 bits, grey"),
        pytest.param(png_of_sixteen_bits(2, 65_535, 0, 13_107), (1, 0, 0.2), id="16 bits, RGB"),
        pytest.param(png_of_sixteen_bits(4, 0, 0), WHITE, id="16 bits, grey, transparent"),
        pytest.param(png_of_sixteen_bits(6, 0, 0, 65_535, 65_535), BLUE, id="16 bits, RGB, opaque"),
        pytest.param(
            png_of_sixteen_bits(0, 13_107, before=chunk(b"tRNS", struct.pack(">H", 13_107))),
            WHITE,
            id="16 bits, grey, its value transparent",
        ),
        pytest.param(
            png_of_sixteen_bits(0, 13_107, before=chunk(b"tRNS", struct.pack(">H", 5))),
            (0.2,) * 3,
            id="16 bits, grey, another value transparent",
        ),
        pytest.param(b"P5 4 2 65535\n" + struct.pack(">H", 13_107) * 8, (0.2,) * 3, id="16 bits, PGM"),
        pytest.param(b"P6 4 2 65535\n" + struct.pack(">3H", 65_535, 0, 0) * 8, RED, id="16 bits, PPM"),
        pytest.param(encoded(Image.new("RGBA", (4, 2), (255, 0, 0, 0)), "WEBP", lossless=True), WHITE, id="WebP"),
        pytest.param(encoded(Image.new("RGBA", (4, 2), (0, 0, 0, 51))), (0.8,) * 3, id="a fifth of black"),
        pytest.param(encoded(Image.new("1", (4, 2), 0), transparency=0), WHITE, id="1 bit, transparent"),
    ],
)
def test_every_kind_of_pixel_has_one_value(data, expected):
    array = shown(data)

    assert array[:, 0, 0] == pytest.approx(expected, abs=1 / 255)
    assert array[:, 1, 3] == pytest.approx(expected, abs=1 / 255)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_every_animation_the_first_frame_counts(kind):
    first, second = (Image.new("RGB", (4, 2), colour) for colour in ("red", "blue"))

    array = shown(encoded(first, kind, save_all=True, append_images=[second]))

    assert array[:, 0, 0] == pytest.approx(RED, abs=0.01)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", ORIENTED)
def test_every_orientation_is_turned_upright(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.zeros((16, 32, 3), dtype=np.uint8)
    stored[:8, :8] = 255  # the top left corner of what is stored; blocks, for JPEG
    upright = ORIENTED[orientation](stored)

    array = shown(encoded(Image.fromarray(stored), kind, exif=exif), *upright.shape[:2])

    assert array.transpose(1, 2, 0) == pytest.approx(upright / 255, abs=0.1)


def test_an_orientation_that_is_none_changes_nothing():
    exif = Image.Exif()
    exif[0x0112] = 9

    assert shown(encoded(Image.new("RGB", (4, 2), "red"), exif=exif))[:, 0, 0].tolist() == [1, 0, 0]


@pytest.mark.parametrize("value", [65_536, -1])
def test_32_bits_are_taken_only_where_they_hold_16(value):
    taken = shown(encoded(Image.fromarray(np.full((2, 4), 13_107, dtype=np.int32)), "TIFF"))

    assert taken[:, 0, 0] == pytest.approx((0.2,) * 3)
    with pytest.raises(PictureUnreadable, match="16 bits per channel"):
        shown(encoded(Image.fromarray(np.full((2, 4), value, dtype=np.int32)), "TIFF"))


@pytest.mark.parametrize("data", [b"Pf\n4 2\n-1.0\n" + bytes(32), encoded(Image.new("F", (4, 2)), "TIFF")])
def test_floating_point_pictures_are_refused_for_their_range_is_not_known(data):
    with pytest.raises(PictureUnreadable, match="floating point"):
        shown(data)


@pytest.mark.parametrize("kind", ["BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP"])
def test_a_picture_that_breaks_off_anywhere_is_unreadable_and_never_grey(kind):
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)

    for share in (0.0, 0.02, 0.3, 0.6, 0.9):
        with pytest.raises(PictureUnreadable):
            shown(data[: int(share * len(data))])
