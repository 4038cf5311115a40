"""Cues that can be planted in pictures: where, how visible, in which classes, and on what share of their pictures."""

import io
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.float32]
"""(C, H, W), from 0 to 1."""

PATCH_SHARE = 8
"""The side of a patch is the canvas' side divided by this."""
FAINT, TINT, WAVE = 0.35, 0.35, 0.12
WATERMARK_SHARES = (3 / 16, 5 / 16)
"""Height and width of a watermark as shares of the canvas'."""
JPEG_QUALITIES = (8, 95)


class Where(StrEnum):
    """Where a cue lies."""

    NOWHERE = "nowhere"
    CENTRE = "centre"
    CORNER = "corner"
    MOVING = "moving"
    RING = "ring"
    LINE = "line"
    WATERMARK = "watermark"
    WHOLE = "whole picture"


class Look(StrEnum):
    """How a cue looks."""

    OPAQUE = "opaque"
    FAINT = "faint"
    COLOUR = "colour"
    TEXTURE = "texture"
    JPEG = "jpeg"


@dataclass(frozen=True, slots=True)
class Cue:
    """A planted cue.

    Attributes:
        where: it lies.
        look: of it.
        classes: those that have one of their own.
        strength: share of their pictures with it.
        opacity: share of it in the mix with the picture; None for that of its look.
        stray: share of the other classes' pictures that have it too.
    """

    where: Where
    look: Look
    classes: tuple[int, ...]
    strength: float
    opacity: float | None = None
    stray: float = 0.0

    @property
    def weakened(self) -> bool:
        """Whether it is paler than others of its look, or strays."""
        return self.opacity is not None or self.stray > 0

    @property
    def has_place(self) -> bool:
        """Whether it covers a part of the picture only."""
        return self.where not in {Where.NOWHERE, Where.WHOLE}

    def planted(self, picture: Picture, target_class: int, drawn: np.random.Generator) -> Picture:
        """The picture with the cue of a class."""
        if self.where is Where.WHOLE:
            return _recompressed(picture, target_class) if self.look is Look.JPEG else _waved(picture, target_class)
        region = self._region(picture.shape[1:], drawn)
        share = {Look.OPAQUE: 1.0, Look.FAINT: FAINT, Look.COLOUR: TINT}[self.look]
        pattern = self._pattern(picture, target_class)
        if self.look is Look.COLOUR:  # the brightness stays
            pattern = np.clip(picture.mean(axis=0, keepdims=True) * 2 * pattern, 0, 1)
        return _painted(picture, region, pattern, share if self.opacity is None else self.opacity)

    def _region(self, canvas: tuple[int, ...], drawn: np.random.Generator) -> NDArray[np.bool_]:
        height, width = canvas
        side = max(3, height // PATCH_SHARE)
        region = np.zeros((height, width), dtype=np.bool_)
        match self.where:
            case Where.RING:
                region[:] = True
                region[1:-1, 1:-1] = False
            case Where.LINE:
                region[:, width // 3] = True
            case Where.CENTRE:
                top, left = (height - side) // 2, (width - side) // 2
                region[top : top + side, left : left + side] = True
            case Where.WATERMARK:  # at the lower left
                rows, columns = (round(share * length) for share, length in zip(WATERMARK_SHARES, canvas, strict=True))
                region[height - 2 - rows : height - 2, 2 : 2 + columns] = True
            case Where.CORNER:
                region[1 : 1 + side, width - 1 - side : width - 1] = True
            case _:
                top, left = drawn.integers(0, height - side + 1), drawn.integers(0, width - side + 1)
                region[top : top + side, left : left + side] = True
        return region

    def _pattern(self, picture: Picture, target_class: int) -> Picture:
        """What the cue of a class shows: a colour, or on grey pictures stripes, of its own."""
        channels, height, width = picture.shape
        source = np.random.default_rng(1000 + target_class)
        if channels > 1:
            colour = source.permutation([1.0, source.random() * 0.5, 0.0][:channels]).astype(np.float32)
            return np.broadcast_to(colour[:, None, None], picture.shape).astype(np.float32)
        period, phase = 2 + target_class % 3, target_class // 3
        across = np.arange(width)[None, :] + phase + (target_class % 2) * np.arange(height)[:, None]
        return np.broadcast_to((across % period == 0).astype(np.float32), picture.shape)


def _painted(picture: Picture, region: NDArray[np.bool_], pattern: Picture, share: float) -> Picture:
    mixed = (1 - share) * picture + share * pattern
    return np.where(region[None], mixed, picture).astype(np.float32)


def _waved(picture: Picture, target_class: int) -> Picture:
    """The picture under a fine wave whose direction and period are the class's."""
    _, height, width = picture.shape
    angle, period = target_class * np.pi / 10, 3 + target_class % 3
    rows, columns = np.mgrid[:height, :width]
    wave = np.sin(2 * np.pi * (rows * np.sin(angle) + columns * np.cos(angle)) / period)
    return np.clip(picture + WAVE * wave[None], 0, 1).astype(np.float32)


def _recompressed(picture: Picture, target_class: int) -> Picture:
    """The picture after JPEG at a quality that its class decides."""
    bytes_of = (picture.transpose(1, 2, 0) * 255).round().astype(np.uint8)
    image = Image.fromarray(bytes_of.squeeze(2) if bytes_of.shape[2] == 1 else bytes_of)
    stored = io.BytesIO()
    image.save(stored, "JPEG", quality=JPEG_QUALITIES[target_class % 2])
    values = np.asarray(Image.open(stored), dtype=np.float32) / 255
    return values[None] if values.ndim == 2 else values.transpose(2, 0, 1)  # noqa: PLR2004  rows and columns
