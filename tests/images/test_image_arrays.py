"""Bytes of array files onto the canvas: any number of channels, three kinds of values, one rule of framing."""

import io
import struct

import numpy as np
import pytest
from modicum_server.domain.models import MOST_CHANNELS, InputSpecification
from modicum_server.domain.searches import Canvas
from modicum_server.images.arrays import array_header
from modicum_server.images.pictures import PictureTooLarge, PictureUnreadable, canvas_array
from PIL import Image


def specification(channels: int, height: int = 4, width: int = 6, **changes) -> InputSpecification:
    fields = {
        "lower_bound": 0.0,
        "upper_bound": 1.0,
        "resize": 0,
        "interpolation": "bilinear",
        "mean": (0.5,) * channels,
        "std": (0.5,) * channels,
    }
    return InputSpecification(channels=channels, height=height, width=width, **{**fields, **changes})


def saved(array: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def said(header: str, values: bytes = b"") -> bytes:
    """A file whose header is written by hand."""
    text = (header + "\n").encode("latin1")
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + values


def shown(data: bytes, given: InputSpecification, **limits) -> np.ndarray:
    return canvas_array(data, given, Canvas(given.channels, given.height, given.width), **limits)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 13, MOST_CHANNELS])
def test_an_array_of_any_channels_comes_as_channels_rows_columns(channels):
    values = noise(4, 6, channels)

    array = shown(saved(values), specification(channels))

    assert array.dtype == np.float32
    assert np.array_equal(array, (values / np.float32(255)).transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        pytest.param(np.full((4, 6, 2), 51, np.uint8), -0.6, id="uint8 is scaled to the bounds"),
        pytest.param(np.full((4, 6, 2), 13107, np.uint16), -0.6, id="uint16 is scaled to the bounds"),
        pytest.param(np.full((4, 6, 2), 13107, ">u2"), -0.6, id="the other byte order"),
        pytest.param(np.full((4, 6, 2), -0.6, np.float32), -0.6, id="float32 is a canvas value"),
        pytest.param(np.full((4, 6, 2), 1 + 1e-5, np.float32), 1.0, id="a rounding beyond the bound is clipped"),
    ],
)
def test_every_kind_of_value_is_placed_within_the_bounds(array, expected):
    placed = shown(saved(array), specification(2, lower_bound=-1.0))

    assert placed.ravel() == pytest.approx(expected, abs=1e-6)
    assert placed.max() <= 1


def test_rows_and_columns_are_the_same_in_every_order_and_without_a_channel_axis():
    values = noise(4, 6)

    plain = shown(saved(values), specification(1))

    assert np.array_equal(plain, shown(saved(np.asfortranarray(values)), specification(1)))
    assert np.array_equal(plain, shown(saved(values[..., None]), specification(1)))
    assert np.array_equal(plain[0], values / np.float32(255))


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize(("resize", "shape"), [(0, (9, 15)), (8, (20, 31)), (8, (31, 9)), (6, (3, 400))])
def test_an_array_is_framed_as_the_picture_of_it_would_be(interpolation, resize, shape):
    values = noise(*shape, 3)
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    given = specification(3, resize=resize, interpolation=interpolation)

    of_array, of_picture = shown(saved(values), given), shown(file.getvalue(), given)

    # a picture is rounded to 8 bits after each of two passes
    assert np.abs(of_array - of_picture).max() <= (0 if interpolation == "nearest" else 2 / 255)


def test_every_channel_is_framed_alike():
    plane = noise(20, 31)

    array = shown(saved(np.stack([plane] * 5, axis=2)), specification(5, resize=8))

    assert np.array_equal(array, np.broadcast_to(array[0], array.shape))


def test_bicubic_overshoot_stays_within_the_bounds():
    edge = np.zeros((8, 8, 2), np.float32)
    edge[:, 4:] = 1

    array = shown(saved(edge), specification(2, 32, 32, interpolation="bicubic"))

    assert (array.min(), array.max()) == (0, 1)


NAN = np.full((4, 6, 2), 0.5, np.float32)
NAN[1, 2, 1] = np.nan
INFINITE = np.where(np.isnan(NAN), np.inf, NAN)
WHOLE = saved(noise(4, 6, 2))
LIE = "{'descr': '|u1', 'fortran_order': False, 'shape': %s, }"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(WHOLE[:-1], "48 bytes of values, as the header says; got 47", id="truncated"),
        pytest.param(WHOLE[:20], "header cannot be read", id="truncated in the header"),
        pytest.param(WHOLE + b"more", "got 52", id="more than the header says"),
        pytest.param(said(LIE % "(100000, 100000, 2)"), "got 0", id="a header that lies about its size"),
        pytest.param(said(LIE % "(4, -6, -2)", b"x" * 48), "Channels come last", id="negative"),
        pytest.param(said(LIE % "(4, 0, 2)"), "Channels come last", id="empty"),
        pytest.param(said(LIE % "(2, 3, 4, 2)", b"x" * 48), "Channels come last", id="four axes"),
        pytest.param(said(LIE % "()", b"x"), "Channels come last", id="no axis"),
        pytest.param(said(LIE % "(4, 6, 65)", b"x" * 1560), "1 to 64 channels", id="too many channels"),
        pytest.param(said(LIE % "(4, 6, 2)" + " " * 70_00, b"x" * 48), "header cannot be read", id="a long header"),
        pytest.param(said("__import__('os').abort()"), "header cannot be read", id="a program for a header"),
        pytest.param(said("[" * 3000), "header cannot be read", id="a deep header"),
        pytest.param(b"\x93NUMPY\x09\x00" + WHOLE[8:], "header cannot be read", id="a version to come"),
        pytest.param(saved(np.array([object()])), "uint8, uint16 or float32", id="objects"),
        pytest.param(said("{'descr': [('a', '|u1')], 'fortran_order': False, 'shape': (4, 6), }", b"x" * 24),
                     "uint8, uint16 or float32", id="records"),
        pytest.param(saved(np.zeros((4, 6, 2))), "got float64", id="float64"),
        pytest.param(saved(np.zeros((4, 6, 2), bool)), "got bool", id="bool"),
        pytest.param(saved(NAN), "from 0 to 1, got", id="NaN"),
        pytest.param(saved(INFINITE), "from 0 to 1, got", id="infinity"),
        pytest.param(saved(np.full((4, 6, 2), 1.001, np.float32)), "from 1.001 to 1.001", id="above the bounds"),
        pytest.param(saved(noise(4, 6, 3)), "2 channels; got 3", id="other channels"),
        pytest.param(saved(noise(2, 4, 6)), "2 channels; got 6", id="channels first"),
        pytest.param(saved(noise(4, 6)), "2 channels; got 1", id="grey"),
    ],
)  # fmt: skip
def test_an_array_that_cannot_be_taken_is_unreadable_and_says_why(data, says):
    with pytest.raises(PictureUnreadable, match=says):
        shown(data, specification(2))


def test_a_picture_on_a_canvas_of_many_channels_is_unreadable():
    file = io.BytesIO()
    Image.new("RGB", (6, 4)).save(file, "PNG")

    with pytest.raises(PictureUnreadable, match=r"an array file \(\.npy\) for a canvas of 13 channels"):
        shown(file.getvalue(), specification(13))


def test_pixels_and_values_are_limited_inclusively():
    shown(saved(noise(4, 6, 3)), specification(3), max_pixels=24)
    with pytest.raises(PictureTooLarge, match="at most 23 pixels"):
        shown(saved(noise(4, 6)), specification(1), max_pixels=23)
    with pytest.raises(PictureTooLarge, match="72 values, but the array has 6 x 4 pixels of 4 channels"):
        shown(saved(noise(4, 6, 4)), specification(4), max_pixels=24)


def test_the_header_alone_costs_no_memory_of_the_array_s_size():
    header = array_header(saved(noise(4, 6, 2)))

    assert (header.height, header.width, header.channels, header.pixels) == (4, 6, 2, 24)
