"""The last stage of mask optimisation: take pixels out of a sufficient mask, then trade them.

First a few sizes along the ascent's last ranking are tried: what was learned since its best mask is in there.
Removals are judged by exact forward passes: each candidate alone first, then as many of the best as should fit
together. What a removal cost is remembered, and only the cheapest are tried again in the next round, for losses hardly
change their order from one mask to the next. When no removal fits and many passes are left, the image climbs again from
other first sizes (`restarts`), and the best of the shrunk masks goes on. Then the missing pixels with the highest
gradient are added and removal starts again; the outcome is kept when it is smaller, or as small with more margin to
spare. Where trades of every size were in vain, memory misleads: from then on all candidates are tried again in every
round.

`Shrinker` is the procedure for one image, written as if it were alone: it asks for margins of masks and is sent the
answers; `desk` answers many images' questions in one batch. Every image has its own count of passes to spend, so its
outcome owes nothing to the others.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from modicum_sis.numerics.margins import sufficient
from modicum_sis.numerics.ranking import choose_largest
from modicum_sis.scoring.score_requests import LeaveOneOut, Procedure, ScoreMasks, ScoreRequest, Scores
from modicum_sis.searches.pass_budget import SAFE_MARGIN, BudgetExhausted
from modicum_sis.searches.restarts import FIRST_SIZES, Restarts

LEAST_RESIZED, SIZES_TRIED = 0.7, 4
"""How many sizes along the ascent's last ranking are tried first, between this share of the mask's size and its own."""
CANDIDATES = 32
"""Single removals tried in a first round; where more pixels are kept, those with the lowest gradient are tried."""
CHEAPEST = 8
"""Single removals tried again in the rounds after it, while trades succeed."""
BOLDNESS = (1.5, 1.0, 0.5)
"""Shares of the removals that should fit together which are tried together, the most first."""
PIXELS_PER_TRADE = 10
"""A trade adds one pixel for every so many kept."""
TRADE_SIZES = 3
"""After a trade in vain the next adds twice as many, then three times, then again the fewest."""
LARGEST_RIVAL = 2.0
"""A further ascent's mask is shrunk where it has at most so many times the pixels of the best; more cost too much."""


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A mask (p,) and the removals that led to it from `start` (p,): pixels (r_i,) a step; margins, one more."""

    start: Tensor
    mask: Tensor
    margins: tuple[float, ...]
    removed: tuple[Tensor, ...] = ()

    @property
    def size(self) -> int:
        """Pixels kept."""
        return int(self.mask.sum())

    @property
    def margin(self) -> float:
        """Of the mask."""
        return self.margins[-1]

    @property
    def rank(self) -> tuple[int, float]:
        """Least for the smallest, and of those for the one with the most margin."""
        return self.size, -self.margin

    def without(self, pixels: Tensor, margin: float) -> "Kept":
        """One step further."""
        mask = self.mask.clone()
        mask[pixels] = False
        return replace(self, mask=mask, margins=(*self.margins, margin), removed=(*self.removed, pixels))


class Shrinker:
    """Shrinks one sufficient mask (p,) with at most `passes` pass-equivalents, the ascent's last scores (p,) at hand.

    Args:
        restarts: how to start again where passes are left over; None: never.

    Attributes:
        best: the smallest sufficient mask so far.
        safe: the smallest whose margin leaves `SAFE_MARGIN` to spare, None before the first.
    """

    def __init__(
        self,
        mask: Tensor,
        margin: float,
        *,
        threshold: float,
        passes: int,
        scores: Tensor | None = None,
        restarts: Restarts | None = None,
    ) -> None:
        self.best = _begun(mask, margin)
        self.safe: Kept | None = None
        self._threshold, self._passes, self._scores, self._restarts = threshold, passes, scores, restarts
        self._note(self.best)

    def shrink(self) -> Procedure[None]:
        """Ask until the passes are spent."""
        try:
            yield from self._stages()
        except BudgetExhausted:
            return

    def _stages(self) -> Procedure[None]:
        current = self.best
        if self._scores is not None:
            current = yield from self._resize(current, self._scores)
        current = yield from self._remove(current, CHEAPEST)
        current = yield from self._restart(current)
        yield from self._trade_on(current)

    def _restart(self, current: Kept) -> Procedure[Kept]:
        """The best of a mask and those of further ascents, as long as there are passes for one."""
        for first_size in FIRST_SIZES:
            if self._restarts is None or not self._restarts.are_worthwhile(self._passes):
                break
            ascended = yield from self._restarts.ascend(first_size, self._ask)
            if ascended.found:
                begun = _begun(ascended.mask, ascended.margin)
                self._note(begun)
                rival = yield from self._resize(begun, ascended.scores)
                if rival.size <= LARGEST_RIVAL * current.size:
                    rival = yield from self._remove(rival, CHEAPEST)
                current = min(current, rival, key=lambda kept: kept.rank)
        return current

    def _trade_on(self, current: Kept) -> Procedure[None]:
        tried, failures = torch.zeros_like(current.mask), 0
        while current.size:
            wanted = math.ceil(current.size / PIXELS_PER_TRADE) * (1 + failures % TRADE_SIZES)
            added = yield from self._wanted(current.mask, current.mask | tried, wanted)
            if not len(added):
                return
            retried = CHEAPEST if failures < TRADE_SIZES else CANDIDATES
            traded = yield from self._trade(current, added, retried)
            smaller = traded.size < current.size
            failures = 0 if smaller else failures + 1
            tried = torch.zeros_like(tried) if smaller else tried.index_fill(0, added, value=True)
            current = min(current, traded, key=lambda kept: kept.rank)

    def _resize(self, kept: Kept, scores: Tensor) -> Procedure[Kept]:
        """Halve in on the smallest size at which the best-scored pixels suffice; scores are (p,)."""
        low, high = LEAST_RESIZED * kept.size, float(kept.size)
        for _ in range(SIZES_TRIED):
            size = round(math.sqrt(low * high))
            if not low < size < high:
                break
            mask = choose_largest(scores.unsqueeze(0), [size])
            reply = yield from self._ask(ScoreMasks(mask))
            if self._holds(reply.margins)[0]:
                high, kept = size, _begun(mask[0], float(reply.margins[0]))
                self._note(kept)
            else:
                low = size
        return kept

    def _wanted(self, mask: Tensor, barred: Tensor, count: int) -> Procedure[Tensor]:
        """The `count` pixels, but for the barred, with the highest gradient, ties to the lowest index."""
        gradient = yield from self._gradient(mask)
        best = torch.argsort(torch.where(barred, -math.inf, gradient), descending=True, stable=True)[:count]
        return best[~barred[best]]

    def _trade(self, current: Kept, added: Tensor, retried: int) -> Procedure[Kept]:
        mask = current.mask.clone()
        mask[added] = True
        reply = yield from self._ask(ScoreMasks(mask.unsqueeze(0)))
        return (yield from self._remove(_begun(mask, float(reply.margins[0])), retried))

    def _remove(self, kept: Kept, retried: int) -> Procedure[Kept]:
        """Rounds of removal until none fits, neither among the `retried` cheapest known nor among new candidates."""
        losses = torch.full(kept.mask.shape, math.inf, dtype=torch.float64)
        while kept.size:
            cheapest = self._cheapest(kept.mask, losses, retried)
            smaller = (yield from self._remove_some(kept, cheapest, losses)) if len(cheapest) else None
            if smaller is None and _has_untried(kept.mask, losses):
                candidates = yield from self._candidates(kept.mask)
                smaller = yield from self._remove_some(kept, candidates, losses)
            if smaller is None:
                break
            kept = smaller
            self._note(kept)
        return kept

    def _remove_some(self, kept: Kept, candidates: Tensor, losses: Tensor) -> Procedure[Kept | None]:
        """As many of the candidates as fit, None where none does; `losses` (p,) of them are brought up to date."""
        reply = yield from self._ask(LeaveOneOut(kept.mask, candidates))
        losses[candidates.cpu()] = kept.margin - reply.margins
        order = torch.argsort(reply.margins, descending=True, stable=True)
        margins, candidates = reply.margins[order], candidates[order.to(candidates.device)]
        if not self._holds(margins[:1])[0]:
            return None
        fitting = sum(self._holds(kept.margin - (kept.margin - margins).cumsum(dim=0)))
        several = yield from self._remove_together(kept, candidates, fitting)
        return several if several is not None else kept.without(candidates[:1], float(margins[0]))

    def _remove_together(self, kept: Kept, candidates: Tensor, fitting: int) -> Procedure[Kept | None]:
        counts = {min(len(candidates), math.ceil(share * fitting)) for share in BOLDNESS} if fitting > 1 else set()
        wanted = sorted(counts - {1}, reverse=True)[: self._passes]
        if not wanted:
            return None
        masks = kept.mask.repeat(len(wanted), 1)
        for row, count in enumerate(wanted):
            masks[row, candidates[:count]] = False
        reply = yield from self._ask(ScoreMasks(masks))
        for count, margin, holds in zip(wanted, reply.margins.tolist(), self._holds(reply.margins), strict=True):
            if holds:
                return kept.without(candidates[:count], margin)
        return None

    def _candidates(self, mask: Tensor) -> Procedure[Tensor]:
        pixels = torch.nonzero(mask).flatten()
        if len(pixels) > CANDIDATES:
            gradient = yield from self._gradient(mask)
            pixels = pixels[torch.argsort(gradient[pixels], stable=True)[:CANDIDATES]]
        return self._affordable(pixels)

    def _cheapest(self, mask: Tensor, losses: Tensor, count: int) -> Tensor:
        pixels = torch.nonzero(mask).flatten()
        known, order = torch.sort(losses[pixels.cpu()], stable=True)
        return self._affordable(pixels[order[known.isfinite()][:count].to(pixels.device)])

    def _affordable(self, pixels: Tensor) -> Tensor:
        """The first of the pixels, so many as there are forward passes left for."""
        if not self._passes:
            raise BudgetExhausted
        return pixels[: self._passes]

    def _gradient(self, mask: Tensor) -> Procedure[Tensor]:
        reply = yield from self._ask(ScoreMasks(mask.unsqueeze(0), with_gradients=True))
        assert reply.gradients is not None
        return reply.gradients[0]

    def _ask(self, request: ScoreRequest) -> Procedure[Scores]:
        if request.cost > self._passes:
            raise BudgetExhausted
        self._passes -= request.cost
        return (yield request)

    def _note(self, kept: Kept) -> None:
        if kept.size < self.best.size:
            self.best = kept
        spare = float(self._holds(torch.tensor([kept.margin - SAFE_MARGIN], dtype=torch.float64))[0])
        if spare and (self.safe is None or kept.size < self.safe.size):
            self.safe = kept

    def _holds(self, margins: Tensor) -> list[bool]:
        holds: list[bool] = sufficient(margins, self._threshold).tolist()
        return holds


def _begun(mask: Tensor, margin: float) -> Kept:
    return Kept(start=mask, mask=mask, margins=(margin,))


def _has_untried(mask: Tensor, losses: Tensor) -> bool:
    return not bool(losses[mask.cpu()].isfinite().all())
