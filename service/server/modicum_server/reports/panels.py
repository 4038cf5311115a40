"""Pictures of one finding: the photograph once, and small layers that turn it into the subset, the mask, the place.

Layers are 1-bit pictures on the canvas' own grid, so a report stays small and every pixel stays a pixel at any size.
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

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

JPEG_QUALITY = 90
COARSE_PIXELS = 96 * 96
"""Canvases up to here are kept to the pixel: on a page each pixel is large enough to be seen."""
THUMBNAIL_PIXELS = 88
MOST_OUTLINE_EDGES = 1600
"""About 400 scattered pixels. More are seen without an outline, and would disappear behind it."""
NEUTRAL = (128, 128, 128)
MASK_PAPER, MASK_INK = (247, 245, 240), (29, 28, 26)
SHADE = (16, 16, 20, 205)
CLEAR = (0, 0, 0, 0)
BLUR_DIVISOR = 16
"""METHOD section 3: the blur fill's sigma is min(H, W) / 16."""


@dataclass(frozen=True, slots=True)
class Toning:
    """Which canvas values an image is shown between: `low` is black, `high` white."""

    low: float
    high: float

    def shades(self, values: NDArray[np.floating]) -> Pixels:
        """Return values as shades of 8 bits."""
        shades: Pixels = np.clip((values - self.low) / (self.high - self.low) * 255, 0, 255).round().astype(np.uint8)
        return shades


def is_pictured(channels: int) -> bool:
    """Whether an image of so many channels is shown as it is, grey or RGB; any other is shown as the channels' mean."""
    return channels in PICTURE_CHANNELS


def toning_of(values: NDArray[np.float32], specification: InputSpecification) -> Toning:
    """Return how an image (C, H, W) is shown: between the bounds; a mean of channels stretched from its ends."""
    if not is_pictured(len(values)):
        mean = values.mean(axis=0)
        if mean.max() > mean.min():
            return Toning(float(mean.min()), float(mean.max()))
    return Toning(specification.lower_bound, specification.upper_bound)


def photograph(values: NDArray[np.float32], toning: Toning) -> Pixels:
    """Return an image (C, H, W) as (H, W, 3) of 8 bits: grey, RGB, or of any other the mean over its channels."""
    shown = values if is_pictured(len(values)) else values.mean(axis=0, keepdims=True)
    shades = toning.shades(shown)
    return np.ascontiguousarray(np.broadcast_to(shades.transpose(1, 2, 0), (*shades.shape[1:], 3)))


def fill_colour(fill: str, specification: InputSpecification, toning: Toning) -> tuple[int, int, int] | None:
    """Return the colour of a plain fill, shown as the image is; None for one that is no single colour."""
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
    """Return the photograph as a data: address; lossless where the canvas is small."""
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
    """Return what is laid on the photograph to leave the subset: the fill where the mask is False."""
    return _two_colours(mask, kept=CLEAR, masked=(*colour, 255))


def blurred_subset_uri(pixels: Pixels, mask: Mask) -> str:
    """Return the subset on the blurred photograph."""
    sigma = min(mask.shape) / BLUR_DIVISOR
    blurred = np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(sigma)))
    return photograph_uri(np.where(mask[..., None], pixels, blurred))


def shade_layer_uri(mask: Mask) -> str:
    """Return what is laid on the photograph to darken it where the mask is False."""
    return _two_colours(mask, kept=CLEAR, masked=SHADE)


def mask_uri(mask: Mask) -> str:
    """Return the mask, ink on paper."""
    return _two_colours(mask, kept=(*MASK_INK, 255), masked=(*MASK_PAPER, 255))


def outline(mask: Mask) -> str:
    """Return an SVG path along every edge between kept and masked pixels; empty where it would hide them."""
    padded = np.pad(mask, 1)
    across = padded[1:, 1:-1] != padded[:-1, 1:-1]
    down = (padded[1:-1, 1:] != padded[1:-1, :-1]).T
    if mask.size > COARSE_PIXELS and across.sum() + down.sum() > MOST_OUTLINE_EDGES:
        return ""
    horizontal = "".join(f"M{start} {line}h{length}" for line, start, length in _runs(across))
    return horizontal + "".join(f"M{line} {start}v{length}" for line, start, length in _runs(down))


def _runs(edges: Mask) -> list[tuple[int, int, int]]:
    """Runs of True along each row: (row, start, length)."""
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
