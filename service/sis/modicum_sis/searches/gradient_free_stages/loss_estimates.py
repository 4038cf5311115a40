"""What removing each pixel costs, estimated from removals of many pixels at once.

The loss of margin from a removal is taken for the sum of a loss of each removed pixel. By how much it differs from the
sum of the estimates is spread evenly over these pixels, as in Kaczmarz' method for linear equations ("Angenäherte
Auflösung von Systemen linearer Gleichungen", 1937), with half a step.
"""

import math

import torch
from torch import Tensor

STEP = 0.5
"""Share of the difference that moves the estimate of a pixel that was tried before; the first time it moves by all."""
LARGEST_LOSS = 50.0
"""Larger losses and gains of margin, in nats, count as this much. Margins of probabilities of 0 and 1 are infinite, and
a loss from one of them to another is NaN."""
KNOWN_SHARE = 0.95
"""Estimates order the kept pixels once at least this share of them was tried."""
NOISE = 0.6
"""Standard deviation of the noise in that order, as a share of that of the estimates, so that not the same pixels are
tried again and again."""


class LossEstimates:
    """Estimates of the loss of each pixel (p,), in nats, and which pixels were tried."""

    def __init__(self, pixels: int) -> None:
        self._losses = torch.zeros(pixels, dtype=torch.float64)
        self._tried = torch.zeros(pixels, dtype=torch.bool)

    def learn(self, removed: Tensor, loss: float) -> None:
        """Take in what the removal of some pixels (p,), at least one, cost together. NaN counts as nothing."""
        pixels = removed.cpu().nonzero().flatten()
        known = self._losses[pixels]
        cost = 0.0 if math.isnan(loss) else max(-LARGEST_LOSS, min(loss, LARGEST_LOSS))
        difference = (cost - float(known.sum())) / len(pixels)
        self._losses[pixels] = known + torch.where(self._tried[pixels], STEP, 1.0).double() * difference
        self._tried[pixels] = True

    def mean_of(self, removed: Tensor) -> float:
        """The mean estimate of some pixels (p,); 0 for those that were not tried."""
        return float(self._losses[removed.cpu()].mean())

    def can_order(self, kept: Tensor) -> bool:
        """Whether enough of the kept pixels (p,) were tried to order them."""
        return float(self._tried[kept.cpu()].double().mean()) >= KNOWN_SHARE

    def cheapest(self, kept: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """The kept pixels (p,) with the lowest estimates, after noise, by index (count,)."""
        pixels = kept.cpu().nonzero().flatten()
        losses = self._losses[pixels]
        noise = torch.randn(len(pixels), generator=generator, dtype=torch.float64)
        return pixels[torch.argsort(losses + NOISE * losses.std(correction=0) * noise, stable=True)[:count]]
