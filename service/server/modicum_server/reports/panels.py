"""Pictures of one finding: the photograph once, and small layers that turn it into the subset or the mask.

Layers are 1-bit pictures on the grid of the canvas. So a report stays small, and pixels stay sharp at any size.
"""

import io
from base64 import b64encode
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from modicum_server.domain.models import InputSpecification
from modicum_server.domain.searches import Fill
from modicum_server.images.pictures import PICTURE_CHANNELS
from modicum_server.measures.masks import densest_corner

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

JPEG_QUALITY = 90
COARSE_PIXELS = 96 * 96
"""Canvases of up to so many pixels are encoded without loss, because each of them is visible on the page."""
THUMBNAIL_PIXELS = 88
MOST_OUTLINE_EDGES = 1600
"""About 400 scattered pixels. More are visible without an outline, and would disappear behind it."""
MAGNIFIED = 4
"""How much larger the magnified view shows the canvas."""
NEUTRAL = (128, 128, 128)
MASK_PAPER, MASK_INK = (247, 245, 240), (29, 28, 26)
SHADE = (16, 16, 20, 205)
CLEAR = (0, 0, 0, 0)
SHOWN_ON_GREY = frozenset(Fill) - {Fill.MEAN, Fill.BLACK, Fill.WHITE, Fill.BLUR}
"""Fills that the page does not draw: subsets found on them stand on grey, and the page says so."""
BLUR_SIGMAS_PER_SIDE = 16
"""The sigma of the blur fill is min(H, W) / 16, as in the library. A test compares the two."""


@dataclass(frozen=True, slots=True)
class Toning:
    """The canvas values that are shown as black (`low`) and white (`high`)."""

    low: float
    high: float

    def shades(self, values: NDArray[np.floating]) -> Pixels:
        """Return values as shades of 8 bits."""
        shades: Pixels = np.clip((values - self.low) / (self.high - self.low) * 255, 0, 255).round().astype(np.uint8)
        return shades


def is_pictured(channels: int) -> bool:
    """Return whether an image has 1 or 3 channels and is shown directly; others are shown as the channels' mean."""
    return channels in PICTURE_CHANNELS


def toning_of(values: NDArray[np.float32], specification: InputSpecification) -> Toning:
    """Return the toning of an image (C, H, W): the bounds, or for a mean of channels its own extremes."""
    if not is_pictured(len(values)):
        mean = values.mean(axis=0)
        if mean.max() > mean.min():
            return Toning(float(mean.min()), float(mean.max()))
    return Toning(specification.lower_bound, specification.upper_bound)


def photograph(values: NDArray[np.float32], toning: Toning) -> Pixels:
    """Return an image (C, H, W) as (H, W, 3) of 8 bits: grey, RGB, or the mean over other channels."""
    shown = values if is_pictured(len(values)) else values.mean(axis=0, keepdims=True)
    shades = toning.shades(shown)
    return np.ascontiguousarray(np.broadcast_to(shades.transpose(1, 2, 0), (*shades.shape[1:], 3)))


def fill_colour(fill: str, specification: InputSpecification, toning: Toning) -> tuple[int, int, int] | None:
    """Return the colour of a plain fill, with the toning of the image; None for a fill of several colours."""
    plain = {
        Fill.BLACK.value: (specification.lower_bound,),
        Fill.WHITE.value: (specification.upper_bound,),
        Fill.MEAN.value: specification.fill_mean or specification.mean,
    }
    if fill not in plain:
        return None
    values = np.array(plain[fill], dtype=np.float64)
    if not is_pictured(len(values)):
        values = values.mean(keepdims=True)
    red, green, blue = (int(shade) for shade in np.broadcast_to(toning.shades(values), 3))
    return red, green, blue


def photograph_uri(pixels: Pixels) -> str:
    """Return the photograph as a data: address, without loss when the canvas is small."""
    picture = Image.fromarray(pixels)
    if pixels.shape[0] * pixels.shape[1] <= COARSE_PIXELS:
        return _uri(picture, "PNG")
    return _uri(picture, "JPEG", quality=JPEG_QUALITY, subsampling=0)


def thumbnail_uri(pixels: Pixels) -> str:
    """Return a small copy as a data: address."""
    picture = Image.fromarray(pixels)
    picture.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
    return _uri(picture, "JPEG", quality=80)


def fill_layer_uri(mask: Mask, colour: tuple[int, int, int]) -> str:
    """Return the layer that leaves the subset: the fill where the mask is False."""
    return _two_colours(mask, kept=CLEAR, masked=(*colour, 255))


def blurred_subset_uri(pixels: Pixels, mask: Mask) -> str:
    """Return the subset on the blurred photograph."""
    sigma = min(mask.shape) / BLUR_SIGMAS_PER_SIDE
    blurred = np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(sigma)))
    return photograph_uri(np.where(mask[..., None], pixels, blurred))


def shade_layer_uri(mask: Mask) -> str:
    """Return the layer that darkens the photograph where the mask is False."""
    return _two_colours(mask, kept=CLEAR, masked=SHADE)


def mask_uri(mask: Mask) -> str:
    """Return the mask, ink on paper."""
    return _two_colours(mask, kept=(*MASK_INK, 255), masked=(*MASK_PAPER, 255))


def outline(mask: Mask) -> str:
    """Return an SVG path along all edges between kept and masked pixels; empty when it would hide them."""
    padded = np.pad(mask, 1)
    across = padded[1:, 1:-1] != padded[:-1, 1:-1]
    down = (padded[1:-1, 1:] != padded[1:-1, :-1]).T
    if mask.size > COARSE_PIXELS and across.sum() + down.sum() > MOST_OUTLINE_EDGES:
        return ""
    horizontal = "".join(f"M{start} {line}h{length}" for line, start, length in _runs(across))
    return horizontal + "".join(f"M{line} {start}v{length}" for line, start, length in _runs(down))


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the canvas that is shown larger, in pixels of the canvas."""

    top: int
    left: int
    height: int
    width: int
    times: int

    @property
    def box(self) -> str:
        """As the viewBox of an SVG."""
        return f"{self.left} {self.top} {self.width} {self.height}"


def densest_window(mask: Mask) -> Window:
    """Return the window of a quarter of the canvas' sides with the most kept pixels; among equals the upper left."""
    height, width = mask.shape
    high, wide = max(1, round(height / MAGNIFIED)), max(1, round(width / MAGNIFIED))
    top, left = densest_corner(mask, high, wide)
    return Window(top, left, high, wide, MAGNIFIED)


def _runs(edges: Mask) -> list[tuple[int, int, int]]:
    """Return the runs of True along each row: (row, start, length)."""
    padded = np.pad(edges, ((0, 0), (1, 1))).astype(np.int8)
    changes = np.diff(padded, axis=1)
    starts, ends = np.argwhere(changes == 1), np.argwhere(changes == -1)
    return [(int(row), int(start), int(end - start)) for (row, start), (_, end) in zip(starts, ends, strict=True)]


def _two_colours(mask: Mask, *, kept: tuple[int, ...], masked: tuple[int, ...]) -> str:
    picture = Image.fromarray(mask.astype(np.uint8), mode="P").convert("P")
    picture.putpalette([*masked[:3], *kept[:3]])
    return _uri(picture, "PNG", bits=1, transparency=bytes([masked[3], kept[3]]), optimize=True)


def _uri(picture: Image.Image, kind: str, **options: object) -> str:
    data = io.BytesIO()
    picture.save(data, kind, **options)
    return f"data:image/{kind.lower()};base64,{b64encode(data.getvalue()).decode()}"
