"""What the missing pixels of an image would add to the margin, read from gradients at masks in which they are lifted.

The gradient at a binary mask says next to nothing about what a whole missing pixel adds: that is no small change. Its
gradient where it, among a few others, is a part of itself says much more, for the price of one gradient a few pixels.
What is known of a pixel stays nearly true while the mask changes little. Must not ask for anything: `shrinking` does.
"""

import math

import torch
from torch import Tensor

LIFT = 0.4
"""Share of itself to which a missing pixel is lifted: a little before the middle of its way."""
WIDE_PROBES, WIDE_LIFTED, WIDE_LIFTED_PER_KEPT = 12, 64, 3
"""Gradients of the first look, and pixels lifted in each: a number, or if that is more, so many for each kept one."""
NARROW_PROBES, NARROW_LIFTED = 3, 24
"""The same for the later looks, at the pixels that seem worth most."""


class Worths:
    """Worths of the pixels of one image, mask after mask; of a pixel never looked at the worth is minus infinity."""

    def __init__(self, mask: Tensor) -> None:
        self._worths = torch.full(mask.shape, -math.inf, dtype=torch.float32, device=mask.device)

    def wide(self, mask: Tensor, gradient: Tensor) -> list[Tensor]:
        """Groups of missing pixels to be lifted together; where not all can be, those with the largest gradient."""
        lifted = max(WIDE_LIFTED, WIDE_LIFTED_PER_KEPT * int(mask.sum()))
        return _dealt(most_wanted(gradient, mask, WIDE_PROBES * lifted), WIDE_PROBES)

    def narrow(self, mask: Tensor) -> list[Tensor]:
        """Groups of the missing pixels that are worth most."""
        return _dealt(self.best(mask, NARROW_PROBES * NARROW_LIFTED), NARROW_PROBES)

    def learn(self, pixels: Tensor, worths: Tensor) -> None:
        """Take what was found about pixels (m,)."""
        self._worths[pixels] = worths.to(self._worths)

    def best(self, barred: Tensor, count: int) -> Tensor:
        """The `count` pixels that are worth most, without those that `barred` (p,) marks."""
        return most_wanted(self._worths, barred, count)


def lifted(mask: Tensor, pixels: Tensor) -> Tensor:
    """The mask (p,) as shares of pixels, float, with the pixels (m,) lifted."""
    return mask.float().index_fill(0, pixels, LIFT)


def most_wanted(worths: Tensor, barred: Tensor, count: int) -> Tensor:
    """The `count` pixels of the largest worths (p,), the largest first, ties to the lowest index."""
    ranked = torch.where(barred, -math.inf, worths)
    best = torch.argsort(ranked, descending=True, stable=True)[:count]
    return best[~barred[best]]


def _dealt(pixels: Tensor, groups: int) -> list[Tensor]:
    """The pixels dealt out in turn, so that no group gets all the best."""
    return [pixels[start::groups] for start in range(min(groups, len(pixels)))]
