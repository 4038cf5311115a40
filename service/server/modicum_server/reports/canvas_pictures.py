"""A picture as a model sees it: an image file on the canvas, before it is normalised. And a small copy of a file."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from modicum_server.domain.models import InputSpecification
from modicum_server.domain.searches import Canvas
from modicum_server.images.arrays import is_array
from modicum_server.images.pictures import array_range, canvas_array, checked_header, upright_size
from modicum_server.reports.panels import COARSE_PIXELS, JPEG_QUALITY, photograph, toning_of

COLOUR_CHANNELS = 3


def canvas_picture(
    data: bytes, framing: InputSpecification, canvas: Canvas, *, max_pixels: int, side: int = 0
) -> bytes:
    """Return the picture as PNG, as large as the canvas. Arguments and errors are those of `canvas_array`.

    With `side`, a larger canvas is shrunk to so many pixels on its longer side, and encoded as `thumbnail` is.
    """
    drawn = _drawn(canvas_array(data, framing, canvas, max_pixels), framing)
    if not side:
        return _encoded(drawn, "PNG")
    drawn.thumbnail((side, side))
    return _small(drawn, side)


def thumbnail(data: bytes, *, side: int, max_pixels: int) -> bytes:
    """Return a picture or an array upright, with its proportions, at most `side` pixels on its longer side.

    Whole numbers are shown by their range, floats from 0 to 1, or from their lowest to their highest value where they
    leave that. Of other channels than 1 and 3, the mean is shown. A tiny one is enlarged without loss.

    Raises:
        PictureUnreadable, PictureTooLarge: as `canvas_array`.
    """
    width, height = upright_size(data, max_pixels)
    scale = min(1.0, side / max(width, height))
    low, high, channels = 0.0, 1.0, COLOUR_CHANNELS
    if is_array(data):
        header = checked_header(data, max_pixels)
        low, high = array_range(data, header)
        channels = header.channels
    canvas = Canvas(channels, max(1, round(height * scale)), max(1, round(width * scale)))
    framing = InputSpecification(
        channels, canvas.height, canvas.width, low, high, resize=0, interpolation="bilinear", mean=(0.0,), std=(1.0,)
    )
    return _small(_drawn(canvas_array(data, framing, canvas, max_pixels), framing), side)


def _drawn(values: NDArray[np.float32], framing: InputSpecification) -> Image.Image:
    return Image.fromarray(photograph(values, toning_of(values, framing)))


def _small(picture: Image.Image, side: int) -> bytes:
    """Encode a picture of at most `side` pixels a side. Few pixels are repeated, so that browsers do not blur them."""
    if picture.width * picture.height > COARSE_PIXELS:
        return _encoded(picture, "JPEG", quality=JPEG_QUALITY)
    times = max(1, side // max(picture.size))
    return _encoded(picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST), "PNG")


def _encoded(picture: Image.Image, form: str, **options: object) -> bytes:
    written = io.BytesIO()
    picture.save(written, form, **options)
    return written.getvalue()
