"""Pads batches to a few sizes, so that nothing has to be prepared for every batch size.

The values of the images do not matter here.
"""

import torch
from torch import Tensor


def padded_count(count: int) -> int:
    """The smallest of 1, 2, 3, 4, 6, 8, 12, 16, 24, ... that holds this many images. At most a third is padding."""
    power = 1 << max(0, count - 1).bit_length()
    shorter = power * 3 // 4
    return shorter if power >= 4 and shorter >= count else power  # noqa: PLR2004  (3 is the first between two powers)


def padded(images: Tensor, count: int) -> Tensor:
    """Images (n, C, H, W) followed by zeros, (count, C, H, W), in the same memory format; n is at most count."""
    if len(images) == count:
        return images
    zeros = torch.zeros((count - len(images), *images.shape[1:]), dtype=images.dtype, device=images.device)
    is_last = images.is_contiguous(memory_format=torch.channels_last)
    return torch.cat([images, zeros]).contiguous(
        memory_format=torch.channels_last if is_last else torch.contiguous_format
    )
