"""The first stage of mask optimisation: an ascent of the margin over masks of a given size, which changes on the way.

Every pixel has one real number, its value. The mask is the `size` pixels with the largest values. The gradient of the
margin at that binary mask (a straight-through estimator) is added to the values, at a falling rate; with momentum if
the whole image is not sufficient. Only the ranking of the values matters, so the unit of the rate and the scale of the
model have no effect.

The size follows the margin. Above the threshold it falls, faster with more spare margin. Below the threshold it rises
slowly, because the values are still poor: a small mask that is not sufficient yet teaches more than a large sufficient
one. Many images ascend side by side in the rows of one tensor, each at its own step. The ascent calls no model:
it returns the masks to score and receives the gradients.

The caller sets the number of steps. Three places rely on an ascent taking exactly so many, unless it is left early:
`MaskOptimization.shares` divides the budget by it, `MaskOptimization.has_ended_ascent` recognises a finished ascent of
an earlier run by it, and `Restarts` predicts the cost of another ascent from it.
"""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from modicum_sis.numerics.margins import log_odds, sufficient
from modicum_sis.numerics.ranking import choose_largest
from modicum_sis.searches.narrowing import Narrower

FIRST_SIZE = 0.1
"""Share of the pixels in the first mask."""
EXPONENT = 0.7
"""The gain of the margin over the bare fill is assumed to grow with the size to this power. The size aims at the gain
that the threshold needs."""
AIM = 0.97
"""The size aims lower by this factor, because the values improve."""
LARGEST_SHRINK, LARGEST_GROWTH = 0.3, 1.1
"""Smallest and largest factor on the size in one step."""
LATE, LATEST_SIZE = 0.5, 0.5
"""If the whole image is sufficient, a large enough mask is too. From this share of the steps on, an image without a
sufficient mask grows faster, so that its last mask has this share of the pixels."""
LARGEST_IF_INSUFFICIENT = 0.3
"""If the whole image is not sufficient, as for another class, growth ends at this share of the pixels. Larger masks
bring the predicted class back; sufficient masks are among the smaller ones."""
MOMENTUM_IF_INSUFFICIENT = 0.5
"""Share of the last step that such an image keeps in its next one. Without it, searches for another class end in larger
masks on photographs. If the whole image is sufficient, momentum gains nothing."""
LARGEST_DETOUR = 1.5
"""The size never exceeds the best one by more than this factor."""
LOWEST_RATE = 0.05
"""The rate falls linearly to this share of its first value."""
TINY = 1e-30


@dataclass(frozen=True, slots=True, eq=False)
class AscentResult:
    """The smallest mask (p,) of an image that suffices, its margin, and the last values of its pixels (p,).

    The mask is the whole image if no smaller mask was sufficient. `whole_or_smaller_suffices` is False if not even the
    whole image was, as for another class. `met` has sufficient masks on the way.
    """

    mask: Tensor
    margin: float
    whole_or_smaller_suffices: bool
    pixel_values: Tensor
    met: Narrower


@dataclass(slots=True, eq=False)
class _AscentState:
    """The state of one image: its steps, the size of its next mask, and its best mask so far."""

    steps: int
    size: float
    best_size: int
    best_margin: float
    bare_margin: float
    whole_or_smaller_suffices: bool
    whole_suffices: bool
    smaller_found: bool = False
    step: int = 0
    met: Narrower = field(default_factory=Narrower)

    @property
    def rate(self) -> float:
        """The share of the steps that are left."""
        return 1 - self.step / self.steps

    @property
    def momentum(self) -> float:
        """The share of the last step that the next one keeps."""
        return MOMENTUM_IF_INSUFFICIENT if self.step and not self.whole_suffices else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class AscentBatch:
    """Masks (n, p) of `sizes` pixels, of the images in `rows`, whose gradients are needed next."""

    rows: list[int]
    sizes: list[int]
    masks: Tensor


class Ascent:
    """The ascent of the images in some of the rows.

    Args:
        rows: how many images can ascend at a time.
        pixels: the number of pixels of each image.
        threshold: the confidence to keep.
        device: where values and masks are kept.
    """

    def __init__(self, rows: int, pixels: int, *, threshold: float, device: torch.device) -> None:
        self._threshold, self._pixels = threshold, pixels
        self._needed_margin = log_odds(threshold)
        self._states: dict[int, _AscentState] = {}
        self._pixel_values = torch.zeros((rows, pixels), device=device)
        self._steps = torch.zeros_like(self._pixel_values)
        self._best = torch.ones((rows, pixels), dtype=torch.bool, device=device)

    def __len__(self) -> int:
        """The number of images that ascend."""
        return len(self._states)

    def rows(self) -> list[int]:
        """The rows of the images that ascend."""
        return list(self._states)

    def enter(
        self, row: int, whole_margin: float, bare_margin: float, *, steps: int, first_size: float = FIRST_SIZE
    ) -> None:
        """Start an image with `steps` gradients, at least one. The first is taken at the whole image."""
        self._pixel_values[row], self._steps[row], self._best[row] = 0, 0, True
        suffices = bool(sufficient(torch.tensor(whole_margin, dtype=torch.float64), self._threshold))
        self._states[row] = _AscentState(
            steps=steps,
            size=max(1.0, first_size * self._pixels),
            best_size=self._pixels,
            best_margin=whole_margin,
            bare_margin=bare_margin,
            whole_or_smaller_suffices=suffices,
            whole_suffices=suffices,
        )

    def leave(self, row: int) -> AscentResult:
        """End the ascent of an image, at its last step or before."""
        state = self._states.pop(row)
        return AscentResult(
            self._best[row].clone(),
            state.best_margin,
            state.whole_or_smaller_suffices,
            self._pixel_values[row].clone(),
            state.met,
        )

    def next_batch(self) -> AscentBatch:
        """The masks to score next; at the first step of an image, its whole image."""
        rows = list(self._states)
        sizes = [self._next_count(state) for state in self._states.values()]
        if not rows:
            return AscentBatch([], [], self._best[:0])
        return AscentBatch(rows, sizes, choose_largest(self._pixel_values[self._at(rows)], sizes))

    def apply_gradients(self, batch: AscentBatch, margins: Tensor, gradients: Tensor) -> list[int]:
        """Take a step along gradients (n, p). Margins are (n,), float64 on the CPU. Returns the rows that are done."""
        if not batch.rows:
            return []
        self._move_sizes(batch, margins)
        self._move_pixel_values(batch.rows, gradients.to(self._pixel_values.dtype))
        for row in batch.rows:
            self._states[row].step += 1
        return [row for row in batch.rows if self._states[row].step >= self._states[row].steps]

    def _next_count(self, state: _AscentState) -> int:
        return min(self._pixels, max(1, round(state.size))) if state.step else self._pixels

    def _move_pixel_values(self, rows: list[int], gradients: Tensor) -> None:
        """Add the gradients, each scaled to unit mean square, at their rates, with momentum."""
        at, states = self._at(rows), [self._states[row] for row in rows]
        push = gradients / gradients.square().mean(dim=1, keepdim=True).sqrt().clamp_min(TINY)
        rates = self._column([max(state.rate, LOWEST_RATE) for state in states])
        momenta = self._column([state.momentum for state in states])
        # separate products and sums: fused ones round differently at the end of a row's vector registers
        step = self._steps[at] * momenta + push * (1 - momenta)
        self._pixel_values[at] += step * rates
        # the whole image argues for another class: its gradient is used in full, but not kept as momentum
        self._steps[at] = step * self._column([float(state.step > 0) for state in states])

    def _move_sizes(self, batch: AscentBatch, margins: Tensor) -> None:
        enough = sufficient(margins, self._threshold).tolist()
        better = []
        for place, (row, size) in enumerate(zip(batch.rows, batch.sizes, strict=True)):
            state = self._states[row]
            if not state.step:
                continue
            if enough[place] and (size < state.best_size or not state.whole_or_smaller_suffices):
                better.append(place)
                state.best_size, state.best_margin, state.whole_or_smaller_suffices = size, float(margins[place]), True
                state.met.note(batch.masks[place], state.best_margin, size)
            state.smaller_found |= enough[place]
            state.size = self._next_size(state, float(margins[place]))
        if better:
            self._best[self._at([batch.rows[place] for place in better])] = batch.masks[self._at(better)]

    def _next_size(self, state: _AscentState, margin: float) -> float:
        size = state.size * self._factor(state, margin)
        if state.smaller_found:
            return max(1.0, min(size, LARGEST_DETOUR * state.best_size))
        if not state.whole_suffices:
            return min(size, LARGEST_IF_INSUFFICIENT * self._pixels)
        left = state.steps - state.step - 1
        if left and state.rate < 1 - LATE:
            size = max(size, state.size * math.pow(LATEST_SIZE * self._pixels / state.size, 1 / left))
        return min(size, float(self._pixels))

    def _factor(self, state: _AscentState, margin: float) -> float:
        needed = max(TINY, self._needed_margin - state.bare_margin)
        gain = max(TINY, margin - state.bare_margin)
        return max(LARGEST_SHRINK, min(LARGEST_GROWTH, AIM * math.pow(needed / gain, 1 / EXPONENT)))

    def _at(self, places: list[int]) -> Tensor:
        return torch.tensor(places, device=self._pixel_values.device)

    def _column(self, values: list[float]) -> Tensor:
        return torch.tensor(values, device=self._pixel_values.device, dtype=self._pixel_values.dtype).unsqueeze(1)
