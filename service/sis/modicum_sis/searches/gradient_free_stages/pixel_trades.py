"""The second stage of the search without gradients: remove single pixels, then trade them.

The loss of margin from removing a pixel is remembered from its last attempt. The cheapest pixels are tried again, and
as many of them are removed together as possible. When none can be removed, random pixels are tried as additions, most
of them next to kept ones. The best are added, and removal starts again. The outcome is kept if it is smaller, or as
small with more margin.
"""

import torch
from torch import Tensor
from torch.nn import functional

from modicum_sis.scoring.score_requests import Procedure
from modicum_sis.searches.gradient_free_stages.block_removal import ScoredMask
from modicum_sis.searches.gradient_free_stages.pass_budget import PassBudget

CANDIDATES = 8
"""Number of the cheapest pixels that are tried again in a round."""
ADDITIONS_TRIED, ADDITIONS = 16, 4
"""Pixels tried as additions before a trade, and the most that are added."""
FAR_WEIGHT, NEAR_WEIGHT = 0.1, 1.1
"""Weights with which additions are drawn: pixels that touch no kept one, and pixels that do."""


class Trader:
    """Removes and trades the pixels of one image.

    Args:
        budget: counts the passes, and keeps the best mask.
        shape: height and width of the canvas.
        generator: the source of random numbers.
    """

    def __init__(self, budget: PassBudget, shape: tuple[int, int], generator: torch.Generator) -> None:
        self._budget, self._shape, self._generator = budget, shape, generator

    def trade(self, kept: ScoredMask) -> Procedure[ScoredMask]:
        """Remove and trade as long as there are pixels to remove and to add.

        Raises:
            BudgetExhausted: no passes are left; the budget holds the best mask.
        """
        if not kept.size:
            return kept
        losses = torch.full(kept.mask.shape, torch.inf, dtype=torch.float64)
        pixels = _kept(kept.mask)
        losses[pixels.cpu()] = kept.margin - (yield from self._budget.margins_without(kept.mask, pixels))
        kept = yield from self._remove(kept, losses, fresh=pixels)
        while 0 < kept.size < kept.mask.numel():
            tried = losses.clone()
            larger = yield from self._add(kept, tried)
            if larger is None:
                continue
            traded = yield from self._remove(larger, tried)
            if (traded.size, -traded.margin) < (kept.size, -kept.margin):
                kept, losses = traded, tried
        return kept

    def _remove(self, kept: ScoredMask, losses: Tensor, *, fresh: Tensor | None = None) -> Procedure[ScoredMask]:
        """Remove in rounds until none of the cheapest can go. Updates `losses` (p,); those of `fresh` are current."""
        while kept.size:
            pixels = fresh if fresh is not None else _cheapest(kept.mask, losses)
            if fresh is None:
                losses[pixels.cpu()] = kept.margin - (yield from self._budget.margins_without(kept.mask, pixels))
            smaller = yield from self._remove_some(kept, losses, pixels)
            if smaller is None:
                break
            kept, fresh = smaller, None
        return kept

    def _remove_some(self, kept: ScoredMask, losses: Tensor, pixels: Tensor) -> Procedure[ScoredMask | None]:
        """Remove as many as possible of these pixels, whose losses are known; None if not one can be removed."""
        known, order = torch.sort(losses[pixels.cpu()], stable=True)
        pixels = pixels[order.to(pixels.device)]
        if not self._budget.suffices(kept.margin - float(known[0])):
            return None
        count = sum(self._budget.suffices(margin) for margin in (kept.margin - known.cumsum(dim=0)).tolist())
        while count > 1:
            mask = _without(kept.mask, pixels[:count])
            margin = yield from self._budget.margin_of(mask)
            if self._budget.suffices(margin):
                return ScoredMask(mask, margin)
            count //= 2
        return ScoredMask(_without(kept.mask, pixels[:1]), kept.margin - float(known[0]))

    def _add(self, kept: ScoredMask, losses: Tensor) -> Procedure[ScoredMask | None]:
        """Add the best pixels that raise the margin; None if none does, or if they do not together."""
        pixels = self._additions(kept.mask)
        margins = yield from self._budget.margins_of(_each_with(kept.mask, pixels))
        gains, order = torch.sort(margins - kept.margin, descending=True, stable=True)
        count = min(ADDITIONS, int((gains > 0).sum()))
        if not count:
            return None
        added = pixels[order[:count].to(pixels.device)]
        losses[added.cpu()] = gains[:count]
        mask = kept.mask.index_fill(0, added, value=True)
        margin = yield from self._budget.margin_of(mask)
        return ScoredMask(mask, margin) if margin > kept.margin else None

    def _additions(self, mask: Tensor) -> Tensor:
        kept = mask.cpu().view(1, 1, *self._shape).double()
        touched = functional.max_pool2d(kept, kernel_size=3, stride=1, padding=1).flatten() > 0
        weights = torch.where(touched, NEAR_WEIGHT, FAR_WEIGHT)
        weights[mask.cpu()] = 0.0
        count = min(ADDITIONS_TRIED, int((weights > 0).sum()))
        return torch.multinomial(weights, count, generator=self._generator).to(mask.device)


def _kept(mask: Tensor) -> Tensor:
    return torch.nonzero(mask).flatten()


def _cheapest(mask: Tensor, losses: Tensor) -> Tensor:
    pixels = _kept(mask)
    return pixels[torch.argsort(losses[pixels.cpu()], stable=True)[:CANDIDATES].to(pixels.device)]


def _without(mask: Tensor, pixels: Tensor) -> Tensor:
    return mask.index_fill(0, pixels, value=False)


def _each_with(mask: Tensor, pixels: Tensor) -> Tensor:
    masks = mask.repeat(len(pixels), 1)
    masks[torch.arange(len(pixels), device=masks.device), pixels] = True
    return masks
