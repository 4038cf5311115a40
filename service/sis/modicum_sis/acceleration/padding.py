"""A few batch sizes instead of any: what is made ready for one size of batch must not be made ready for every size.

Must not look into what it pads.
"""

import torch
from torch import Tensor


def padded_count(count: int) -> int:
    """The least of 1, 2, 3, 4, 6, 8, 12, 16, 24, ... that holds so many images: at most a third of it is idle."""
    power = 1 << max(0, count - 1).bit_length()
    shorter = power * 3 // 4
    return shorter if power >= 4 and shorter >= count else power  # noqa: PLR2004  (3 is the first between two powers)


def padded(images: Tensor, count: int) -> Tensor:
    """Images (n, C, H, W) with zeros behind them, (count, C, H, W), in the layout that they had; n is at most count."""
    if len(images) == count:
        return images
    zeros = torch.zeros((count - len(images), *images.shape[1:]), dtype=images.dtype, device=images.device)
    is_last = images.is_contiguous(memory_format=torch.channels_last)
    return torch.cat([images, zeros]).contiguous(
        memory_format=torch.channels_last if is_last else torch.contiguous_format
    )
