"""An item's objects, as boxes or as a mask picture -> where they lie on the canvas. Pillow and numpy only, no store.

Both are told in pixels of the picture as it is shown, upright, before it is resized and cropped; they take the same way
onto the canvas as the picture does, but by the nearest pixel: an object is there or is not.
"""

import json
import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from modicum_server.domain.models import InputSpecification
from modicum_server.domain.searches import Canvas
from modicum_server.errors import ObjectsInvalid
from modicum_server.pictures import MAX_PIXELS, PictureTooLarge, PictureUnreadable, fitted, grey_picture, upright_size

MOST_BOXES = 1_000
MOST_BOXES_BYTES = 256 * 1024
"""Of a box list: room for as many boxes, each of four long numbers."""
CORNERS = 4
OBJECT = 255
"""What the mask of a picture holds where an object is."""

Size = tuple[int, int]
"""Width and height."""


def boxes_mask(data: bytes, size: Size) -> Image.Image:
    """Return the mask of a box list, of the picture's size: grey, `OBJECT` in every pixel that a box touches.

    The list is JSON, `[[left, top, right, bottom], ...]`, right and bottom exclusive.

    Raises:
        ObjectsInvalid: no list of boxes, none or too many, one that is empty or reaches outside the picture.
    """
    width, height = size
    mask = np.zeros((height, width), dtype=np.uint8)
    for left, top, right, bottom in read_boxes(data, size):
        mask[math.floor(top) : math.ceil(bottom), math.floor(left) : math.ceil(right)] = OBJECT
    return Image.fromarray(mask)


def read_boxes(data: bytes, size: Size) -> list[tuple[float, float, float, float]]:
    """Return the boxes of a list.

    Raises:
        ObjectsInvalid: as `boxes_mask`.
    """
    if len(data) > MOST_BOXES_BYTES:
        raise ObjectsInvalid(f"expected a box list of at most {MOST_BOXES_BYTES:,} bytes, got {len(data):,}")
    try:
        boxes = json.loads(data)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        raise ObjectsInvalid("expected a box list, [[left, top, right, bottom], ...] in JSON; it is not JSON") from None
    if not isinstance(boxes, list) or not 1 <= len(boxes) <= MOST_BOXES:
        what = f"{len(boxes):,} boxes" if isinstance(boxes, list) else "no list"
        raise ObjectsInvalid(f"expected a list of 1 to {MOST_BOXES:,} boxes, got {what}; leave out an item without")
    return [_checked(box, place, size) for place, box in enumerate(boxes)]


def _checked(box: object, place: int, size: Size) -> tuple[float, float, float, float]:
    numbers = box if isinstance(box, list) else []
    if len(numbers) != CORNERS or not all(type(number) in {int, float} for number in numbers):
        raise ObjectsInvalid(f"box {place}: expected four numbers, left, top, right and bottom in pixels")
    left, top, right, bottom = numbers
    width, height = size
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):  # NaN is neither
        raise ObjectsInvalid(
            f"box {place}: expected 0 <= left < right <= {width} and 0 <= top < bottom <= {height}, in the picture; "
            f"got {_shown(numbers)}"
        )
    return left, top, right, bottom


def _shown(numbers: list[float]) -> str:
    text = ", ".join(f"{number:g}" if isinstance(number, float) else str(number)[:20] for number in numbers)
    return f"[{text}]"


def picture_mask(data: bytes, size: Size, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Return the mask of a mask picture, of the picture's size: grey, `OBJECT` where it is not black.

    Raises:
        ObjectsInvalid: no picture, of another size than the item's, or black all over.
    """
    try:
        values = np.asarray(grey_picture(data, max_pixels))
    except (PictureUnreadable, PictureTooLarge) as error:
        raise ObjectsInvalid(f"expected a mask picture, but: {error}") from error
    if (shape := values.shape[::-1]) != size:
        raise ObjectsInvalid(f"expected a mask of the picture's size, {_times(size)}; got {_times(shape)}")
    if not values.any():
        raise ObjectsInvalid("expected a mask that is not black all over; leave out an item without")
    return Image.fromarray(np.where(values > 0, OBJECT, 0).astype(np.uint8))


def check_objects(image: bytes, *, boxes: bytes = b"", mask: bytes = b"", max_pixels: int = MAX_PIXELS) -> None:
    """See that boxes, or else a mask, are those of a picture or array; one that cannot be read is told of elsewhere.

    Raises:
        ObjectsInvalid
    """
    try:
        size = upright_size(image, max_pixels)
    except (PictureUnreadable, PictureTooLarge):
        return
    if boxes:
        read_boxes(boxes, size)
    else:
        picture_mask(mask, size, max_pixels)


def objects_on_canvas(
    image: bytes,
    specification: InputSpecification,
    canvas: Canvas,
    *,
    boxes: bytes = b"",
    mask: bytes = b"",
    max_pixels: int = MAX_PIXELS,
) -> NDArray[np.bool_]:
    """Return where the objects of a picture or array lie on the canvas: bool (H, W).

    Raises:
        ObjectsInvalid: boxes, or without them the mask, are none of this picture.
        PictureUnreadable, PictureTooLarge: the picture itself.
    """
    size = upright_size(image, max_pixels)
    drawn = boxes_mask(boxes, size) if boxes else picture_mask(mask, size, max_pixels)
    nearest = replace(specification, interpolation="nearest")
    return np.asarray(fitted(drawn, nearest, canvas)) > 0


def _times(size: tuple[int, ...]) -> str:
    return " x ".join(map(str, size))
