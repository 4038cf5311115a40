"""The pass budget of one image in a search without gradients, and the smallest masks that were sufficient so far.

Every scored mask is noted, whichever stage requests it. `shrinking` uses `BudgetExhausted` and `SAFE_MARGIN` too. The
budget must not decide which masks are scored.
"""

import torch
from torch import Tensor

from modicum_sis.numerics.margins import sufficient
from modicum_sis.scoring.score_requests import LeaveOneOut, Procedure, ScoreMasks, ScoreRequest
from modicum_sis.searches.narrowing import Narrower

SAFE_MARGIN = 1e-3
"""A mask whose margin exceeds the threshold's by this also passes verification: two passes differ in low bits only."""


class BudgetExhausted(Exception):
    """Ends a search, because its next request costs more than is left. This is not an error."""


class PassBudget:
    """The forward passes of one image.

    Attributes:
        passes: the passes that are left.
        best: the smallest sufficient mask (p,) so far; None before the first.
        safe: the smallest mask so far whose margin exceeds the threshold's by `SAFE_MARGIN`; None before the first.
        met: each mask that was the smallest for a while.
    """

    def __init__(self, passes: int, *, threshold: float) -> None:
        self.passes = passes
        self.best: Tensor | None = None
        self.safe: Tensor | None = None
        self.met = Narrower()
        self._sizes: dict[bool, int] = {}
        self._threshold = threshold

    def suffices(self, margin: float) -> bool:
        """Whether a mask with this margin is sufficient."""
        return bool(sufficient(torch.tensor([margin], dtype=torch.float64), self._threshold)[0])

    def margin_of(self, mask: Tensor) -> Procedure[float]:
        """The margin of a mask (p,). Raises: BudgetExhausted."""
        return float((yield from self.margins_of(mask.unsqueeze(0)))[0])

    def margins_of(self, masks: Tensor) -> Procedure[Tensor]:
        """Margins (m,) of masks (m, p), float64 on the CPU. Raises: BudgetExhausted."""
        margins = yield from self._score(ScoreMasks(masks))
        for mask, margin in zip(masks, margins.tolist(), strict=True):
            self.note(mask, margin)
        return margins

    def margins_without(self, mask: Tensor, pixels: Tensor) -> Procedure[Tensor]:
        """Margins (m,) of a mask (p,) without each of the pixels (m,) in turn. Raises: BudgetExhausted."""
        request = LeaveOneOut(mask, pixels)
        margins = yield from self._score(request)
        best = int(margins.argmax())
        self.note(request.part(best, best + 1)[0], float(margins[best]))
        return margins

    def note(self, mask: Tensor, margin: float) -> None:
        """Remember a mask if it is the smallest so far."""
        size = int(mask.sum())
        if self._is_smaller(size, margin, safe=False):
            self.best = mask
            self.met.note(mask, margin, size)
        if self._is_smaller(size, margin - SAFE_MARGIN, safe=True):
            self.safe = mask

    def _is_smaller(self, size: int, margin: float, *, safe: bool) -> bool:
        if size >= self._sizes.get(safe, size + 1) or not self.suffices(margin):
            return False
        self._sizes[safe] = size
        return True

    def _score(self, request: ScoreRequest) -> Procedure[Tensor]:
        if request.cost > self.passes:
            raise BudgetExhausted
        self.passes -= request.cost
        # NaN sorts as the highest number; here it must be the lowest
        return torch.nan_to_num((yield request).margins, nan=-torch.inf, posinf=torch.inf, neginf=-torch.inf)
