"""How a decoded picture becomes what a model sees: its mode, its size and its crop. Pillow and numpy only.

The server prepares every picture with this module, and the command draws its preview with it, so both show the same
pixels. The client needs no Pillow otherwise: only what draws imports this module. Nothing here depends on a model.
"""

import io
import warnings
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""The formats that are decoded. Others are left out on purpose: some, such as EPS, are programs."""
LARGEST_16_BIT, LARGEST_8_BIT = 65_535, 255
LARGEST_WHOLE = {1: LARGEST_8_BIT, 2: LARGEST_16_BIT}
"""For whole numbers of so many bytes, the value that stands for the upper bound."""
SIXTEEN_BIT_MODES = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})
TRANSPARENT_MODES = frozenset({"RGBA", "RGBa", "LA", "La", "PA"})
LONGEST_ASPECT = 8
"""A longer picture is cut before it is resized. The ends are outside the crop, and would take gigabytes."""
RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}


class Size(Protocol):
    """Height and width in pixels."""

    @property
    def height(self) -> int:
        """Rows."""

    @property
    def width(self) -> int:
        """Columns."""


class Framing(Size, Protocol):
    """The part of an input specification that says how pictures are resized and cropped."""

    @property
    def resize(self) -> int:
        """Length of the shorter side before the crop; 0 resizes to height x width."""

    @property
    def interpolation(self) -> str:
        """A key of RESAMPLING."""

    @property
    def stretched(self) -> bool:
        """Whether both sides are resized to `resize`."""

    @property
    def crop_rounded_down(self) -> bool:
        """Whether the place of the crop is rounded down; otherwise to even."""


class Preparation(Framing, Protocol):
    """How pictures are resized and cropped, and whether they become grey."""

    @property
    def channels(self) -> int:
        """1 is grey, 3 is RGB."""


class Bounds(Protocol):
    """The least and the largest value of a canvas."""

    @property
    def lower_bound(self) -> float:
        """The value of black."""

    @property
    def upper_bound(self) -> float:
        """The value of white."""


class ArrayPreparation(Preparation, Bounds, Protocol):
    """How arrays are resized and cropped, and the bounds of their values."""


class RangeUnknown(ValueError):
    """The picture's values have a range that is not known."""


def seen_picture(data: bytes, preparation: Preparation, *, most_pixels: int) -> Image.Image:
    """Decode a picture, and prepare it as the server does: grey (L or F) or RGB, of the input's size.

    Raises:
        Exception: it cannot be decoded, or has more than `most_pixels`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = Image.open(io.BytesIO(data), formats=registered_formats())
        if picture.width * picture.height > most_pixels:
            raise ValueError(f"expected at most {most_pixels:,} pixels, got {picture.width} x {picture.height}")
        picture.load()
        decoded = in_eight_bits(upright(picture))
    return fitted(with_channels(decoded, preparation.channels), preparation, preparation)


def seen_array(values: NDArray[Any], preparation: ArrayPreparation) -> Image.Image:
    """Prepare an array (H, W, C) of 1 or 3 channels as the server does: grey (L) or RGB, of the input's size.

    The lower bound is drawn black, and the upper bound white.

    Raises:
        ValueError: it has other channels than the input.
    """
    channels = values.shape[2]
    if channels != preparation.channels:
        raise ValueError(f"expected {preparation.channels} channels, got {channels}")
    low, high = preparation.lower_bound, preparation.upper_bound
    planes = [fitted_plane(values[:, :, channel], preparation, preparation) for channel in range(channels)]
    shares = (np.stack(planes, axis=-1).astype(np.float64) - low) / (high - low)
    return Image.fromarray(np.rint(shares * LARGEST_8_BIT).astype(np.uint8).squeeze(axis=2 if channels == 1 else ()))


def fitted_plane(plane: NDArray[Any], preparation: ArrayPreparation, canvas: Size) -> NDArray[np.float32]:
    """Resize and crop one channel (H, W) of an array to the canvas, in float32 within the bounds.

    Whole numbers are scaled to the bounds. float32 values are canvas values already.
    """
    largest = LARGEST_WHOLE.get(plane.dtype.itemsize) if plane.dtype.kind == "u" else None
    floats = plane.astype(np.float32, order="C")
    if largest is not None:
        return within_bounds(np.asarray(fitted(Image.fromarray(floats / largest), preparation, canvas)), preparation)
    placed = np.asarray(fitted(Image.fromarray(floats), preparation, canvas))
    return np.asarray(np.clip(placed, preparation.lower_bound, preparation.upper_bound), dtype=np.float32)


def within_bounds(shares: NDArray[np.floating], bounds: Bounds) -> NDArray[np.float32]:
    """Return shares 0..1 as canvas values. What an interpolation overshot is clipped."""
    low, high = bounds.lower_bound, bounds.upper_bound
    placed = low + np.clip(shares, 0, 1).astype(np.float64) * (high - low)
    return np.asarray(np.clip(placed, low, high), dtype=np.float32)


def registered_formats() -> list[str]:
    """Return those of FORMATS that this Pillow supports. It knows them only after `init`, and fails on others."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def upright(picture: Image.Image) -> Image.Image:
    """Turn a picture as EXIF says."""
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # noqa: BLE001  broken metadata raise anything, and do not make the pixels unreadable
        return picture


def in_eight_bits(picture: Image.Image) -> Image.Image:
    """Return the picture in grey or RGB, 8 bits a channel, or (mode F) in grey in 0..255. White is behind it.

    Raises:
        RangeUnknown: it has floating point values, or more than 16 bits.
    """
    if picture.mode == "F":
        raise RangeUnknown("expected 8 or 16 bits per channel, got floating point values of unknown range")
    if picture.mode in SIXTEEN_BIT_MODES:
        return _from_sixteen_bits(picture)
    if picture.mode in TRANSPARENT_MODES or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB")
    if picture.mode in {"1", "L"}:
        return picture.convert("L")
    return picture.convert("RGB")


def _from_sixteen_bits(picture: Image.Image) -> Image.Image:
    """Return grey in 0..255 (mode F) with the precision of 16 bits; the transparent value becomes white."""
    values = np.asarray(picture, dtype=np.float64)
    if values.min() < 0 or values.max() > LARGEST_16_BIT:
        raise RangeUnknown(
            f"expected 8 or 16 bits per channel; got values from {values.min():g} to {values.max():g}. Save it with "
            "16 bits, or as an array of float32"
        )
    transparent = picture.info.get("transparency")
    if isinstance(transparent, int):
        values = np.where(values == transparent, LARGEST_16_BIT, values)
    return Image.fromarray((values * (LARGEST_8_BIT / LARGEST_16_BIT)).astype(np.float32))


def with_channels(picture: Image.Image, channels: int) -> Image.Image:
    """Turn RGB into grey (ITU-R 601 luma) for a grey canvas. Grey stays one plane; it is copied after resizing."""
    return picture.convert("L") if channels == 1 and picture.mode == "RGB" else picture


def fitted(picture: Image.Image, framing: Framing, canvas: Size) -> Image.Image:
    """Resize and crop a decoded picture to the canvas.

    Where the canvas has another size than the input, `resize` changes in proportion, but never below what the crop
    needs.
    """
    resampling = RESAMPLING[framing.interpolation]
    if framing.resize == 0:
        return picture.resize((canvas.width, canvas.height), resampling)
    size = _stretched_size(framing, canvas)
    if not framing.stretched:
        picture = _trimmed(picture, canvas)
        size = _scaled_size(picture.size, framing, canvas)
    resized = picture.resize(size, resampling)
    spare = (size[0] - canvas.width, size[1] - canvas.height)
    left, top = (one // 2 if framing.crop_rounded_down else round(one / 2) for one in spare)
    return resized.crop((left, top, left + canvas.width, top + canvas.height))


def _stretched_size(framing: Framing, canvas: Size) -> tuple[int, int]:
    side = int(_shorter_side(framing, canvas))
    return max(canvas.width, side), max(canvas.height, side)


def _scaled_size(given: tuple[int, int], framing: Framing, canvas: Size) -> tuple[int, int]:
    width, height = given
    scale = max(_shorter_side(framing, canvas) / min(width, height), canvas.width / width, canvas.height / height)
    # rounded down like torchvision's Resize, to match registered pipelines to the pixel
    return max(canvas.width, int(width * scale + 1e-6)), max(canvas.height, int(height * scale + 1e-6))


def _shorter_side(framing: Framing, canvas: Size) -> float:
    """Return `resize` in proportion to the canvas."""
    own, asked = min(framing.height, framing.width), min(canvas.height, canvas.width)
    return round(framing.resize * asked / own)


def _trimmed(picture: Image.Image, canvas: Size) -> Image.Image:
    width, height = picture.size
    aspect = LONGEST_ASPECT * max(canvas.width, canvas.height) / min(canvas.width, canvas.height)
    longest = int(min(width, height) * aspect)
    if max(width, height) <= longest:
        return picture
    left, top = max(0, (width - longest) // 2), max(0, (height - longest) // 2)
    return picture.crop((left, top, min(width, left + longest), min(height, top + longest)))
