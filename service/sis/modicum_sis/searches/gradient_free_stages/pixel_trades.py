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
        source: the source of random numbers.
    """

    def __init__(self, budget: PassBudget, shape: tuple[int, int], source: torch.Generator) -> None:
        self._budget, self._shape, self._source = budget, shape, source

    def trade(self, state: ScoredMask) -> Procedure[ScoredMask]:
        """Remove and trade as long as there are pixels to remove and to add.

        Raises:
            BudgetExhausted: no passes are left; the budget holds the best mask.
        """
        if not state.size:
            return state
        losses = torch.full(state.mask.shape, torch.inf, dtype=torch.float64)
        pixels = _kept(state.mask)
        losses[pixels.cpu()] = state.margin - (yield from self._budget.margins_without(state.mask, pixels))
        state = yield from self._remove(state, losses, fresh=pixels)
        while 0 < state.size < state.mask.numel():
            tried = losses.clone()
            larger = yield from self._add(state, tried)
            if larger is None:
                continue
            traded = yield from self._remove(larger, tried)
            if (traded.size, -traded.margin) < (state.size, -state.margin):
                state, losses = traded, tried
        return state

    def _remove(self, state: ScoredMask, losses: Tensor, *, fresh: Tensor | None = None) -> Procedure[ScoredMask]:
        """Remove in rounds until none of the cheapest can go. Updates `losses` (p,); those of `fresh` are current."""
        while state.size:
            pixels = fresh if fresh is not None else _cheapest(state.mask, losses)
            if fresh is None:
                losses[pixels.cpu()] = state.margin - (yield from self._budget.margins_without(state.mask, pixels))
            smaller = yield from self._remove_some(state, losses, pixels)
            if smaller is None:
                break
            state, fresh = smaller, None
        return state

    def _remove_some(self, state: ScoredMask, losses: Tensor, pixels: Tensor) -> Procedure[ScoredMask | None]:
        """Remove as many as possible of these pixels, whose losses are known; None if not one can be removed."""
        known, order = torch.sort(losses[pixels.cpu()], stable=True)
        pixels = pixels[order.to(pixels.device)]
        if not self._budget.suffices(state.margin - float(known[0])):
            return None
        count = sum(self._budget.suffices(margin) for margin in (state.margin - known.cumsum(dim=0)).tolist())
        while count > 1:
            mask = _without(state.mask, pixels[:count])
            margin = yield from self._budget.margin_of(mask)
            if self._budget.suffices(margin):
                return ScoredMask(mask, margin)
            count //= 2
        return ScoredMask(_without(state.mask, pixels[:1]), state.margin - float(known[0]))

    def _add(self, state: ScoredMask, losses: Tensor) -> Procedure[ScoredMask | None]:
        """Add the best pixels that raise the margin; None if none does, or if they do not together."""
        pixels = self._additions(state.mask)
        margins = yield from self._budget.margins_of(_each_with(state.mask, pixels))
        gains, order = torch.sort(margins - state.margin, descending=True, stable=True)
        count = min(ADDITIONS, int((gains > 0).sum()))
        if not count:
            return None
        added = pixels[order[:count].to(pixels.device)]
        losses[added.cpu()] = gains[:count]
        mask = state.mask.index_fill(0, added, value=True)
        margin = yield from self._budget.margin_of(mask)
        return ScoredMask(mask, margin) if margin > state.margin else None

    def _additions(self, mask: Tensor) -> Tensor:
        kept = mask.cpu().view(1, 1, *self._shape).double()
        touched = functional.max_pool2d(kept, kernel_size=3, stride=1, padding=1).flatten() > 0
        weights = torch.where(touched, NEAR_WEIGHT, FAR_WEIGHT)
        weights[mask.cpu()] = 0.0
        count = min(ADDITIONS_TRIED, int((weights > 0).sum()))
        return torch.multinomial(weights, count, generator=self._source).to(mask.device)


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
