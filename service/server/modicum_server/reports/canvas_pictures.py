"""A picture as a model sees it: an image file on the canvas, before it is normalised."""

import io

from PIL import Image

from modicum_server.domain.models import InputSpecification
from modicum_server.domain.searches import Canvas
from modicum_server.images.pictures import canvas_array
from modicum_server.reports.panels import photograph, toning_of


def canvas_picture(data: bytes, framing: InputSpecification, canvas: Canvas, *, max_pixels: int) -> bytes:
    """Return the picture as PNG, as large as the canvas. Arguments and errors are those of `canvas_array`."""
    values = canvas_array(data, framing, canvas, max_pixels)
    written = io.BytesIO()
    Image.fromarray(photograph(values, toning_of(values, framing))).save(written, "PNG")
    return written.getvalue()
