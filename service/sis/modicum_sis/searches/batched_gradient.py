"""Batched Gradient SIS (Carter et al., NeurIPS 2021): gradients choose which pixels to remove, many at once."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from modicum_sis.findings import Trace
from modicum_sis.model.classifier import Canvas
from modicum_sis.numerics.ranking import choose_largest
from modicum_sis.scoring.mask_scorer import MaskScorer
from modicum_sis.scoring.verification import ATTEMPTS
from modicum_sis.searches.backselect import Removal, proposal_of
from modicum_sis.searches.protocol import FIXED_PASSES, AdmittedImage, Proposal, SearchTask
from modicum_sis.validation import whole_number

EXACT_PIXELS = 32 * 32
"""On canvases up to this size the default removes one pixel in a step."""
PAPER_PIXELS, PAPER_PIXELS_PER_STEP = 224 * 224, 100
"""The paper's canvas and pixels in a step. The default takes the same number of steps on other canvases."""


@dataclass(frozen=True, slots=True)
class BatchedGradient:
    """Each step makes one forward and one backward pass, and removes the pixels with the lowest gradient.

    Args:
        pixels_per_step: pixels to remove in a step. None: 1 up to 32x32; on larger canvases about 502 steps, which is
            100 pixels at 224x224.
    """

    needs_gradient: ClassVar[bool] = True

    pixels_per_step: int | None = 1

    def __post_init__(self) -> None:
        if self.pixels_per_step is not None:
            least_one = whole_number("pixels_per_step", self.pixels_per_step, least=1, otherwise=", or None")
            object.__setattr__(self, "pixels_per_step", least_one)

    def planned_passes(self, canvas: Canvas) -> int:
        """Three pass-equivalents for each step, and at most ten more, for verification and fixed passes."""
        pixels = canvas[-2] * canvas[-1]
        return FIXED_PASSES + 3 * math.ceil(pixels / self._pixels_per_step(pixels)) + ATTEMPTS

    def propose(self, task: SearchTask) -> Iterator[tuple[int, Proposal]]:
        """The images in the rows descend side by side, each at its own step."""
        descent = _Descent(task.scorer, self._pixels_per_step(task.scorer.pixels))
        while True:
            for admitted in task.admit(None):
                descent.enter(admitted)
            if not len(descent):
                return
            if task.scorer.meter.poll_stop():
                yield from ((row, proposal_of(descent.leave(row), task.threshold)) for row in descent.rows())
                return
            for row in descent.step():
                yield row, proposal_of(descent.leave(row), task.threshold)

    def _pixels_per_step(self, pixels: int) -> int:
        if self.pixels_per_step is not None:
            return self.pixels_per_step
        if pixels <= EXACT_PIXELS:
            return 1
        return max(1, round(PAPER_PIXELS_PER_STEP * pixels / PAPER_PIXELS))


class _Descent:
    """Removal in many rows. It keeps the mask, the order and the margins of each image."""

    def __init__(self, scorer: MaskScorer, per_step: int) -> None:
        self._scorer, self._per_step = scorer, per_step
        self._masks = torch.ones((scorer.rows, scorer.pixels), dtype=torch.bool, device=scorer.device)
        self._order = torch.zeros((scorer.rows, scorer.pixels), dtype=torch.int64, device=scorer.device)
        self._admitted: dict[int, AdmittedImage] = {}
        self._margins: dict[int, list[float]] = {}

    def __len__(self) -> int:
        return len(self._admitted)

    def rows(self) -> list[int]:
        return list(self._admitted)

    def enter(self, admitted: AdmittedImage) -> None:
        self._masks[admitted.row] = True
        self._admitted[admitted.row], self._margins[admitted.row] = admitted, []

    def step(self) -> list[int]:
        """Remove pixels in every row. Returns the rows that have none left."""
        rows = torch.tensor(self.rows())
        masks = self._masks[rows.to(self._masks.device)]
        scores, gradients = self._scorer.margins_and_gradients(masks.view(-1, *self._scorer.shape), rows)
        removed = torch.tensor([self._removed(row) for row in self._admitted])
        for last in (False, True):
            alike = torch.nonzero((removed + self._per_step >= self._scorer.pixels) == last).flatten()
            if len(alike):
                at = alike.to(self._masks.device)
                self._remove(rows[alike], removed[alike], masks[at], gradients[at].flatten(1))
        for row, margin in zip(self._admitted, scores.double().tolist(), strict=True):
            self._margins[row].append(margin)
        return [row for row in self._admitted if self._removed(row) == self._scorer.pixels]

    def leave(self, row: int) -> Removal:
        admitted, margins = self._admitted.pop(row), self._margins.pop(row)
        removed, complete = self._counts(len(margins)), len(margins) * self._per_step >= self._scorer.pixels
        if complete:
            margins.append(admitted.baseline_margin)
        elif not margins:
            margins.append(admitted.whole_margin)
        start = torch.ones(self._scorer.shape, dtype=torch.bool)
        trace = Trace(
            order=self._order[row, : removed[-1]].cpu().clone(),  # the row is used again
            scores=torch.tensor(margins, dtype=torch.float64),
            kept=start.numel() - removed[: len(margins)],
            start=start,
        )
        return Removal(trace, complete=complete)

    def _remove(self, rows: Tensor, removed: Tensor, masks: Tensor, gradients: Tensor) -> None:
        count = min(self._per_step, self._scorer.pixels - int(removed[0]))
        at = rows.to(masks.device)
        least = _least_missed(gradients, masks, count)
        places = removed.to(masks.device).unsqueeze(1) + torch.arange(count, device=masks.device)
        self._order[at] = self._order[at].scatter(1, places, least)
        self._masks[at] = masks.scatter(1, least, value=False)

    def _removed(self, row: int) -> int:
        return int(self._counts(len(self._margins[row]))[-1])

    def _counts(self, steps: int) -> Tensor:
        """The number of pixels removed before each step, and after the last."""
        return (torch.arange(steps + 1) * self._per_step).clamp_max(self._scorer.pixels)


def _least_missed(gradients: Tensor, masks: Tensor, count: int) -> Tensor:
    """The kept pixels (n, count) with the lowest gradient, the lowest first. Ties go to the lowest index."""
    wins = torch.where(masks, -gradients, -math.inf)
    chosen = torch.nonzero(choose_largest(wins, [count] * len(wins)))[:, 1].view(len(wins), count)
    ranks = torch.argsort(wins.gather(1, chosen), dim=1, descending=True, stable=True)
    return chosen.gather(1, ranks)
