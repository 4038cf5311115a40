"""Small copies of every kind of picture and array that the service takes."""

import io

import numpy as np
import pytest
from modicum.sources.fitting import FORMATS
from modicum_server.domain.searches import Canvas
from modicum_server.images.pictures import MAX_PIXELS, PictureTooLarge, PictureUnreadable
from modicum_server.reports.canvas_pictures import canvas_picture, thumbnail
from PIL import Image

from tests.measures.example_audit import INPUT

SIDE = 64
LEFT, RIGHT = 60, 200
"""The shades of both halves of each picture."""


def halves(height: int = 100, width: int = 200) -> np.ndarray:
    values = np.full((height, width), LEFT, dtype=np.uint8)
    values[:, width // 2 :] = RIGHT
    return values


def encoded(form: str, mode: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(halves()).convert(mode).save(file, form)
    return file.getvalue()


def sixteen_bits() -> bytes:
    file = io.BytesIO()
    Image.fromarray(halves().astype(np.uint16) * 257).save(file, "PNG")
    return file.getvalue()


def array(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


KINDS = {
    **{form.lower(): encoded(form, "RGB") for form in FORMATS},
    "grey": encoded("PNG", "L"),
    "grey tiff": encoded("TIFF", "L"),
    "sixteen bits": sixteen_bits(),
    "transparent": encoded("PNG", "RGBA"),
    "array": array(halves()),
    "array of three channels": array(np.stack([halves()] * 3, axis=2)),
    "array of sixteen bits": array(halves().astype(np.uint16) * 257),
    "array of floats": array((halves() / 255).astype(np.float32)),
}


@pytest.mark.parametrize("data", KINDS.values(), ids=KINDS)
def test_each_kind_is_shown_small_with_its_proportions_and_shades(data):
    small = opened(thumbnail(data, side=SIDE, max_pixels=MAX_PIXELS))

    pixels = np.asarray(small.convert("L"), dtype=int)
    assert small.size == (SIDE, SIDE // 2)
    assert abs(pixels[:, :20].mean() - LEFT) < 3
    assert abs(pixels[:, -20:].mean() - RIGHT) < 3


def test_of_other_channels_the_mean_is_shown_from_its_lowest_to_its_highest_value():
    five = np.stack([halves(), *[np.zeros_like(halves())] * 4], axis=2)

    pixels = np.asarray(opened(thumbnail(array(five), side=SIDE, max_pixels=MAX_PIXELS)))

    assert (pixels.min(), pixels.max()) == (0, 255)


def test_floats_outside_0_to_1_are_shown_from_their_lowest_to_their_highest_value():
    values = np.where(halves() == LEFT, -3.0, 7.0).astype(np.float32)

    pixels = np.asarray(opened(thumbnail(array(values), side=SIDE, max_pixels=MAX_PIXELS)))

    assert (pixels.min(), pixels.max()) == (0, 255)


def test_a_picture_is_turned_upright():
    file, turned = io.BytesIO(), Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(halves()).save(file, "JPEG", exif=turned)

    assert opened(thumbnail(file.getvalue(), side=SIDE, max_pixels=MAX_PIXELS)).size == (SIDE // 2, SIDE)


def test_a_tiny_picture_is_enlarged_without_loss():
    small = opened(thumbnail(array(halves(4, 8)), side=SIDE, max_pixels=MAX_PIXELS))

    assert small.size == (SIDE, SIDE // 2)
    assert set(np.unique(np.asarray(small))) == {LEFT, RIGHT}


@pytest.mark.parametrize("shape", [(1, 4000), (4000, 1)])
def test_a_line_of_pixels_has_a_thumbnail(shape):
    assert max(opened(thumbnail(array(np.zeros(shape, np.uint8)), side=SIDE, max_pixels=MAX_PIXELS)).size) == SIDE


def test_the_bytes_of_a_thumbnail_are_bounded_also_of_noise():
    noise = np.random.default_rng(0).integers(0, 256, (700, 700, 3), dtype=np.uint8)

    assert len(thumbnail(array(noise), side=320, max_pixels=MAX_PIXELS)) < 128 * 1024


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"no picture", PictureUnreadable),
        (array(np.full((4, 4), np.nan, np.float32)), PictureUnreadable),
        (array(np.full((4, 4), np.inf, np.float32)), PictureUnreadable),
        (array(np.zeros((4, 4), np.int64)), PictureUnreadable),
        (array(np.zeros((2, 4), np.uint8))[:-1], PictureUnreadable),
        (array(np.zeros((50, 50), np.uint8)), PictureTooLarge),
        (array(np.zeros((30, 30, 9), np.uint8)), PictureTooLarge),
    ],
    ids=["text", "nan", "infinite", "whole numbers", "cut off", "many pixels", "many values"],
)
def test_what_is_no_picture_or_too_large_is_refused(data, error):
    with pytest.raises(error):
        thumbnail(data, side=SIDE, max_pixels=1000)


def test_a_large_canvas_is_shrunk_and_a_small_one_is_enlarged():
    large = canvas_picture(encoded("PNG", "RGB"), INPUT, Canvas(3, 400, 400), max_pixels=MAX_PIXELS, side=SIDE)
    small = canvas_picture(encoded("PNG", "RGB"), INPUT, Canvas(3, 8, 8), max_pixels=MAX_PIXELS, side=SIDE)

    assert opened(large).size == opened(small).size == (SIDE, SIDE)
