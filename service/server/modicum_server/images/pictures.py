"""Turns the bytes of a picture or array file into an image on the canvas. Pillow and numpy only, for reports.

Nothing here depends on a model, and equal arguments give equal arrays. Colour profiles are ignored, as in the training
pipelines that input specifications describe. Transparent pictures are composited on white.

A picture becomes grey or RGB, depending on the canvas. An array must have the channels of the canvas. Whole numbers are
scaled to the bounds, as in a picture (for uint8, 255 is the upper bound; for uint16, 65,535). float32 values are canvas
values already, and are refused outside the bounds. Both are resized and cropped by the same rule: an array channel by
channel in float32, a picture of 8 bits in 8 bits.
"""

import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from modicum.sources.fitting import (
    FORMATS,
    LARGEST_8_BIT,
    RESAMPLING,
    RangeUnknown,
    fitted,
    fitted_plane,
    in_eight_bits,
    registered_formats,
    upright,
    with_channels,
    within_bounds,
)
from modicum.sources.npy import BOUNDS_SLACK
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile

from modicum_server.domain.models import InputSpecification
from modicum_server.domain.searches import Canvas
from modicum_server.images.arrays import WHOLE_NUMBERS, ArrayHeader, array_header, is_array
from modicum_server.images.truncated_images import load_whole

MAX_PIXELS = 50_000_000
"""Default limit of decoded pixels."""
PICTURE_CHANNELS = frozenset({1, 3})
"""Channels of canvases for pictures: grey and RGB. Other canvases take only arrays."""
VALUES_A_PIXEL = 3
"""An array may have as many values as an RGB picture with the most pixels."""
SIDEWAYS = frozenset({5, 6, 7, 8})
"""EXIF orientations with width and height exchanged."""
PNG_ORIENTATION_MARKS = (b"eXIf", b"Raw profile type", b"XML:com.adobe.xmp")
"""Chunks of a PNG that may hold an orientation."""


class PictureUnreadable(Exception):
    """The bytes are neither a picture that can be decoded nor an array that this canvas takes."""


class PictureTooLarge(Exception):
    """The picture has more pixels than are decoded."""


def canvas_array(
    data: bytes, specification: InputSpecification, canvas: Canvas, max_pixels: int = MAX_PIXELS
) -> NDArray[np.float32]:
    """Decode a picture or an array onto the canvas: float32 (C, H, W) within the specification's bounds.

    The shorter side is resized to `specification.resize`, and then the centre is cropped. Where the canvas has another
    size than the input, `resize` changes in proportion, but never below what the crop needs. With `resize` 0 the
    picture is stretched to the canvas, and where the specification is `stretched`, to a square of `resize`. The first
    frame of an animation is used. EXIF orientation is applied.

    Raises:
        PictureUnreadable: it is neither a picture nor an array, is truncated, has no known range (a picture in floating
            point), has other channels than the canvas, or has values that are not finite or outside the bounds.
        PictureTooLarge: its header has more than `max_pixels`, or three times as many values. Nothing was decoded.
        ValueError: the interpolation is unknown.
    """
    if specification.interpolation not in RESAMPLING:
        raise ValueError(f"expected an interpolation among {sorted(RESAMPLING)}; got {specification.interpolation!r}")
    if is_array(data):
        return _array_on_canvas(data, specification, canvas, max_pixels)
    return _picture_on_canvas(data, specification, canvas, max_pixels)


def upright_size(data: bytes, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Return width and height of an upright picture, or of an array, by its header.

    Raises:
        PictureUnreadable, PictureTooLarge: as `canvas_array`, as far as the header tells.
    """
    if is_array(data):
        header = checked_header(data, max_pixels)
        return header.width, header.height
    picture = opened_picture(data, max_pixels)
    width, height = picture.size
    return (height, width) if _is_turned(picture, data) else (width, height)


def opened_picture(data: bytes, max_pixels: int = MAX_PIXELS) -> ImageFile.ImageFile:
    """Read a picture's header; nothing is decoded yet.

    Raises:
        PictureUnreadable, PictureTooLarge: as `canvas_array`, as far as the header tells.
    """
    with _told(data, max_pixels):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # we check our own limit below
            picture = Image.open(io.BytesIO(data), formats=registered_formats())
        _check_size(picture, max_pixels)
    return picture


def decoded_picture(data: bytes, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decode the first frame, upright, in the mode of the file.

    Raises:
        PictureUnreadable, PictureTooLarge: as `canvas_array`.
    """
    picture = opened_picture(data, max_pixels)
    with _told(data, max_pixels):
        load_whole(picture, data)
    return upright(picture)


def _picture_on_canvas(
    data: bytes, specification: InputSpecification, canvas: Canvas, max_pixels: int
) -> NDArray[np.float32]:
    if canvas.channels not in PICTURE_CHANNELS:
        raise PictureUnreadable(
            f"expected an array file (.npy) for a canvas of {canvas.channels} channels, got a picture, which has 1 or 3"
        )
    picture = with_channels(_decoded(data, max_pixels), canvas.channels)
    values = np.asarray(fitted(picture, specification, canvas), dtype=np.float32)
    planes = values[None] if values.ndim == 2 else values.transpose(2, 0, 1)  # noqa: PLR2004  (H, W) is grey
    placed = within_bounds(planes / LARGEST_8_BIT, specification)
    return np.array(np.broadcast_to(placed, (canvas.channels, canvas.height, canvas.width)))


def _array_on_canvas(
    data: bytes, specification: InputSpecification, canvas: Canvas, max_pixels: int
) -> NDArray[np.float32]:
    header = checked_header(data, max_pixels, canvas.channels)
    values = header.values(data)
    image = np.empty((canvas.channels, canvas.height, canvas.width), dtype=np.float32)
    for channel in range(canvas.channels):  # one at a time: the array may be far larger than the canvas
        plane = values[:, :, channel]
        if header.kind not in WHOLE_NUMBERS:
            _check_floats(plane, specification)
        image[channel] = fitted_plane(plane, specification, canvas)
    return image


def checked_header(data: bytes, max_pixels: int, channels: int = 0) -> ArrayHeader:
    """Read the header of an array; with `channels`, one of so many.

    Raises:
        PictureUnreadable, PictureTooLarge: as `canvas_array`, as far as the header tells.
    """
    try:
        header = array_header(data)
    except ValueError as error:
        raise PictureUnreadable(str(error)) from error
    if channels and header.channels != channels:
        raise PictureUnreadable(
            f"expected an array of {channels} channels; got {header.channels}. Channels come last, (H, W, C)"
        )
    if header.pixels > max_pixels or header.pixels * header.channels > VALUES_A_PIXEL * max_pixels:
        raise PictureTooLarge(
            f"expected at most {max_pixels:,} pixels and {VALUES_A_PIXEL * max_pixels:,} values, but the array has "
            f"{header.width} x {header.height} pixels of {header.channels} channels"
        )
    return header


def array_range(data: bytes, header: ArrayHeader) -> tuple[float, float]:
    """Return bounds by which an array of unknown ones can be shown: 0 and 1, or its extremes where it leaves these.

    Raises:
        PictureUnreadable: it holds a value that is not finite.
    """
    if header.kind in WHOLE_NUMBERS:
        return 0.0, 1.0
    values = header.values(data)
    low, high = float(values.min()), float(values.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise PictureUnreadable(f"expected finite float32 values, got values from {low:g} to {high:g}")
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high if high > low else low + 1)


def _check_floats(plane: NDArray[np.float32], specification: InputSpecification) -> None:
    low, high = specification.lower_bound, specification.upper_bound
    slack = BOUNDS_SLACK * (high - low)
    lowest, highest = float(plane.min()), float(plane.max())
    if not low - slack <= lowest <= highest <= high + slack:  # NaN is neither
        raise PictureUnreadable(
            f"expected float32 values from {low:g} to {high:g}, got values from {lowest:g} to {highest:g}"
        )


def _decoded(data: bytes, max_pixels: int) -> Image.Image:
    """Decode the first frame, upright, 8 bits a channel or (mode F) grey in 0..255."""
    picture = decoded_picture(data, max_pixels)
    try:
        return in_eight_bits(picture)
    except RangeUnknown as error:
        raise PictureUnreadable(str(error)) from error


@contextmanager
def _told(data: bytes, max_pixels: int) -> Iterator[None]:
    """Turn the exceptions of a decoder into ours."""
    try:
        yield
    except (PictureTooLarge, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise PictureTooLarge(f"expected at most {max_pixels:,} pixels, but the picture has far more") from error
    except Exception as error:  # decoders can raise anything on hostile bytes
        raise PictureUnreadable(
            f"expected a complete picture ({', '.join(FORMATS)}), got {len(data):,} bytes that cannot be decoded"
        ) from error


def _is_turned(picture: Image.Image, data: bytes) -> bool:
    """Return whether EXIF turns a picture on its side. Broken metadata are ignored.

    A PNG may have its orientation after its pixels, and Pillow decodes it to look there. This is done only if the file
    contains an orientation at all. Pillow gives the size of a TIFF as upright already.
    """
    if picture.format == "TIFF":
        return False
    if picture.format == "PNG" and not any(mark in data for mark in PNG_ORIENTATION_MARKS):
        return False
    try:
        return picture.getexif().get(ExifTags.Base.Orientation) in SIDEWAYS
    except Exception:  # noqa: BLE001  as in `upright`
        return False


def _check_size(picture: Image.Image, max_pixels: int) -> None:
    width, height = picture.size
    if width * height > max_pixels:
        raise PictureTooLarge(f"expected at most {max_pixels:,} pixels, but the picture has {width} x {height}")
