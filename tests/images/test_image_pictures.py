"""Bytes of picture files onto the canvas."""

import io
import zlib

import numpy as np
import pytest
from modicum_server.domain.models import InputSpecification
from modicum_server.domain.searches import Canvas
from modicum_server.images.pictures import PictureTooLarge, PictureUnreadable, canvas_array
from PIL import Image

RED_OVER_BLUE = np.array([[[255, 0, 0]] * 4, [[0, 0, 255]] * 4], dtype=np.uint8)  # 2 rows, 4 columns


def specification(**changes) -> InputSpecification:
    fields = {
        "channels": 3,
        "height": 2,
        "width": 4,
        "lower_bound": 0.0,
        "upper_bound": 1.0,
        "resize": 0,
        "interpolation": "nearest",
        "mean": (0.5,),
        "std": (0.5,),
    }
    return InputSpecification(**{**fields, **changes})


def encoded(picture: Image.Image, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def shown(data: bytes, canvas: Canvas | None = None, **changes) -> np.ndarray:
    given = specification(**changes)
    return canvas_array(data, given, canvas or Canvas(given.channels, given.height, given.width))


def test_rgb_comes_as_channels_rows_columns_within_the_bounds():
    array = shown(encoded(Image.fromarray(RED_OVER_BLUE)), lower_bound=-1.0, upper_bound=1.0)

    assert array.dtype == np.float32
    assert array.shape == (3, 2, 4)
    assert array[:, 0, 0].tolist() == [1, -1, -1]
    assert array[:, 1, 3].tolist() == [-1, -1, 1]


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        pytest.param(Image.new("L", (4, 2), 51), [0.2, 0.2, 0.2], id="grey"),
        pytest.param(Image.new("1", (4, 2), 1), [1, 1, 1], id="one bit"),
        pytest.param(Image.new("I;16", (4, 2), 13107), [0.2, 0.2, 0.2], id="16 bits"),
        pytest.param(Image.new("RGBA", (4, 2), (255, 0, 0, 0)), [1, 1, 1], id="transparent is white"),
        pytest.param(Image.new("RGBA", (4, 2), (255, 0, 0, 255)), [1, 0, 0], id="opaque"),
        pytest.param(Image.new("LA", (4, 2), (0, 51)), [0.8, 0.8, 0.8], id="grey with alpha"),
        pytest.param(Image.new("RGB", (4, 2), (255, 0, 0)).quantize(2), [1, 0, 0], id="palette"),
    ],
)
def test_every_mode_becomes_rgb(picture, expected):
    array = shown(encoded(picture))

    assert array[:, 1, 2] == pytest.approx(expected, abs=1 / 255)


def test_cmyk_becomes_rgb():
    array = shown(encoded(Image.new("CMYK", (4, 2), (0, 255, 255, 0)), "TIFF"))

    assert array[:, 0, 0] == pytest.approx([1, 0, 0])


@pytest.mark.parametrize("kind", ["BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP"])
def test_every_listed_format_is_decoded(kind):
    array = shown(encoded(Image.new("RGB", (4, 2), (0, 0, 255)), kind))

    assert array[:, 0, 0] == pytest.approx([0, 0, 1], abs=0.02)


def test_sixteen_bits_keep_their_precision():
    ramp = np.arange(8, dtype=np.uint16).reshape(2, 4) * 16

    array = shown(encoded(Image.fromarray(ramp)))

    assert len(np.unique(array[0])) == 8


def test_transparency_of_a_palette_is_composited():
    picture = Image.new("P", (4, 2), 0)
    picture.putpalette([255, 0, 0, 0, 255, 0])

    array = shown(encoded(picture, transparency=0))

    assert array[:, 0, 0].tolist() == [1, 1, 1]


def test_rgb_becomes_grey_by_luma():
    array = shown(encoded(Image.new("RGB", (4, 2), (255, 0, 0))), channels=1)

    assert array.shape == (1, 2, 4)
    assert array[0, 0, 0] == pytest.approx(0.299, abs=0.002)


def test_exif_orientation_turns_the_picture():
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down

    array = shown(encoded(Image.fromarray(RED_OVER_BLUE), exif=exif))

    assert array[:, 0, 0].tolist() == [0, 0, 1]


def test_the_first_frame_of_an_animation_counts():
    frames = [Image.new("L", (4, 2), 255), Image.new("L", (4, 2), 0)]

    array = shown(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))

    assert array.min() == 1


def test_the_shorter_side_is_resized_and_the_centre_cropped():
    wide = np.zeros((4, 16, 3), dtype=np.uint8)
    wide[:, 7:9] = 255

    array = shown(encoded(Image.fromarray(wide)), height=2, width=2, resize=4)

    assert array.min() == 1


def test_a_crop_wider_than_the_resized_picture_is_still_filled():
    array = shown(encoded(Image.new("L", (2, 8), 255)), height=2, width=8, resize=2)

    assert array.shape == (3, 2, 8)
    assert array.min() == 1


def test_resize_keeps_its_proportion_on_another_canvas():
    wide = np.zeros((8, 8, 3), dtype=np.uint8)
    wide[2:6, 2:6] = 255  # the centre half: what a resize to 4 and a crop of 2 shows

    array = shown(encoded(Image.fromarray(wide)), Canvas(3, 4, 4), height=2, width=2, resize=4)

    assert array.shape == (3, 4, 4)
    assert array.min() == 1


def test_a_very_long_picture_costs_no_memory():
    array = shown(encoded(Image.new("L", (1_000_000, 1), 255)), height=64, width=64, resize=64)

    assert array.min() == 1


def test_bicubic_overshoot_stays_within_the_bounds():
    edge = np.zeros((8, 8), dtype=np.uint16)
    edge[:, 4:] = 65535

    array = shown(encoded(Image.fromarray(edge)), height=32, width=32, interpolation="bicubic")

    assert array.min() == 0
    assert array.max() == 1


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"nope" * 100, id="no picture"),
        pytest.param(encoded(Image.effect_noise((64, 64), 50), "JPEG")[:-500], id="truncated JPEG"),
        pytest.param(encoded(Image.effect_noise((64, 64), 50))[:-500], id="truncated PNG"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 2\n%%EndComments\n", id="a program"),
        pytest.param(encoded(Image.new("F", (4, 2), 0.5), "TIFF"), id="floating point"),
    ],
)
def test_what_cannot_be_decoded_is_unreadable(data):
    with pytest.raises(PictureUnreadable, match="expected"):
        shown(data)


def test_too_many_pixels_are_refused_by_the_header_alone():
    huge = bytearray(encoded(Image.new("L", (4, 2))))
    huge[16:24] = (20_000).to_bytes(4, "big") + (20_000).to_bytes(4, "big")
    huge[29:33] = zlib.crc32(huge[12:29]).to_bytes(4, "big")

    with pytest.raises(PictureTooLarge, match=r"50,000,000 pixels"):
        shown(bytes(huge))


def test_the_limit_is_inclusive():
    data = encoded(Image.new("L", (4, 2)))

    canvas_array(data, specification(), Canvas(3, 2, 4), max_pixels=8)
    with pytest.raises(PictureTooLarge):
        canvas_array(data, specification(), Canvas(3, 2, 4), max_pixels=7)
