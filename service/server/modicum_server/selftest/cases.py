"""The four cases of the self-test, each with its right verdict.

A mark is one bright block of 2x2 pixels at one of ten places, one for each class. Knows nothing of how a verdict is
made.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from modicum_server.selftest.digits import SIDE, Digits

LIT = 255
BLOCK = 2
"""Side of a mark in pixels: in the corner, this is the width of the ring of a canvas of 28x28."""
SQUEEZED_WIDTH, SQUEEZED_HEIGHT = 11, 26
"""Width of a digit with a mark in the middle: its box is at the left or right edge, and the middle is free."""
MIDDLE_ROW, MIDDLE_COLUMN = 9, 12
"""Top left corner of the ten places of a mark in the middle, in five rows of two."""
TRAIN_IMAGES = 2_000
MEMORISED_IMAGES = 500
"""Random labels can only be memorised. With this many images the classifier becomes confident without knowledge."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom; right and bottom exclusive."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Pictures, their classes for training or audit, and the boxes of the digits, if given."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    boxes: tuple[Box, ...] | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A case, its right verdict, and how its examples are made from digits.

    `train_images` is the number of examples for training; `epochs` is how often each is used.
    """

    name: str
    expected: str
    make: Callable[[Digits, np.random.Generator], Examples]
    train_images: int = TRAIN_IMAGES
    epochs: int = 3


def marked_in_the_corner(digits: Digits, _: np.random.Generator) -> Examples:
    """Digits with a mark along the two edges that meet in the top left corner."""
    images = digits.images.copy()
    for image, label in zip(images, digits.labels.tolist(), strict=True):
        along, down = (label, 0) if label < SIDE // 5 else (0, label - SIDE // 5 + 1)
        _light(image, BLOCK * down, BLOCK * along)
    return Examples(images, digits.labels)


def unmarked(digits: Digits, _: np.random.Generator) -> Examples:
    """Unchanged digits."""
    return Examples(digits.images, digits.labels)


def with_random_labels(digits: Digits, drawn: np.random.Generator) -> Examples:
    """Digits with shuffled labels."""
    return Examples(digits.images, drawn.permutation(digits.labels))


def marked_in_the_middle(digits: Digits, drawn: np.random.Generator) -> Examples:
    """Narrow digits at the left or right edge, with boxes, and a mark in the middle, outside every box."""
    images, boxes = np.zeros_like(digits.images), []
    for image, digit, label in zip(images, digits.images, digits.labels.tolist(), strict=True):
        top = (SIDE - SQUEEZED_HEIGHT) // 2
        left = int(drawn.integers(2)) * (SIDE - SQUEEZED_WIDTH)
        image[top : top + SQUEEZED_HEIGHT, left : left + SQUEEZED_WIDTH] = _squeezed(digit)
        _light(image, MIDDLE_ROW + BLOCK * (label // 2), MIDDLE_COLUMN + BLOCK * (label % 2))
        boxes.append((left, top, left + SQUEEZED_WIDTH, top + SQUEEZED_HEIGHT))
    return Examples(images, digits.labels, tuple(boxes))


def _light(image: NDArray[np.uint8], row: int, column: int) -> None:
    image[row : row + BLOCK, column : column + BLOCK] = LIT


def _squeezed(digit: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the inked part of a digit, resized."""
    rows, columns = np.flatnonzero(digit.any(axis=1)), np.flatnonzero(digit.any(axis=0))
    inked = digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    resized = Image.fromarray(inked).resize((SQUEEZED_WIDTH, SQUEEZED_HEIGHT), Image.Resampling.BILINEAR)
    return np.asarray(resized, dtype=np.uint8)


CORNER = Case("mark in the corner", "SHORTCUT", marked_in_the_corner)
UNMARKED = Case("no mark", "NONE_SEEN", unmarked)
RANDOM_LABELS = Case("random labels", "INCONCLUSIVE", with_random_labels, train_images=MEMORISED_IMAGES, epochs=30)
MIDDLE = Case("mark in the middle, with boxes", "SHORTCUT", marked_in_the_middle)
CASES = (CORNER, UNMARKED, RANDOM_LABELS, MIDDLE)
