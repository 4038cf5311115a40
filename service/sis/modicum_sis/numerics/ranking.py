"""The largest values of each row as a mask, ties to the lowest index on every device (torch's topk promises none)."""

from collections.abc import Sequence

import torch
from torch import Tensor


def choose_largest(values: Tensor, counts: Sequence[int]) -> Tensor:
    """Mark the `counts[i]` largest entries of row i.

    Args:
        values: (n, p), no NaN.
        counts: n numbers between 0 and p.

    Returns:
        (n, p) bool.
    """
    limits = _limits(values, counts)
    above = values > limits
    tied = values == limits
    wanted = torch.tensor(counts, device=values.device).unsqueeze(1) - above.sum(dim=1, keepdim=True)
    return above | (tied & (tied.cumsum(dim=1) <= wanted))


def _limits(values: Tensor, counts: Sequence[int]) -> Tensor:
    """The smallest value that still belongs, (n, 1); for a count of 0 the largest of all, of which none is wanted."""
    pixels = values.shape[1]
    if values.device.type == "cpu":  # a selection of one row costs an eighth of sorting it
        places = [min(pixels, pixels - count + 1) for count in counts]
        return torch.stack([row.kthvalue(place).values for row, place in zip(values, places, strict=True)]).unsqueeze(1)
    at = torch.tensor([max(0, count - 1) for count in counts], device=values.device).unsqueeze(1)
    return values.sort(dim=1, descending=True).values.gather(1, at)
