"""Mask optimisation, the default search: an ascent over masks by gradients, then exact shrinking and trades.

The stages are in `ascent`, `shrinking` and `restarts`. This module divides the budget between the ascent and shrinking,
and puts the requests of all images into common batches. It draws no random numbers.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from modicum_sis.findings import Trace
from modicum_sis.model.classifier import Canvas
from modicum_sis.numerics.margins import confidences_of
from modicum_sis.scoring.score_requests import GRADIENT_COST
from modicum_sis.searches.batch_scheduler import BatchScheduler
from modicum_sis.searches.gradient_free import GradientFree
from modicum_sis.searches.mask_optimization_stages.ascent import Ascent
from modicum_sis.searches.mask_optimization_stages.restarts import Restarts
from modicum_sis.searches.mask_optimization_stages.shrinking import Shrinker, ShrunkMask
from modicum_sis.searches.narrowing import Narrower
from modicum_sis.searches.protocol import FIXED_PASSES, VERIFICATIONS, AdmittedImage, Proposal, SearchTask
from modicum_sis.validation import whole_number

LEAST_STEPS = 2
FEWEST_PASSES = FIXED_PASSES + VERIFICATIONS + LEAST_STEPS * GRADIENT_COST
STEPS_PER_DOUBLING = 6
"""Steps of the ascent for each doubling of the pixels. After that, exact shrinking gains more for its passes."""
LEAST_ASCENT, MOST_ASCENT = 0.09, 0.9
"""Least and largest share of the budget for the ascent, on any canvas."""
FULL_ENOUGH = 0.75
"""Share of the rows that must wait for gradients before a batch of gradients is scored."""


@dataclass(frozen=True, slots=True)
class MaskOptimization:
    """Finds the smallest subsets for its passes.

    Args:
        passes: the pass-equivalents that one image may cost, including the whole image, the bare fill and verification.
    """

    needs_gradient: ClassVar[bool] = True

    passes: int = 600

    def __post_init__(self) -> None:
        object.__setattr__(self, "passes", whole_number("passes", self.passes, least=FEWEST_PASSES))

    def planned_passes(self, canvas: Canvas) -> int:  # noqa: ARG002  (other searches depend on it)
        """The budget."""
        return self.passes

    def without_gradient(self) -> GradientFree:
        """The search without gradients that has the same budget."""
        return GradientFree(self.passes)

    def propose(self, task: SearchTask) -> Iterator[tuple[int, Proposal]]:
        """Search many images side by side: some ascend while others shrink."""
        return _ImagesInWork(task, self).proposals()

    def shares(self, pixels: int, spent: int) -> tuple[int, int]:
        """The steps of the ascent, and the passes left for shrinking, if `spent` passes are already spent."""
        spendable = self.passes - spent - VERIFICATIONS
        steps = self._steps(spendable, pixels)
        return steps, spendable - GRADIENT_COST * steps

    def has_ended_ascent(self, pixels: int, spent: int) -> bool:
        """Whether an earlier run that spent this much on an image finished its ascent."""
        return spent >= FIXED_PASSES + GRADIENT_COST * self.shares(pixels, FIXED_PASSES)[0]

    def _steps(self, spendable: int, pixels: int) -> int:
        least, most = (share * spendable / GRADIENT_COST for share in (LEAST_ASCENT, MOST_ASCENT))
        return max(LEAST_STEPS, int(min(most, max(least, STEPS_PER_DOUBLING * math.log2(pixels)))))


class _ImagesInWork:
    """The images in work. Each ascends, then shrinks."""

    def __init__(self, task: SearchTask, search: MaskOptimization) -> None:
        scorer = task.scorer
        self._task, self._scorer = task, scorer
        self._search = search
        self._admitted: dict[int, AdmittedImage] = {}
        self._passes: dict[int, int] = {}
        self._ascent = Ascent(scorer.rows, scorer.pixels, threshold=task.threshold, device=scorer.device)
        self._shrinkers: dict[int, Shrinker] = {}
        self._scheduler: BatchScheduler[None] = BatchScheduler(scorer)
        self._unfound: list[int] = []

    def proposals(self) -> Iterator[tuple[int, Proposal]]:
        """Yield rows and their proposals as they are done."""
        while True:
            for admitted in self._task.admit(None):
                self._enter(admitted)
            ended = self._take_ended(stopped=False)
            yield from ended
            if not len(self._ascent) and not len(self._scheduler):
                if not ended:
                    return
                continue
            if self._scorer.meter.poll_stop():
                yield from self._stop()
                return
            if self._gradients_are_due():
                self._score_gradients()
            self._scheduler.score_masks()

    def _enter(self, admitted: AdmittedImage) -> None:
        """Start an image: with the ascent, or with shrinking if an earlier run finished its ascent."""
        self._admitted[admitted.row] = admitted
        pixels, left = self._scorer.pixels, self._search.passes - admitted.spent - VERIFICATIONS
        if admitted.start is not None and self._search.has_ended_ascent(pixels, admitted.spent):
            start = admitted.start.flatten().to(self._scorer.device)
            self._shrink(admitted.row, start, admitted.start_margin, passes=max(0, left))
        elif left < LEAST_STEPS * GRADIENT_COST:
            self._unfound.append(admitted.row)
        else:
            steps, self._passes[admitted.row] = self._search.shares(pixels, admitted.spent)
            self._ascent.enter(admitted.row, admitted.whole_margin, admitted.baseline_margin, steps=steps)

    def _gradients_are_due(self) -> bool:
        """Whether to score gradients now. Rows wait for each other as long as other masks can be scored."""
        wanted = len(self._ascent) + len(self._scheduler.gradients_waiting())
        return not self._scheduler.masks_waiting() or wanted >= FULL_ENOUGH * min(
            self._scorer.rows, self._scorer.batch_size
        )

    def _score_gradients(self) -> None:
        """Score one batch of gradients, of rows that ascend and of rows that shrink."""
        ascending, count = self._ascent.next_batch(), len(self._ascent)
        masks = torch.cat([ascending.masks, self._scheduler.gradient_masks()])
        rows = torch.tensor([*ascending.rows, *self._scheduler.gradients_waiting()])
        scored, by_mask = self._scorer.margins_and_gradients(masks.view(-1, *self._scorer.shape), rows)
        margins, gradients = scored.double().cpu(), by_mask.flatten(1)
        self._scheduler.send_gradients(margins[count:], gradients[count:])
        for row in self._ascent.apply_gradients(ascending, margins[:count], gradients[:count]):
            self._end_ascent(row)

    def _end_ascent(self, row: int) -> None:
        ascended, passes = self._ascent.leave(row), self._passes.pop(row)
        if ascended.whole_or_smaller_suffices:
            met, values = ascended.met, ascended.pixel_values
            self._shrink(row, ascended.mask, ascended.margin, passes=passes, pixel_values=values, met=met)
        else:
            self._unfound.append(row)

    def _shrink(
        self,
        row: int,
        mask: Tensor,
        margin: float,
        *,
        passes: int,
        pixel_values: Tensor | None = None,
        met: Narrower | None = None,
    ) -> None:
        restarts = self._restarts(self._admitted[row])
        shrinker = Shrinker(
            mask,
            margin,
            threshold=self._task.threshold,
            passes=passes,
            pixel_values=pixel_values,
            restarts=restarts,
            met=met,
        )
        self._shrinkers[row] = shrinker
        self._scheduler.open(row, shrinker.shrink())

    def _restarts(self, admitted: AdmittedImage) -> Restarts:
        return Restarts(
            pixels=self._scorer.pixels,
            whole_margin=admitted.whole_margin,
            bare_margin=admitted.baseline_margin,
            steps=self._search.shares(self._scorer.pixels, FIXED_PASSES)[0],
            threshold=self._task.threshold,
            device=self._scorer.device,
        )

    def _take_ended(self, *, stopped: bool) -> list[tuple[int, Proposal]]:
        unfound, self._unfound = self._unfound, []
        nothing = [(row, Proposal(masks=iter(()), trace=None, stopped=stopped)) for row in unfound]
        return nothing + [(row, self._proposal(row, stopped=stopped)) for row, _ in self._scheduler.ended()]

    def _proposal(self, row: int, *, stopped: bool) -> Proposal:
        return _proposal(self._shrinkers.pop(row), self._scorer.shape, stopped=stopped)

    def _stop(self) -> Iterator[tuple[int, Proposal]]:
        """Yield what was found so far. An image that still ascends may have a sufficient mask too."""
        for row in self._ascent.rows():
            self._end_ascent(row)
        yield from self._take_ended(stopped=True)
        for row, _ in self._scheduler.stop():
            yield row, self._proposal(row, stopped=True)


def _proposal(shrinker: Shrinker, shape: tuple[int, int], *, stopped: bool) -> Proposal:
    return Proposal(
        masks=_masks(shrinker, shape),
        trace=_trace(shrinker.best, shape),
        stopped=stopped,
        narrowing=shrinker.met.narrowing(shape),
    )


def _masks(shrinker: Shrinker, shape: tuple[int, int]) -> Iterator[Tensor]:
    for kept in (shrinker.best, shrinker.safe):
        if (
            kept is not None
            and kept.size < kept.mask.numel()
            and (kept is shrinker.best or kept.size > shrinker.best.size)
        ):
            yield kept.mask.view(shape)


def _trace(kept: ShrunkMask, shape: tuple[int, int]) -> Trace | None:
    if not kept.removed:
        return None
    removed = [pixels.cpu() for pixels in kept.removed]
    sizes = torch.tensor([0, *(len(pixels) for pixels in removed)]).cumsum(0)
    return Trace(
        order=torch.cat(removed),
        scores=confidences_of(torch.tensor(kept.margins, dtype=torch.float64)),
        kept=int(kept.start.sum()) - sizes,
        start=kept.start.view(shape).cpu(),
    )
