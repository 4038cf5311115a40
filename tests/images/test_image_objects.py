"""Boxes and mask pictures go onto the canvas in the same way as the picture; damaged ones get a message."""

import io
import json
import struct
import zlib

import numpy as np
import pytest
from modicum_server.domain.models import InputSpecification
from modicum_server.domain.searches import Canvas
from modicum_server.errors import ObjectsInvalid
from modicum_server.images.objects import MOST_BOXES, check_objects, objects_on_canvas
from modicum_server.images.pictures import canvas_array, upright_size
from PIL import Image


def picture(width: int, height: int, box=None, kind: str = "PNG", orientation: int = 0) -> bytes:
    """Black, white within the box."""
    values = np.zeros((height, width), dtype=np.uint8)
    if box is not None:
        left, top, right, bottom = box
        values[top:bottom, left:right] = 255
    file = io.BytesIO()
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    Image.fromarray(values).save(file, kind, exif=exif)
    return file.getvalue()


def given(side: int, resize: int = 0) -> InputSpecification:
    return InputSpecification(1, side, side, 0.0, 1.0, resize, "bilinear", (0.0,), (1.0,))


def placed(image: bytes, side: int, resize: int = 0, **told) -> np.ndarray:
    return objects_on_canvas(image, given(side, resize), Canvas(1, side, side), **told)


def boxes(*rows) -> bytes:
    return json.dumps(rows).encode()


@pytest.mark.parametrize(
    ("size", "side", "resize", "box"),
    [
        pytest.param((8, 8), 8, 0, (2, 3, 5, 8), id="as it is"),
        pytest.param((32, 16), 8, 0, (8, 4, 24, 12), id="stretched"),
        pytest.param((40, 20), 16, 20, (12, 2, 30, 18), id="cropped"),
        pytest.param((80, 40), 16, 20, (24, 8, 56, 40), id="resized and cropped"),
    ],
)
def test_a_box_lies_where_its_pixels_lie(size, side, resize, box):
    image = picture(*size, box)

    on_canvas = placed(image, side, resize, boxes=boxes(box))

    shown = canvas_array(image, given(side, resize), Canvas(1, side, side))[0]
    assert np.array_equal(on_canvas, shown > 0.5)


def test_a_mask_picture_lies_where_its_boxes_would():
    image, mask = picture(80, 40), picture(80, 40, (24, 8, 56, 40))

    assert np.array_equal(placed(image, 16, 20, mask=mask), placed(image, 16, 20, boxes=boxes([24, 8, 56, 40])))


def test_several_boxes_are_one_region():
    on_canvas = placed(picture(8, 8), 8, boxes=boxes([0, 0, 2, 2], [1, 1, 3, 3]))

    assert on_canvas.sum() == 7


def test_a_pixel_that_a_box_touches_is_part_of_it():
    assert placed(picture(8, 8), 8, boxes=boxes([1.5, 0.0, 2.25, 1.0])).sum() == 2


def test_boxes_are_told_of_the_upright_picture():
    image = picture(8, 16, (0, 0, 8, 4), kind="JPEG", orientation=6)  # lies on its side; shown, it is 16 wide, 8 high

    on_canvas = placed(image, 16, boxes=boxes([12, 0, 16, 8]))

    assert np.array_equal(on_canvas, canvas_array(image, given(16), Canvas(1, 16, 16))[0] > 0.5)


def test_an_array_has_boxes_too():
    file = io.BytesIO()
    np.save(file, np.zeros((4, 6, 3), dtype=np.float32))
    specification = InputSpecification(3, 4, 6, 0.0, 1.0, 0, "bilinear", (0.0,) * 3, (1.0,) * 3)

    on_canvas = objects_on_canvas(file.getvalue(), specification, Canvas(3, 4, 6), boxes=boxes([4, 1, 6, 4]))

    assert on_canvas.tolist() == [[False] * 6] + [[False] * 4 + [True] * 2] * 3


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"boxes": b"{"}, "not JSON"),
        ({"boxes": b"[" * 100_000}, "not JSON"),
        ({"boxes": b"\xff\xfe"}, "not JSON"),
        ({"boxes": b""}, "not JSON"),
        ({"boxes": b"{}"}, "got something else"),
        ({"boxes": b"[]"}, "got 0 boxes"),
        ({"boxes": boxes(*[[0, 0, 1, 1]] * (MOST_BOXES + 1))}, "1,001 boxes"),
        ({"boxes": boxes([0, 0, 1])}, "box 0: expected four numbers"),
        ({"boxes": boxes([0, 0, 1, 1], "x")}, "box 1: expected four numbers"),
        ({"boxes": boxes([0, 0, True, 1])}, "expected four numbers"),
        ({"boxes": boxes([0, 0, 9, 1])}, "0 <= left < right <= 8 and 0 <= top < bottom <= 6"),
        ({"boxes": boxes([0, 0, 8, 7])}, "got [0, 0, 8, 7]"),
        ({"boxes": boxes([-1, 0, 8, 6])}, "got [-1, 0, 8, 6]"),
        ({"boxes": boxes([3, 0, 3, 6])}, "left < right"),
        ({"boxes": b"[[0, 0, NaN, 6]]"}, "left < right"),
        ({"boxes": b"[[0, 0, 1e999, 6]]"}, "left < right"),
        ({"boxes": b" " * 300_000}, "262,144 bytes"),
        ({"mask": b"no picture"}, "the mask cannot be read: expected a complete picture"),
        ({"mask": picture(6, 8, (0, 0, 1, 1))}, "8 x 6, got 6 x 8"),
        ({"mask": picture(8, 6)}, "all black"),
    ],
)
def test_what_is_none_of_the_picture_is_told(told, words):
    image = picture(8, 6)

    with pytest.raises(ObjectsInvalid) as caught:
        check_objects(image, **told)
    assert words in str(caught.value)

    with pytest.raises(ObjectsInvalid):
        placed(image, 8, **told)


def test_a_picture_that_cannot_be_read_is_no_matter_of_its_boxes():
    check_objects(b"no picture", boxes=boxes([0, 0, 1, 1]))


def mask_of(row, mode: str, kind: str = "PNG", palette=None, **options) -> bytes:
    """A mask picture of that row, two times."""
    file = io.BytesIO()
    values = np.array([row, row], dtype=np.uint8)
    image = Image.frombytes(mode, (len(row), 2), values.tobytes())
    if palette is not None:
        image.putpalette(palette)
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    "mask",
    [
        pytest.param(mask_of([[0, 0, 0], [0, 0, 1]], "RGB"), id="a blue that luma rounds to black"),
        pytest.param(mask_of([[0, 0, 0, 255], [0, 0, 4, 1]], "RGBA"), id="all but transparent"),
        pytest.param(mask_of([[9, 9, 9, 0], [9, 9, 9, 9]], "RGBA"), id="transparent is no object"),
        pytest.param(mask_of([0, 1], "P", palette=[0, 0, 0, 0, 0, 3]), id="a palette's dark blue"),
        pytest.param(mask_of([0, 1], "P", palette=[9] * 6, transparency=0), id="a palette's transparent colour"),
        pytest.param(mask_of([9, 1], "L", transparency=9), id="a transparent grey"),
        pytest.param(mask_of([0, 1], "L", kind="BMP"), id="grey of 1"),
    ],
)
def test_an_object_is_where_any_channel_is_above_zero_and_not_transparent(mask):
    assert placed(picture(2, 2), 2, mask=mask).tolist() == [[False, True]] * 2


def deep_colours() -> bytes:
    """A PNG of one pixel, RGB in 16 bits a channel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    pixels = zlib.compress(b"\x00" + b"\x00\x01" * 3)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def filled(mode: str, kind: str) -> bytes:
    file = io.BytesIO()
    Image.new(mode, (1, 1), 1 if mode in {"I;16", "F"} else None).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize(
    ("mask", "word"),
    [
        pytest.param(filled("I;16", "PNG"), "16 bits", id="grey in 16 bits"),
        pytest.param(deep_colours(), "16 bits", id="RGB in 16 bits"),
        pytest.param(filled("LA", "PNG"), "the mode LA", id="grey with alpha"),
        pytest.param(filled("CMYK", "JPEG"), "the mode CMYK", id="CMYK"),
        pytest.param(filled("F", "TIFF"), "the mode F", id="floating point"),
    ],
)
def test_a_mask_picture_of_another_kind_is_refused_with_its_kind(mask, word):
    with pytest.raises(ObjectsInvalid, match=f"of at most 8 bits per channel; got {word}"):
        check_objects(picture(1, 1), mask=mask)


def test_a_mask_of_too_many_pixels_is_refused_before_it_is_decoded():
    file = io.BytesIO()
    Image.new("1", (5_001, 5_000)).save(file, "PNG")
    header_alone = file.getvalue()[:100]

    with pytest.raises(ObjectsInvalid, match="at most 25,000,000 pixels, but the picture has 5001 x 5000"):
        check_objects(file.getvalue(), mask=header_alone)


def test_the_size_of_a_picture_is_told_without_its_pixels():
    assert upright_size(picture(300, 200, (0, 0, 200, 99))[:60]) == (300, 200)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_the_size_of_a_turned_picture_is_the_shown_one(kind):
    assert upright_size(picture(8, 16, kind=kind, orientation=6)) == (16, 8)
