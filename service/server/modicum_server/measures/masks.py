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
