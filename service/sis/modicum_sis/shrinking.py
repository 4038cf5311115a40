"""The last stage of mask optimisation: take pixels out of a sufficient mask one by one, then trade them.

Removals are judged by exact forward passes: each candidate alone first, then the most of the best that should fit
together. When no single removal fits, the pixels that the gradient wants most are added and removal starts again; the
outcome is kept when it is smaller, or as small with more margin to spare.

`shrink` is the procedure for one image, written as if it were alone: a generator that asks for margins of masks and is
sent the answers. Whoever runs it may answer many images' questions in one batch. It must not know a model.
"""

import math
from collections.abc import Generator
from dataclasses import dataclass, field

import torch
from torch import Tensor

CANDIDATES = 32
"""Single removals tried in a round; of more pixels than these, the ones with the lowest gradient are tried."""
FORWARD, GRADIENT = 1, 3
"""Pass-equivalents of a margin, and of a margin with its gradient."""
ADDED_SHARE = 10
"""A trade adds one pixel for every so many kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """Margins wanted of masks (m, p), with their gradients or without."""

    masks: Tensor
    with_gradients: bool = False

    @property
    def cost(self) -> int:
        """Pass-equivalents."""
        return len(self.masks) * (GRADIENT if self.with_gradients else FORWARD)


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """Margins (m,) on the CPU, and gradients (m, p) where they were asked for."""

    margins: list[float]
    gradients: Tensor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A mask (p,), its margin, and what was removed on the way to it from the start: (pixels, margin) a step."""

    mask: Tensor
    margin: float
    steps: tuple[tuple[tuple[int, ...], float], ...] = ()

    @property
    def size(self) -> int:
        """Pixels kept."""
        return int(self.mask.sum())


Procedure = Generator[Question, Answer, Kept]
