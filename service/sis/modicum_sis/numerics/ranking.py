"""The largest values of each row as a mask. Ties go to the lowest index on every device, unlike in torch's topk."""

from collections.abc import Sequence

import torch
from torch import Tensor


def choose_largest(values: Tensor, counts: Sequence[int]) -> Tensor:
    """Mark the `counts[i]` largest entries of row i.

    Args:
        values: (n, p), no NaN.
        counts: n numbers from 0 to p.

    Returns:
        (n, p) bool.
    """
    limits = _limits(values, counts)
    above = values > limits
    tied = values == limits
    wanted = torch.tensor(counts, device=values.device).unsqueeze(1) - above.sum(dim=1, keepdim=True)
    return above | (tied & (tied.cumsum(dim=1) <= wanted))


def _limits(values: Tensor, counts: Sequence[int]) -> Tensor:
    """The smallest marked value of each row, (n, 1). For a count of 0 it is the largest value of the row."""
    pixels = values.shape[1]
    if values.device.type == "cpu":  # kthvalue on each row costs an eighth of a sort
        places = [min(pixels, pixels - count + 1) for count in counts]
        return torch.stack([row.kthvalue(place).values for row, place in zip(values, places, strict=True)]).unsqueeze(1)
    at = torch.tensor([max(0, count - 1) for count in counts], device=values.device).unsqueeze(1)
    return values.sort(dim=1, descending=True).values.gather(1, at)
