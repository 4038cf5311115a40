"""The preview of an audit: what the model will see of the first pictures, in words and, on a terminal, drawn.

It is for looking only. A picture that cannot be decoded is left out, and nothing here ends an audit. Arrays of 1 or 3
channels are drawn, too; others are described in words. Below each picture stand its item and its label.
"""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len, set_cell_size
from rich.color import Color
from rich.style import Style
from rich.text import Text

from modicum.cli.known_labels import class_name
from modicum.cli.progress import View
from modicum.cli.requests import ModelRequest
from modicum.resource_names import printable
from modicum.sources.images import Image
from modicum.sources.inputs import InputSpecification
from modicum.sources.npy import PICTURE_CHANNELS, decoded

Pixels = NDArray[np.uint8]

UPPER_HALF = "\N{UPPER HALF BLOCK}"
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
MOST_PICTURES = 4
#: Pictures that are looked at, where some cannot be decoded.
MOST_TRIED = 8
#: Larger pictures would take long. It is the limit of a server, too, unless its operator changes it.
MOST_PIXELS = 50_000_000
LEAST_COLUMNS, MOST_COLUMNS = 24, 28
GAP = 2


def show_preview(shown: View, images: Sequence[Image], model: ModelRequest) -> None:
    """Draw the first pictures as the model will see them, and say how they are prepared and who says so."""
    shown.draw(lambda columns: drawing(images, model.input, model.labels, columns))
    if words := array_words(images):
        shown.say(words)
    shown.say(f"input, from {model.input_from}: {input_words(model.input)}")


def input_words(specification: InputSpecification) -> str:
    """How a picture becomes the model's input, in words."""
    parts = [_framing_words(specification)]
    if specification.channels == 1:
        parts.append("in grey")
    bounds = specification.lower_bound, specification.upper_bound
    if bounds != (0, 1):
        parts.append("values from {:g} to {:g}".format(*bounds))
    if any(specification.mean) or set(specification.std) != {1}:
        parts.append(f"mean {_numbers(specification.mean)}; std {_numbers(specification.std)}")
    else:
        parts.append("not normalised")
    return "; ".join(parts)


def _framing_words(specification: InputSpecification) -> str:
    size = f"{specification.height} x {specification.width}"
    way, resize = specification.interpolation, specification.resize
    if resize == 0:
        return f"each image is resized to {size} pixels ({way}), whatever its shape"
    if specification.stretched:
        return (
            f"each image is resized to {resize} x {resize} pixels ({way}), whatever its shape, and the middle {size} "
            "is cut out"
        )
    return f"the shorter side of each image is resized to {resize} pixels ({way}), and the middle {size} is cut out"


def _numbers(values: Sequence[float]) -> str:
    """The values, or one where all are equal."""
    return ", ".join(f"{value:.3g}" for value in (values[:1] if len(set(values)) == 1 else values))


def drawing(
    images: Sequence[Image], specification: InputSpecification, names: Sequence[str], columns: int
) -> Text | None:
    """The first pictures side by side, as many as fit, with captions. `names` are those of the model's classes.

    None where no picture can be drawn, or Pillow is not installed.
    """
    if specification.channels not in PICTURE_CHANNELS or find_spec("PIL") is None:
        return None
    count = max(1, min(MOST_PICTURES, (columns + GAP) // (LEAST_COLUMNS + GAP)))
    side = max(1, min(MOST_COLUMNS, (columns + GAP) // count - GAP))
    seen = list(islice(_seen(images[:MOST_TRIED], specification), count))
    if not seen:
        return None
    drawn = half_blocks([_small(picture, side) for _, picture in seen], side)
    for line in captions([image for image, _ in seen], names, side, columns):
        drawn.append(f"\n{line}")
    return drawn


def captions(images: Sequence[Image], names: Sequence[str], width: int, room: int = 0) -> list[str]:
    """The lines below the pictures, which are `width` cells wide: their items, and their labels if one has a label.

    A line below a single picture may take `room` cells.
    """
    items = [printable(one.item) for one in images]
    labels = [f"label: {printable(class_name(one.label, names))}" if one.label else "" for one in images]
    if len(images) == 1:
        width = max(width, min(room, max(map(cell_len, [*items, *labels]))))
    lines = [[_end(item, width) for item in items]]
    if any(labels):
        lines.append([_beginning(label, width) for label in labels])
    return [(" " * GAP).join(line) for line in lines]


def _beginning(text: str, width: int) -> str:
    """The text in `width` cells. What does not fit is cut off at the end."""
    if cell_len(text) > width:
        text = set_cell_size(text, width - 1).rstrip() + ELLIPSIS
    return set_cell_size(text, width)


def _end(text: str, width: int) -> str:
    """The text in `width` cells. What does not fit is cut off at the beginning: names of files differ at the end."""
    if cell_len(text) > width:
        text = ELLIPSIS + set_cell_size(text[::-1], width - 1).rstrip()[::-1]
    return set_cell_size(text, width)


def _seen(images: Sequence[Image], specification: InputSpecification) -> Iterator[tuple[Image, Any]]:
    for image in images:
        picture = _seen_picture(image, specification)
        if picture is not None:
            yield image, picture


def _seen_picture(image: Image, specification: InputSpecification) -> Any:
    """The picture or array as Pillow's RGB; None if it cannot be decoded, or an array has other channels."""
    if image.channels not in {None, specification.channels}:
        return None
    try:
        from modicum.sources.fitting import seen_array, seen_picture  # noqa: PLC0415  # needs Pillow

        with image.content().open() as stream:
            data = stream.read()
        if image.channels is None:
            return seen_picture(data, specification, most_pixels=MOST_PIXELS).convert("RGB")
        return seen_array(decoded(data), specification).convert("RGB")
    except Exception:  # noqa: BLE001  decoders can raise anything, and a preview must not end the audit
        return None


def array_words(images: Sequence[Image]) -> str:
    """What the first image is, if it is an array of which no picture can be drawn; otherwise empty."""
    first = images[0] if images else None
    if first is None or first.channels in {None, *PICTURE_CHANNELS}:
        return ""
    try:
        with first.content().open() as stream:
            values = decoded(stream.read())
        height, width, channels = values.shape
        return (
            f"{printable(first.item)}: an array of {values.dtype.name}, {height} x {width} pixels with {channels} "
            f"channels, values from {values.min():g} to {values.max():g}. It cannot be drawn as a picture, which has 1 "
            "or 3 channels"
        )
    except Exception:  # noqa: BLE001  a broken array must not end the audit
        return ""


def _small(picture: Any, side: int) -> Pixels:
    """The picture (H, W, 3) with at most `side` pixels in height and width."""
    scale = min(1, side / max(picture.size))
    size = tuple(max(1, round(length * scale)) for length in picture.size)
    pixels: Pixels = np.asarray(picture if scale == 1 else picture.resize(size))
    return pixels


def half_blocks(pictures: Sequence[Pixels], least_columns: int = 0) -> Text:
    """Pictures (H, W, 3) side by side. A cell shows two pixels: the upper one in front, the lower one behind.

    Where a picture has less than `least_columns`, empty cells follow it.
    """
    drawn = Text(no_wrap=True, overflow="crop")
    rows = max(len(one) for one in pictures)
    for top in range(0, rows, 2):
        for number, picture in enumerate(pictures):
            drawn.append(" " * GAP if number else "")
            _append_cells(drawn, picture[top : top + 2], picture.shape[1])
            drawn.append(" " * (least_columns - picture.shape[1]))
        drawn.append("\n")
    drawn.right_crop()
    return drawn


def _append_cells(drawn: Text, rows: Pixels, width: int) -> None:
    """Append a line of cells: of two rows of pixels, of one, or empty below the picture."""
    if not len(rows):
        drawn.append(" " * width)
        return
    for pixels in rows.transpose(1, 0, 2):
        upper, *lower = (Color.from_rgb(*map(int, pixel)) for pixel in pixels)
        drawn.append(UPPER_HALF, Style(color=upper, bgcolor=lower[0] if lower else None))
