"""What the search of one image asks, and is answered. Such a search is a generator, written as if it were alone.

It yields questions, is sent answers, and returns its outcome; `desk` runs many side by side. Must not know any model.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

import torch
from torch import Tensor

from modicum_sis.findings import Passes

FORWARD_COST, GRADIENT_COST = Passes(forward=1).equivalents, Passes(forward=1, backward=1).equivalents
"""Pass-equivalents a mask, without its gradient and with it."""

Outcome = TypeVar("Outcome")


class ScoreRequest(Protocol):
    """Masks over one image whose margins are wanted, made only when their turn comes."""

    @property
    def count(self) -> int:
        """How many masks."""
        ...

    @property
    def with_gradients(self) -> bool:
        """Whether their gradients are wanted too; then there is one mask."""
        ...

    @property
    def cost(self) -> int:
        """Pass-equivalents."""
        ...

    def part(self, start: int, stop: int) -> Tensor:
        """Some of the masks, (stop - start, p) bool."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ScoreMasks:
    """Masks (m, p) whose margins are wanted, or one mask (1, p) whose gradient is wanted too."""

    masks: Tensor
    with_gradients: bool = False

    @property
    def count(self) -> int:
        """How many masks."""
        return len(self.masks)

    @property
    def cost(self) -> int:
        """Pass-equivalents."""
        return self.count * (GRADIENT_COST if self.with_gradients else FORWARD_COST)

    def part(self, start: int, stop: int) -> Tensor:
        """Some of the masks."""
        return self.masks[start:stop]


@dataclass(frozen=True, slots=True, eq=False)
class LeaveOneOut:
    """The mask (p,) without each of the pixels (m,) in turn."""

    mask: Tensor
    pixels: Tensor
    with_gradients: ClassVar[bool] = False

    @property
    def count(self) -> int:
        """How many pixels."""
        return len(self.pixels)

    @property
    def cost(self) -> int:
        """Pass-equivalents."""
        return self.count * FORWARD_COST

    def part(self, start: int, stop: int) -> Tensor:
        """The masks without some of the pixels."""
        pixels = self.pixels[start:stop]
        masks = self.mask.repeat(len(pixels), 1)
        masks[torch.arange(len(pixels), device=masks.device), pixels] = False
        return masks


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Margins (m,) float64 on the CPU, and gradients (m, p) where they were asked for."""

    margins: Tensor
    gradients: Tensor | None = None


class Stop(Exception):
    """No error: thrown into the search of an image when the caller asks to stop; it may return what it has."""


Procedure = Generator[ScoreRequest, Scores, Outcome]
