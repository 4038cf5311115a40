"""Batched Gradient SIS (Carter et al., NeurIPS 2021): gradients choose what to remove, many at once."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from modicum_sis.backselect import Removal, proposal_of
from modicum_sis.classifier import Canvas
from modicum_sis.errors import ParameterError
from modicum_sis.findings import Trace
from modicum_sis.ranking import choose_largest
from modicum_sis.search import FIXED_PASSES, Proposal, SearchTask
from modicum_sis.verification import ATTEMPTS

EXACT_PIXELS = 32 * 32
"""Up to this canvas the default removes one pixel a step."""
PAPER_PIXELS, PAPER_PIXELS_PER_STEP = 224 * 224, 100
"""The paper's canvas and pixels a step; larger and smaller canvases get the same number of steps."""


@dataclass(frozen=True, slots=True)
class BatchedGradient:
    """Per step one forward and one backward pass; removes the pixels whose removal the gradient favours most.

    Args:
        pixels_per_step: None: 1 up to 32x32, beyond that about 502 steps, which is 100 at 224x224.
    """

    needs_gradient: ClassVar[bool] = True

    pixels_per_step: int | None = 1

    def __post_init__(self) -> None:
        if self.pixels_per_step is not None and self.pixels_per_step < 1:
            raise ParameterError(f"pixels_per_step must be at least 1, or None; got {self.pixels_per_step}")

    def planned_passes(self, canvas: Canvas) -> int:
        """Three pass-equivalents a step, and ten at the most: mostly three, one of them verifies."""
        pixels = canvas[-2] * canvas[-1]
        return FIXED_PASSES + 3 * math.ceil(pixels / self._pixels_per_step(pixels)) + ATTEMPTS

    def propose(self, task: SearchTask) -> list[Proposal]:
        """All images in step."""
        scorer = task.scorer
        count, pixels = scorer.count, scorer.shape[0] * scorer.shape[1]
        per_step = self._pixels_per_step(pixels)
        rows = torch.arange(count)
        masks = torch.ones((count, pixels), dtype=torch.bool, device=scorer.device)
        removed: list[Tensor] = []
        margins: list[Tensor] = []
        while len(removed) * per_step < pixels and not scorer.meter.stopped():
            scores, gradients = scorer.margins_and_gradients(masks.view(count, *scorer.shape), rows)
            margins.append(scores.double().cpu())
            least = _least_missed(gradients.view(count, -1), masks, min(per_step, pixels - len(removed) * per_step))
            masks.scatter_(1, least, value=False)
            removed.append(least.cpu())
        complete = len(removed) * per_step >= pixels
        if complete:
            margins.append(task.baseline_margins)
        elif not margins:
            margins.append(task.whole_margins)
        return [
            proposal_of(Removal(_trace(removed, margins, row, scorer.shape), complete=complete), task.threshold)
            for row in range(count)
        ]

    def _pixels_per_step(self, pixels: int) -> int:
        if self.pixels_per_step is not None:
            return self.pixels_per_step
        if pixels <= EXACT_PIXELS:
            return 1
        return max(1, round(PAPER_PIXELS_PER_STEP * pixels / PAPER_PIXELS))


def _least_missed(gradients: Tensor, masks: Tensor, count: int) -> Tensor:
    """The kept pixels (n, count) with the lowest gradient, lowest first; ties to the lowest index."""
    wins = torch.where(masks, -gradients, -math.inf)
    chosen = torch.nonzero(choose_largest(wins, [count] * len(wins)))[:, 1].view(len(wins), count)
    ranks = torch.argsort(wins.gather(1, chosen), dim=1, descending=True, stable=True)
    return chosen.gather(1, ranks)


def _trace(removed: list[Tensor], margins: list[Tensor], row: int, shape: tuple[int, int]) -> Trace:
    start = torch.ones(shape, dtype=torch.bool)
    sizes = torch.tensor([0, *(part.shape[1] for part in removed)]).cumsum(0)[: len(margins)]
    none = torch.zeros(0, dtype=torch.int64)
    return Trace(
        order=torch.cat([none, *(part[row] for part in removed)]),
        scores=torch.stack([margin[row] for margin in margins]),
        kept=start.numel() - sizes,
        start=start,
    )
