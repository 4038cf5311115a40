"""Pictures of a blind review: an image where a mask is True and a plain colour elsewhere, or all of it.

The bytes say nothing of the kind: all pictures of one canvas are PNG files of exactly one length, because their pixels
are stored as they are.
"""

import io

import numpy as np
from PIL import Image

from modicum_server.domain.models import InputSpecification
from modicum_server.domain.searches import Canvas, Fill
from modicum_server.images.pictures import canvas_array
from modicum_server.reports.panels import Mask, fill_colour, photograph, toning_of

UNPACKED = 0
"""Compression level: pixels as they are."""


def review_picture(
    data: bytes,
    framing: InputSpecification,
    canvas: Canvas,
    *,
    mask: Mask | None,
    fill: Fill,
    max_pixels: int,
) -> bytes:
    """Return the picture as PNG.

    Args:
        data: the image file.
        framing: how image files become the canvas, the same as in the search.
        canvas: the canvas of the audit.
        mask: (H, W), or None for the whole image.
        fill: of the search. One that is no plain colour is shown as the mean.
        max_pixels: of the decoded file.

    Raises:
        PictureUnreadable, PictureTooLarge: as `canvas_array`.
    """
    values = canvas_array(data, framing, canvas, max_pixels)
    toning = toning_of(values, framing)
    pixels = photograph(values, toning)
    if mask is not None:
        colour = fill_colour(fill.value, framing, toning) or fill_colour(Fill.MEAN.value, framing, toning)
        pixels = np.where(mask[..., None], pixels, np.array(colour, dtype=np.uint8))
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "PNG", compress_level=UNPACKED)
    return written.getvalue()
