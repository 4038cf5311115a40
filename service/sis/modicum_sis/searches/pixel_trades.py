"""The second stage of the search without gradients: cut single pixels, then trade them.

What the loss of a pixel costs is remembered from the last time it was tried; the cheapest are tried again, and as many
of them cut together as hold. When none can be cut, random pixels are tried as additions, most of them beside kept ones;
the best are added and cutting starts again. The outcome is kept when it is smaller, or as small with more margin.
"""

import torch
from torch import Tensor
from torch.nn import functional

from modicum_sis.scoring.score_requests import Procedure
from modicum_sis.searches.block_removal import ScoredMask
from modicum_sis.searches.pass_budget import PassBudget

CANDIDATES = 8
"""Cheapest pixels that are tried again in a round."""
ADDITIONS_TRIED, ADDITIONS = 16, 4
"""Pixels tried as additions before a trade, and the most that are then added."""
FAR_WEIGHT, NEAR_WEIGHT = 0.1, 1.1
"""How often pixels are tried that touch no kept one, and those that do."""


class Trader:
    """Cuts and trades the pixels of one image.

    Args:
        source: where additions are drawn from.
    """

    def __init__(self, budget: PassBudget, shape: tuple[int, int], source: torch.Generator) -> None:
        self._budget, self._shape, self._source = budget, shape, source

    def trade(self, state: ScoredMask) -> Procedure[ScoredMask]:
        """Go on as long as there is something to cut and to add.

        Raises:
            BudgetExhausted: the passes end; the account has what was found.
        """
        if not state.size:
            return state
        losses = torch.full(state.mask.shape, torch.inf, dtype=torch.float64)
        pixels = _kept(state.mask)
        losses[pixels.cpu()] = state.margin - (yield from self._budget.margins_without(state.mask, pixels))
        state = yield from self._cut(state, losses, fresh=pixels)
        while 0 < state.size < state.mask.numel():
            tried = losses.clone()
            larger = yield from self._add(state, tried)
            if larger is None:
                continue
            traded = yield from self._cut(larger, tried)
            if (traded.size, -traded.margin) < (state.size, -state.margin):
                state, losses = traded, tried
        return state

    def _cut(self, state: ScoredMask, losses: Tensor, *, fresh: Tensor | None = None) -> Procedure[ScoredMask]:
        """Rounds of cutting until none of the cheapest can go. `losses` (p,) are brought up to date; `fresh` are."""
        while state.size:
            pixels = fresh if fresh is not None else _cheapest(state.mask, losses)
            if fresh is None:
                losses[pixels.cpu()] = state.margin - (yield from self._budget.margins_without(state.mask, pixels))
            smaller = yield from self._cut_some(state, losses, pixels)
            if smaller is None:
                break
            state, fresh = smaller, None
        return state

    def _cut_some(self, state: ScoredMask, losses: Tensor, pixels: Tensor) -> Procedure[ScoredMask | None]:
        """As many of these pixels, whose losses are known, as hold; None when not one does."""
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
        """The mask with the best of some pixels that raise its margin, None where none did, or not together."""
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
