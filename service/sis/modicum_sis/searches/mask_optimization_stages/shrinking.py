"""The last stage of mask optimisation: remove pixels from a sufficient mask, then trade them.

1. A few sizes along the last ranking of the ascent are tried first. That ranking is better than the one of its best
   mask.
2. Removals are judged by exact forward passes: each candidate alone first, then as many of the best as should be
   possible together. The loss from each removal is remembered. The next round tries only the cheapest again, because
   losses hardly change their order from one mask to the next.
3. If no removal is possible and many passes are left, the image starts again from other first sizes (`restarts`). The
   best of the shrunk masks is kept.
4. A trade adds the missing pixels with the highest gradient, and removal starts again. The outcome is kept if it is
   smaller, or as small with more margin. After failed trades of every size the remembered losses are misleading: from
   then on every round tries all candidates again.

`Shrinker` is the procedure for one image, written as if it ran alone: it requests margins of masks and receives scores.
`batch_scheduler` scores the requests of many images in one batch. Every image has its own passes, so the outcome of one
does not depend on the others.
"""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from modicum_sis.numerics.margins import sufficient
from modicum_sis.numerics.ranking import choose_largest
from modicum_sis.scoring.score_requests import LeaveOneOut, Procedure, ScoreMasks, ScoreRequest, Scores
from modicum_sis.searches.gradient_free_stages.pass_budget import SAFE_MARGIN, BudgetExhausted
from modicum_sis.searches.mask_optimization_stages.restarts import FIRST_SIZES, Restarts
from modicum_sis.searches.narrowing import Narrower

LEAST_RESIZED, SIZES_TRIED = 0.7, 4
"""Smallest size that is tried along the ascent's last ranking, as a share of the mask's, and how many are tried."""
CANDIDATES = 32
"""Single removals tried in the first round. If more pixels are kept, those with the lowest gradient are tried."""
CHEAPEST = 8
"""Single removals tried again in later rounds, as long as trades succeed."""
BOLDNESS = (1.5, 1.0, 0.5)
"""Numbers of removals that are tried together, as shares of the number that should be possible, the most first."""
PIXELS_PER_TRADE = 10
"""A trade adds one pixel for this many kept ones."""
TRADE_SIZES = 3
"""After a failed trade the next adds twice as many pixels, then three times as many, then as few as the first."""
LARGEST_RESTART = 2.0
"""The mask of a restart is shrunk if it has at most this many times the pixels of the best; others cost too much."""


@dataclass(frozen=True, slots=True, eq=False)
class ShrunkMask:
    """A mask (p,), and the removals from `start` (p,) to it: the pixels (r_i,) of each step, and one more margin."""

    start: Tensor
    mask: Tensor
    margins: tuple[float, ...]
    removed: tuple[Tensor, ...] = ()

    @property
    def size(self) -> int:
        """The number of kept pixels."""
        return int(self.mask.sum())

    @property
    def margin(self) -> float:
        """The margin of the mask."""
        return self.margins[-1]

    @property
    def rank(self) -> tuple[int, float]:
        """A sort key: the smallest mask first, and of those the one with the most margin."""
        return self.size, -self.margin

    def without(self, pixels: Tensor, margin: float) -> "ShrunkMask":
        """The mask after one more step of removal."""
        mask = self.mask.clone()
        mask[pixels] = False
        return replace(self, mask=mask, margins=(*self.margins, margin), removed=(*self.removed, pixels))


class Shrinker:
    """Shrinks one sufficient mask (p,) with at most `passes` pass-equivalents.

    Args:
        mask: the sufficient mask.
        margin: its margin.
        threshold: the confidence to keep.
        passes: the pass-equivalents to spend.
        pixel_values: the last values of the pixels (p,) of the ascent; None if there was none.
        restarts: the parameters of restarts; None for no restarts.
        met: sufficient masks that the ascent met.

    Attributes:
        best: the smallest sufficient mask so far.
        safe: the smallest mask so far whose margin exceeds the threshold's by `SAFE_MARGIN`; None before the first.
        met: those of the ascent, and each mask that was the smallest for a while.
    """

    def __init__(
        self,
        mask: Tensor,
        margin: float,
        *,
        threshold: float,
        passes: int,
        pixel_values: Tensor | None = None,
        restarts: Restarts | None = None,
        met: Narrower | None = None,
    ) -> None:
        self.met = Narrower() if met is None else met
        self.best = _unshrunk(mask, margin)
        self.safe: ShrunkMask | None = None
        self._threshold, self._passes, self._pixel_values, self._restarts = threshold, passes, pixel_values, restarts
        self._note(self.best)

    def shrink(self) -> Procedure[None]:
        """Shrink until the passes are spent."""
        try:
            yield from self._stages()
        except BudgetExhausted:
            return

    def _stages(self) -> Procedure[None]:
        current = self.best
        if self._pixel_values is not None:
            current = yield from self._resize(current, self._pixel_values)
        current = yield from self._remove(current, CHEAPEST)
        current = yield from self._restart(current)
        yield from self._trade_on(current)

    def _restart(self, current: ShrunkMask) -> Procedure[ShrunkMask]:
        """The best of a mask and those of restarts, as long as there are passes for one."""
        for first_size in FIRST_SIZES:
            if self._restarts is None or not self._restarts.are_worthwhile(self._passes):
                break
            ascended = yield from self._restarts.ascend(first_size, self._score)
            if ascended.whole_or_smaller_suffices:
                candidate = _unshrunk(ascended.mask, ascended.margin)
                self._note(candidate)
                restarted = yield from self._resize(candidate, ascended.pixel_values)
                if restarted.size <= LARGEST_RESTART * current.size:
                    restarted = yield from self._remove(restarted, CHEAPEST)
                current = min(current, restarted, key=lambda kept: kept.rank)
        return current

    def _trade_on(self, current: ShrunkMask) -> Procedure[None]:
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

    def _resize(self, kept: ShrunkMask, pixel_values: Tensor) -> Procedure[ShrunkMask]:
        """Search by bisection for the smallest size at which the pixels with the largest values (p,) suffice."""
        low, high = LEAST_RESIZED * kept.size, float(kept.size)
        for _ in range(SIZES_TRIED):
            size = round(math.sqrt(low * high))
            if not low < size < high:
                break
            mask = choose_largest(pixel_values.unsqueeze(0), [size])
            reply = yield from self._score(ScoreMasks(mask))
            if self._holds(reply.margins)[0]:
                high, kept = size, _unshrunk(mask[0], float(reply.margins[0]))
                self._note(kept)
            else:
                low = size
        return kept

    def _wanted(self, mask: Tensor, barred: Tensor, count: int) -> Procedure[Tensor]:
        """The `count` pixels with the highest gradient that are not barred. Ties go to the lowest index."""
        gradient = yield from self._gradient(mask)
        best = torch.argsort(torch.where(barred, -math.inf, gradient), descending=True, stable=True)[:count]
        return best[~barred[best]]

    def _trade(self, current: ShrunkMask, added: Tensor, retried: int) -> Procedure[ShrunkMask]:
        mask = current.mask.clone()
        mask[added] = True
        reply = yield from self._score(ScoreMasks(mask.unsqueeze(0)))
        return (yield from self._remove(_unshrunk(mask, float(reply.margins[0])), retried))

    def _remove(self, kept: ShrunkMask, retried: int) -> Procedure[ShrunkMask]:
        """Remove in rounds until no removal is possible: first the `retried` cheapest known, then new candidates."""
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

    def _remove_some(self, kept: ShrunkMask, candidates: Tensor, losses: Tensor) -> Procedure[ShrunkMask | None]:
        """Remove as many of the candidates as possible; None if none can be removed. Updates their `losses` (p,)."""
        reply = yield from self._score(LeaveOneOut(kept.mask, candidates))
        losses[candidates.cpu()] = kept.margin - reply.margins
        order = torch.argsort(reply.margins, descending=True, stable=True)
        margins, candidates = reply.margins[order], candidates[order.to(candidates.device)]
        if not self._holds(margins[:1])[0]:
            return None
        fitting = sum(self._holds(kept.margin - (kept.margin - margins).cumsum(dim=0)))
        several = yield from self._remove_together(kept, candidates, fitting)
        return several if several is not None else kept.without(candidates[:1], float(margins[0]))

    def _remove_together(self, kept: ShrunkMask, candidates: Tensor, fitting: int) -> Procedure[ShrunkMask | None]:
        counts = {min(len(candidates), math.ceil(share * fitting)) for share in BOLDNESS} if fitting > 1 else set()
        wanted = sorted(counts - {1}, reverse=True)[: self._passes]
        if not wanted:
            return None
        masks = kept.mask.repeat(len(wanted), 1)
        for row, count in enumerate(wanted):
            masks[row, candidates[:count]] = False
        reply = yield from self._score(ScoreMasks(masks))
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
        """The first of the pixels, as many as forward passes are left."""
        if not self._passes:
            raise BudgetExhausted
        return pixels[: self._passes]

    def _gradient(self, mask: Tensor) -> Procedure[Tensor]:
        reply = yield from self._score(ScoreMasks(mask.unsqueeze(0), with_gradients=True))
        assert reply.gradients is not None
        return reply.gradients[0]

    def _score(self, request: ScoreRequest) -> Procedure[Scores]:
        if request.cost > self._passes:
            raise BudgetExhausted
        self._passes -= request.cost
        return (yield request)

    def _note(self, kept: ShrunkMask) -> None:
        if kept.size < self.best.size:
            self.best = kept
            self.met.note(kept.mask, kept.margin, kept.size)
        spare = float(self._holds(torch.tensor([kept.margin - SAFE_MARGIN], dtype=torch.float64))[0])
        if spare and (self.safe is None or kept.size < self.safe.size):
            self.safe = kept

    def _holds(self, margins: Tensor) -> list[bool]:
        holds: list[bool] = sufficient(margins, self._threshold).tolist()
        return holds


def _unshrunk(mask: Tensor, margin: float) -> ShrunkMask:
    return ShrunkMask(start=mask, mask=mask, margins=(margin,))


def _has_untried(mask: Tensor, losses: Tensor) -> bool:
    return not bool(losses[mask.cpu()].isfinite().all())
