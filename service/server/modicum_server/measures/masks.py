"""Masks as findings keep them, eight pixels in a byte, and as arrays."""

import numpy as np

from modicum_server.domain.findings import Subset
from modicum_server.measures.observations import Booleans


def subset_mask(subset: Subset) -> Booleans:
    """Return the mask of a subset, (height, width) of bool."""
    return mask_of_bits(subset.mask, subset.height, subset.width)


def mask_of_bits(packed: bytes, height: int, width: int) -> Booleans:
    """Return a mask of (height, width) of bool from its bits, eight in a byte."""
    bits = np.unpackbits(np.frombuffer(packed, dtype=np.uint8), count=height * width)
    return bits.reshape(height, width).astype(np.bool_)


def densest_corner(mask: Booleans, height: int, width: int) -> tuple[int, int]:
    """Return row and column of the upper left corner of the window with most pixels; among equals the upper left."""
    sums = np.pad(mask, ((1, 0), (1, 0))).astype(np.int64).cumsum(axis=0).cumsum(axis=1)
    kept = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    top, left = np.unravel_index(int(kept.argmax()), kept.shape)
    return int(top), int(left)
