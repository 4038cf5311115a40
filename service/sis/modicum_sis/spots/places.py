"""Places of a canvas that a spot test can try: windows, rings, patterns, and each image's own densest window.

See docs/method.md, "The spot test". Nothing here runs a model.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

LARGEST_AREA = 0.10
"""Largest area of a window, as a share of the canvas."""
AREAS = (LARGEST_AREA, LARGEST_AREA / 2, LARGEST_AREA / 4)
ASPECTS = (1.0, 2.0, 0.5)
"""Width divided by height."""
GRID_STEPS = 5
"""Windows of a grid in each direction."""
STRIPE_STEPS = 13
"""Stripes of the largest area in each direction: whole rows, and whole columns."""
SCAN_AREA = LARGEST_AREA / 2
"""Area of the windows that scan an image for its evidence, as a share of the canvas."""
SCAN_STEPS = 7
"""Windows of a scan in each direction."""
NARROW_RINGS = (1, 2)
"""Widths of the narrow rings, in pixels."""
WIDE_RING_AREA = 0.2
"""The wide ring is the narrowest one that covers this share of the canvas, as for the border share."""
LARGEST_RING_AREA = 1 / 3
"""Largest area of a ring, as a share of the canvas: a ring that holds most of a small canvas is no small place."""


class PlaceKind(StrEnum):
    """The kind of a place."""

    WINDOW = "window"
    RING = "ring"
    OWN = "own"
    PATTERN = "pattern"


@dataclass(frozen=True, slots=True)
class Place:
    """A place, in pixels.

    Attributes:
        kind: a window at one position, a ring at the edge, a window at each image's own position, or a pattern: any
            set of pixels.
        height: of the window, or of the smallest one that holds the pattern; of a ring, its width.
        width: of the window, or of the smallest one that holds the pattern; of a ring, its width.
        top: of that window; 0 for a ring and an own window.
        left: of that window; 0 for a ring and an own window.
        pixels: which pixels of its window a pattern has: row-major, eight a byte, most significant bit first, 1 = in
            it. Empty for other kinds.
    """

    kind: PlaceKind
    height: int
    width: int
    top: int = 0
    left: int = 0
    pixels: bytes = b""

    def region(self, canvas: tuple[int, int]) -> Tensor:
        """The place as a mask (H, W). An own window has no region without its image: it is at the upper left."""
        if self.kind is PlaceKind.RING:
            return band(canvas, 0, self.width)
        region = window(canvas, self.top, self.left, self.height, self.width)
        if self.kind is PlaceKind.PATTERN:
            held = slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)
            region[held] = _unpacked(self.pixels, self.height, self.width)
        return region

    def area(self, canvas: tuple[int, int]) -> int:
        """How many pixels it covers."""
        if self.kind is PlaceKind.RING:
            return band_area(canvas, 0, self.width)
        if self.kind is PlaceKind.PATTERN:
            return int(_unpacked(self.pixels, self.height, self.width).sum())
        return self.height * self.width

    def at(self, top: int, left: int) -> "Place":
        """The window of this size at a position."""
        return Place(PlaceKind.WINDOW, self.height, self.width, top, left)


@dataclass(frozen=True, slots=True)
class Band:
    """A ring of a width that begins `offset` pixels inside the edge: what a ring is compared with."""

    offset: int
    width: int

    def region(self, canvas: tuple[int, int]) -> Tensor:
        """The band as a mask (H, W)."""
        return band(canvas, self.offset, self.width)


def window(canvas: tuple[int, int], top: int, left: int, height: int, width: int) -> Tensor:
    """A window as a mask (H, W)."""
    region = torch.zeros(canvas, dtype=torch.bool)
    region[top : top + height, left : left + width] = True
    return region


@lru_cache(maxsize=8)  # the same ring is asked for again for every pair of images; nobody changes it
def band(canvas: tuple[int, int], offset: int, width: int) -> Tensor:
    """A ring of a width, `offset` pixels inside the edge, as a mask (H, W)."""
    height, full = canvas
    region = torch.zeros(canvas, dtype=torch.bool)
    region[offset : height - offset, offset : full - offset] = True
    inner = offset + width
    region[inner : height - inner, inner : full - inner] = False
    return region


def band_area(canvas: tuple[int, int], offset: int, width: int) -> int:
    """How many pixels a band covers."""

    def inside(edge: int) -> int:
        return max(0, canvas[0] - 2 * edge) * max(0, canvas[1] - 2 * edge)

    return inside(offset) - inside(offset + width)


def inner_band(canvas: tuple[int, int], area: int) -> Band:
    """The band around the middle whose area is nearest to `area`: what a ring is compared with."""
    offset = innermost_offset(canvas)
    widths = range(1, max(1, min(canvas) // 2 - offset) + 1)
    return Band(offset, min(widths, key=lambda width: abs(band_area(canvas, offset, width) - area)))


def innermost_offset(canvas: tuple[int, int]) -> int:
    """How far inside the edge the band begins that a ring is compared with, in pixels."""
    return min(canvas) // 4


def window_sizes(canvas: tuple[int, int]) -> list[tuple[int, int]]:
    """Heights and widths of windows of every area and aspect, largest area first, each once."""
    height, width = canvas
    sizes: dict[tuple[int, int], None] = {}
    for area in AREAS:
        for aspect in ASPECTS:
            pixels = area * height * width
            size = (
                min(height, max(1, round(math.sqrt(pixels / aspect)))),
                min(width, max(1, round(math.sqrt(pixels * aspect)))),
            )
            sizes.setdefault(size)
    return list(sizes)


def rings(canvas: tuple[int, int]) -> list[Place]:
    """The rings to try, narrowest first; none on a canvas where the narrowest is too large."""
    areas = {width: band_area(canvas, 0, width) / (canvas[0] * canvas[1]) for width in range(1, max(2, min(canvas)))}
    wide = next(width for width, area in areas.items() if area >= WIDE_RING_AREA)
    widths = sorted({*NARROW_RINGS, wide} & areas.keys())
    return [Place(PlaceKind.RING, width, width) for width in widths if areas[width] <= LARGEST_RING_AREA]


def grid(canvas: tuple[int, int], area: float = LARGEST_AREA, steps: int = GRID_STEPS) -> list[Place]:
    """Windows of an area and the canvas' shape that cover the canvas, overlapping: `steps` in each direction."""
    height = max(1, round(math.sqrt(area) * canvas[0]))
    width = min(canvas[1], max(1, round(area * canvas[0] * canvas[1] / height)))
    rooms = canvas[0] - height, canvas[1] - width
    count = steps if all(rooms) else steps**2  # along a line there are as many as on an area
    return [
        Place(PlaceKind.WINDOW, height, width, top, left)
        for top in _steps(rooms[0], count)
        for left in _steps(rooms[1], count)
    ]


def stripes(canvas: tuple[int, int]) -> list[Place]:
    """Windows of the largest area over whole rows, and over whole columns, that cover the canvas, overlapping."""
    height, width = (max(1, round(LARGEST_AREA * side)) for side in canvas)
    return [
        *(Place(PlaceKind.WINDOW, height, canvas[1], top, 0) for top in _steps(canvas[0] - height, STRIPE_STEPS)),
        *(Place(PlaceKind.WINDOW, canvas[0], width, 0, left) for left in _steps(canvas[1] - width, STRIPE_STEPS)),
    ]


@lru_cache(maxsize=8)  # every image of a canvas is scanned by the same windows
def scan(canvas: tuple[int, int]) -> tuple[Place, ...]:
    """The windows that scan an image for its evidence."""
    return tuple(grid(canvas, SCAN_AREA, SCAN_STEPS))


def densest(density: Tensor, height: int, width: int) -> tuple[int, int]:
    """Top and left of the window of this size with the largest sum of a density (H, W); the first of equals."""
    totals = window_sums(density, height, width)
    place = int(totals.flatten().argmax())
    return place // totals.shape[1], place % totals.shape[1]


def window_sums(density: Tensor, height: int, width: int) -> Tensor:
    """The sum of a density (H, W) in the window of this size at every top and left (H - height + 1, W - width + 1)."""
    sums = density.double().cumsum(0).cumsum(1)
    sums = torch.nn.functional.pad(sums, (1, 0, 1, 0))
    return sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]


def densest_windows(density: Tensor) -> Iterator[Place]:
    """The densest window of every size."""
    canvas = (int(density.shape[0]), int(density.shape[1]))
    for height, width in window_sizes(canvas):
        yield Place(PlaceKind.WINDOW, height, width, *densest(density, height, width))


def own_windows(canvas: tuple[int, int]) -> list[Place]:
    """Sizes of each image's own window: squares, smallest first."""
    square = window_sizes(canvas)[:: len(ASPECTS)]
    return [Place(PlaceKind.OWN, height, width) for height, width in reversed(square)]


def _steps(room: int, count: int) -> list[int]:
    return sorted({round(step * room / (count - 1)) for step in range(count)})


def _unpacked(pixels: bytes, height: int, width: int) -> Tensor:
    bits = np.unpackbits(np.frombuffer(pixels, dtype=np.uint8), count=height * width)
    return torch.from_numpy(bits.astype(np.bool_)).view(height, width)
