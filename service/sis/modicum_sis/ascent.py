"""The first stage of mask optimisation: climb the margin over masks of a given size, and move the size.

Every pixel has one real number, its score. The mask is the `size` best-scored pixels; the gradient of the margin at
that true binary mask (a straight-through estimator) is added to the scores, with momentum and a falling rate. The size
falls while the mask is sufficient and rises while it is not, by ever smaller steps. Only the ranking of scores matters,
so neither the rate's unit nor the model's scale does. Many images climb side by side in the rows of one tensor, each at
a step of its own. Must not score anything: it says which masks it wants scored and is told the gradients.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from modicum_sis.margins import sufficient
from modicum_sis.ranking import choose_largest

FIRST_SIZE = 0.1
"""Share of the pixels in the first mask."""
GROWTH_TO_WHOLE = 1.5
"""Factor on the size at every step until a mask was sufficient, where the whole image is: a larger mask will do."""
GROWTH_APART, LARGEST_APART = 1.1, 0.3
"""The same where the whole image is not, as for another class, and the share of the pixels at which growth ends: more
pixels bring the predicted class back, and what is sought lies among the smaller masks."""
LARGEST_SHRINK, LARGEST_GROWTH = 0.3, 0.2
"""Relative change of the size after a sufficient and after an insufficient mask, at the first step."""
LARGEST_DETOUR = 1.5
"""The size never exceeds the best one by more than this factor."""
MOMENTUM = 0.5
LOWEST_RATE = 0.05
"""The rates of score and size fall to this share of their start, the one linearly, the other as the root."""
TINY = 1e-30


@dataclass(frozen=True, slots=True, eq=False)
class Climbed:
    """The smallest sufficient mask (p,) of an image, its margin, and whether there is one.

    The mask is the whole image where no smaller one was sufficient.
    """

    mask: Tensor
    margin: float
    found: bool


@dataclass(slots=True, eq=False)
class _Climber:
    """Where one image stands: steps done of all, the size of the next mask, and what is known of the best."""

    steps: int
    size: float
    best_size: int
    best_margin: float
    found: bool
    whole_suffices: bool
    met: bool = False
    step: int = 0

    @property
    def rate(self) -> float:
        """Share of the steps that are left."""
        return 1 - self.step / self.steps


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """Masks (n, p) of the images in `rows`, of `sizes` pixels, whose gradients are wanted next."""

    rows: list[int]
    sizes: list[int]
    masks: Tensor


class Ascent:
    """The climb of the images in some of the rows.

    Args:
        rows: how many images can climb at a time.
        pixels: of each.
    """

    def __init__(self, rows: int, pixels: int, *, threshold: float, device: torch.device) -> None:
        self._threshold, self._pixels = threshold, pixels
        self._climbers: dict[int, _Climber] = {}
        self._scores = torch.zeros((rows, pixels), device=device)
        self._momentum = torch.zeros_like(self._scores)
        self._best = torch.ones((rows, pixels), dtype=torch.bool, device=device)

    def __len__(self) -> int:
        """How many images climb."""
        return len(self._climbers)

    def rows(self) -> list[int]:
        """Of the images that climb."""
        return list(self._climbers)

    def enter(self, row: int, whole_margin: float, *, steps: int) -> None:
        """Let an image climb for `steps` gradients, at least one; the first is taken on the whole image."""
        self._scores[row], self._momentum[row], self._best[row] = 0, 0, True
        suffices = bool(sufficient(torch.tensor(whole_margin, dtype=torch.float64), self._threshold))
        self._climbers[row] = _Climber(
            steps=steps,
            size=max(1.0, FIRST_SIZE * self._pixels),
            best_size=self._pixels,
            best_margin=whole_margin,
            found=suffices,
            whole_suffices=suffices,
        )

    def leave(self, row: int) -> Climbed:
        """End an image's climb, at its end or before."""
        climber = self._climbers.pop(row)
        return Climbed(self._best[row].clone(), climber.best_margin, climber.found)

    def next_round(self) -> Round:
        """The masks that the images want scored; the whole image at the first step."""
        rows = list(self._climbers)
        sizes = [self._next_count(climber) for climber in self._climbers.values()]
        if not rows:
            return Round([], [], self._best[:0])
        return Round(rows, sizes, choose_largest(self._scores[self._at(rows)], sizes))

    def follow(self, scored: Round, margins: Tensor, gradients: Tensor) -> list[int]:
        """Take a step along gradients (n, p); margins are (n,) float64 on the CPU. Returns the rows that are done."""
        if not scored.rows:
            return []
        self._move_sizes(scored, margins)
        self._move_scores(scored.rows, gradients.to(self._scores.dtype))
        for row in scored.rows:
            self._climbers[row].step += 1
        return [row for row in scored.rows if self._climbers[row].step >= self._climbers[row].steps]

    def _next_count(self, climber: _Climber) -> int:
        return min(self._pixels, max(1, round(climber.size))) if climber.step else self._pixels

    def _move_scores(self, rows: list[int], gradients: Tensor) -> None:
        """Add the momentum of the gradients, each scaled to unit mean square; at the first step the gradient itself."""
        push = gradients / gradients.square().mean(dim=1, keepdim=True).sqrt().clamp_min(TINY)
        climbers, at = [self._climbers[row] for row in rows], self._at(rows)
        begun = self._column([float(climber.step > 0) for climber in climbers])
        rates = self._column([max(climber.rate, LOWEST_RATE) for climber in climbers])
        momentum = self._momentum[at] * MOMENTUM + push * (1 - MOMENTUM)
        # products and sums one by one: fused ones round differently at the end of a row's vector registers
        self._scores[at] += torch.where(begun > 0, momentum * rates, push)
        self._momentum[at] = momentum * begun

    def _move_sizes(self, scored: Round, margins: Tensor) -> None:
        enough = sufficient(margins, self._threshold).tolist()
        better = []
        for place, (row, size) in enumerate(zip(scored.rows, scored.sizes, strict=True)):
            climber = self._climbers[row]
            if not climber.step:
                continue
            if enough[place] and (size < climber.best_size or not climber.found):
                better.append(place)
                climber.best_size, climber.best_margin, climber.found = size, float(margins[place]), True
            climber.met |= enough[place]
            climber.size = self._next_size(climber, enough=enough[place])
        if better:
            self._best[self._at([scored.rows[place] for place in better])] = scored.masks[self._at(better)]

    def _next_size(self, climber: _Climber, *, enough: bool) -> float:
        if not climber.met and climber.whole_suffices:
            return min(climber.size * GROWTH_TO_WHOLE, float(self._pixels))
        if not climber.met:
            return min(climber.size * GROWTH_APART, LARGEST_APART * self._pixels)
        rate = max(float(climber.rate**0.5), LOWEST_RATE)
        factor = 1 - LARGEST_SHRINK * rate if enough else 1 + LARGEST_GROWTH * rate
        return max(1.0, min(climber.size * factor, LARGEST_DETOUR * climber.best_size))

    def _at(self, places: list[int]) -> Tensor:
        return torch.tensor(places, device=self._scores.device)

    def _column(self, values: list[float]) -> Tensor:
        return torch.tensor(values, device=self._scores.device, dtype=self._scores.dtype).unsqueeze(1)
