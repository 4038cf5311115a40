"""Mask optimisation at a fixed size: the pixels of a given number on which the margin is highest.

An ascent by gradients as in `mask_optimization_stages.ascent`, but the size follows a schedule and no threshold: it
falls to the given number by half of the steps and stays there. The mask of that size with the highest margin wins. No
subset is proposed, because nothing has to suffice. The result is the trace, which starts and ends with the mask. See
docs/method.md, "Pixel subsets".
"""

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from modicum_sis.findings import Trace
from modicum_sis.model.classifier import Canvas
from modicum_sis.numerics.margins import confidences_of
from modicum_sis.numerics.ranking import choose_largest
from modicum_sis.scoring.score_requests import GRADIENT_COST, Procedure, ScoreMasks, Stop
from modicum_sis.searches.batch_scheduler import propose_each
from modicum_sis.searches.mask_optimization_stages.ascent import LOWEST_RATE, TINY
from modicum_sis.searches.protocol import FIXED_PASSES, AdmittedImage, Proposal, SearchTask
from modicum_sis.validation import whole_number

LEAST_STEPS = 2
"""The whole image, and one mask of the given size."""
FEWEST_PASSES = FIXED_PASSES + LEAST_STEPS * GRADIENT_COST
FIRST_SIZE = 3.0
"""Times the given number of pixels, from which the size falls."""
FALLING = 0.5
"""Share of the steps in which the size falls."""


@dataclass(frozen=True, slots=True)
class FixedSize:
    """Finds the pixels on which the margin is highest.

    Args:
        size: how many pixels are kept. On a canvas of no more pixels, all are.
        passes: the pass-equivalents that one image may cost, including the whole image and the bare fill.
    """

    needs_gradient: ClassVar[bool] = True

    size: int
    passes: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", whole_number("size", self.size, least=1))
        object.__setattr__(self, "passes", whole_number("passes", self.passes, least=FEWEST_PASSES))

    def planned_passes(self, canvas: Canvas) -> int:  # noqa: ARG002  (other searches depend on it)
        """The budget."""
        return self.passes

    def propose(self, task: SearchTask) -> Iterator[tuple[int, Proposal]]:
        """Search many images side by side."""

        def procedure(admitted: AdmittedImage) -> Procedure[Proposal]:  # noqa: ARG001  (all images start alike)
            return (yield from self._search(task.scorer.shape, task.scorer.device))

        return propose_each(task, procedure)

    def sizes(self, pixels: int) -> Iterator[int]:
        """The size of each mask: all pixels first, then a geometric fall to `size`."""
        steps = (self.passes - FIXED_PASSES) // GRADIENT_COST
        least = min(self.size, pixels)
        yield pixels
        for step in range(1, steps):
            left = max(0.0, 1 - step / steps / FALLING) if step < steps - 1 else 0.0
            yield min(pixels, round(least * math.pow(FIRST_SIZE, left)))

    def _search(self, shape: tuple[int, int], device: torch.device) -> Procedure[Proposal]:
        best = _Best(torch.ones(shape[0] * shape[1], dtype=torch.bool, device=device))
        values = torch.zeros((1, best.mask.numel()), device=device)
        sizes = list(self.sizes(best.mask.numel()))
        stopped = True
        with suppress(Stop):
            for step, size in enumerate(sizes):
                mask = choose_largest(values, [size])
                reply = yield ScoreMasks(mask, with_gradients=True)
                assert reply.gradients is not None
                best.note(mask[0], float(reply.margins[0]), wanted=sizes[-1])
                values += _push(reply.gradients) * max(1 - step / len(sizes), LOWEST_RATE)
            stopped = False
        return Proposal(masks=iter(()), trace=None if stopped else best.trace(shape), stopped=stopped)


@dataclass(slots=True, eq=False)
class _Best:
    """The mask (p,) of the wanted size with the highest margin so far."""

    mask: Tensor
    margin: float = -math.inf

    def note(self, mask: Tensor, margin: float, *, wanted: int) -> None:
        """Keep a mask that is better. A margin that is NaN never is, but for the first."""
        if int(mask.sum()) == wanted and (margin > self.margin or int(self.mask.sum()) != wanted):
            self.mask, self.margin = mask, margin

    def trace(self, shape: tuple[int, int]) -> Trace:
        """A trace of no removal."""
        return Trace(
            order=torch.zeros(0, dtype=torch.int64),
            scores=confidences_of(torch.tensor([self.margin], dtype=torch.float64)),
            kept=self.mask.sum().view(1).cpu(),
            start=self.mask.view(shape).cpu(),
        )


def _push(gradients: Tensor) -> Tensor:
    """Gradients (1, p), scaled to unit mean square."""
    gradients = gradients.float()
    return gradients / gradients.square().mean(dim=1, keepdim=True).sqrt().clamp_min(TINY)
