"""Turns an item's objects (boxes or a mask picture) into a mask on the canvas. Pillow and numpy only.

Both are given in pixels of the upright picture, before it is resized and cropped. They are resized and cropped as the
picture is, but by nearest neighbour, because a pixel belongs to an object or does not.
"""

import json
import math
from dataclasses import replace

import numpy as np
from modicum.sources.fitting import fitted
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFile

from modicum_server.domain.models import InputSpecification
from modicum_server.domain.searches import Canvas
from modicum_server.errors import ObjectsInvalid
from modicum_server.images.pictures import (
    MAX_PIXELS,
    PictureTooLarge,
    PictureUnreadable,
    decoded_picture,
    opened_picture,
    upright_size,
)

MOST_BOXES = 1_000
MOST_BOXES_BYTES = 256 * 1024
"""Most bytes of a box list: enough for MOST_BOXES, each of four long numbers."""
CORNERS = 4
OBJECT = 255
"""The value of a mask where an object is."""

MASK_MODES = frozenset({"1", "L", "P", "RGB", "RGBA"})
"""Pillow's modes of pictures that can be masks."""
MOST_MASK_PIXELS = 25_000_000
"""Most pixels of a mask picture: half of what a picture may have by default, because the API decodes it."""
COLOURS = 3
ABOVE_ZERO = [0] + [OBJECT] * 255
"""The mask's value for each value of 8 bits."""

Size = tuple[int, int]
"""Width and height."""


def boxes_mask(data: bytes, size: Size) -> Image.Image:
    """Return the mask of a box list, in the picture's size: grey, and `OBJECT` in every pixel that a box touches.

    The list is JSON, `[[left, top, right, bottom], ...]`, right and bottom exclusive.

    Raises:
        ObjectsInvalid: it is not a list of boxes, has none or too many, or a box is empty or outside the picture.
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
        raise ObjectsInvalid("the box list is not JSON; expected [[left, top, right, bottom], ...]") from None
    if not isinstance(boxes, list) or not 1 <= len(boxes) <= MOST_BOXES:
        what = f"{len(boxes):,} boxes" if isinstance(boxes, list) else "something else"
        raise ObjectsInvalid(
            f"expected a list of 1 to {MOST_BOXES:,} boxes, got {what}; give no list for an item without boxes"
        )
    return [_checked(box, place, size) for place, box in enumerate(boxes)]


def _checked(box: object, place: int, size: Size) -> tuple[float, float, float, float]:
    numbers = box if isinstance(box, list) else []
    if len(numbers) != CORNERS or not all(type(number) in {int, float} for number in numbers):
        raise ObjectsInvalid(f"box {place}: expected four numbers of pixels: left, top, right, bottom")
    left, top, right, bottom = numbers
    width, height = size
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):  # NaN fails every comparison
        raise ObjectsInvalid(
            f"box {place}: expected 0 <= left < right <= {width} and 0 <= top < bottom <= {height}, in the picture; "
            f"got {_shown(numbers)}"
        )
    return left, top, right, bottom


def _shown(numbers: list[float]) -> str:
    text = ", ".join(f"{number:g}" if isinstance(number, float) else str(number)[:20] for number in numbers)
    return f"[{text}]"


def picture_mask(data: bytes, size: Size, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Return the mask of a mask picture, in the picture's size: grey, and `OBJECT` where any channel is above 0.

    Fully transparent pixels are not objects, whatever their colour. No copy takes more than a byte a channel.

    Raises:
        ObjectsInvalid: it is not a picture, has another size than the item's or a mode that is not in `MASK_MODES`, has
            too many pixels, or is black all over.
    """
    _require_mask_size(size)
    try:
        if (shape := upright_size(data, max_pixels)) != size:
            raise ObjectsInvalid(f"expected a mask of the picture's size, {_times(size)}, got {_times(shape)}")
        _require_mask_mode(opened_picture(data, max_pixels))
        drawn = _drawn(decoded_picture(data, max_pixels))
    except (PictureUnreadable, PictureTooLarge) as error:
        raise ObjectsInvalid(f"the mask cannot be read: {error}") from error
    if drawn.getbbox() is None:
        raise ObjectsInvalid(
            "the mask marks no object: it is all black or transparent; give no mask for an item without objects"
        )
    return drawn


def _require_mask_size(size: Size) -> None:
    if size[0] * size[1] > MOST_MASK_PIXELS:
        raise ObjectsInvalid(
            f"expected a mask of at most {MOST_MASK_PIXELS:,} pixels, but the picture has {_times(size)}; give boxes "
            "instead, or make the picture and the mask smaller"
        )


def _require_mask_mode(picture: ImageFile.ImageFile) -> None:
    """Refuse more than 8 bits a channel, and modes other than grey and RGB, in which some values would be lost."""
    deep = any(";16" in str(tile.args) for tile in picture.tile)  # Pillow reduces 16 bits a channel to 8 by itself
    if deep or picture.mode not in MASK_MODES:
        what = "16 bits per channel" if deep else f"the mode {picture.mode}"
        raise ObjectsInvalid(
            f"expected a mask in black and white, grey, RGB, RGB with alpha or with a palette, of at most 8 bits "
            f"per channel; got {what}"
        )


def _drawn(picture: Image.Image) -> Image.Image:
    """Return the mask of a decoded mask picture, made one band at a time."""
    if "transparency" in picture.info:
        picture = picture.convert("RGBA")
    elif picture.mode in {"1", "P"}:
        picture = picture.convert("RGB" if picture.mode == "P" else "L")
    highest = picture.getchannel(0)
    for band in range(1, min(len(picture.getbands()), COLOURS)):
        highest = ImageChops.lighter(highest, picture.getchannel(band))
    drawn = highest.point(ABOVE_ZERO)
    return ImageChops.darker(drawn, picture.getchannel("A").point(ABOVE_ZERO)) if picture.mode == "RGBA" else drawn


def check_objects(image: bytes, *, boxes: bytes | None = None, mask: bytes = b"", max_pixels: int = MAX_PIXELS) -> None:
    """Check that boxes, or a mask, fit a picture or array. One that cannot be read is reported elsewhere.

    Raises:
        ObjectsInvalid
    """
    try:
        size = upright_size(image, max_pixels)
    except (PictureUnreadable, PictureTooLarge):
        return
    if boxes is not None:
        read_boxes(boxes, size)
    else:
        picture_mask(mask, size, max_pixels)


def objects_on_canvas(
    image: bytes,
    specification: InputSpecification,
    canvas: Canvas,
    *,
    boxes: bytes | None = None,
    mask: bytes = b"",
    max_pixels: int = MAX_PIXELS,
) -> NDArray[np.bool_]:
    """Return where the objects of a picture or array are on the canvas: bool (H, W).

    Raises:
        ObjectsInvalid: the boxes, or the mask, do not fit this picture.
        PictureUnreadable, PictureTooLarge: the picture itself cannot be used.
    """
    size = upright_size(image, max_pixels)
    drawn = boxes_mask(boxes, size) if boxes is not None else picture_mask(mask, size, max_pixels)
    nearest = replace(specification, interpolation="nearest")
    return np.asarray(fitted(drawn, nearest, canvas)) > 0


def _times(size: tuple[int, ...]) -> str:
    return " x ".join(map(str, size))
