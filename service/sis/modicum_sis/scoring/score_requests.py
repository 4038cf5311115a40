"""Requests for scores. The search of one image is a generator that is written as if it ran alone.

It yields requests, receives `Scores`, and returns its outcome. `BatchScheduler` runs many such generators side by side.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

import torch
from torch import Tensor

from modicum_sis.findings import Passes

FORWARD_COST, GRADIENT_COST = Passes(forward=1).equivalents, Passes(forward=1, backward=1).equivalents
"""Pass-equivalents for each mask, without and with its gradient."""

Outcome = TypeVar("Outcome")


class ScoreRequest(Protocol):
    """A request for the margins of masks over one image. The masks are made when their batch is scored."""

    @property
    def count(self) -> int:
        """The number of masks."""
        ...

    @property
    def with_gradients(self) -> bool:
        """Whether the gradient is requested too. The request then has exactly one mask."""
        ...

    @property
    def cost(self) -> int:
        """Pass-equivalents."""
        ...

    def part(self, start: int, stop: int) -> Tensor:
        """The masks from `start` to `stop`, (stop - start, p) bool."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ScoreMasks:
    """Score masks (m, p), or one mask (1, p) with its gradient."""

    masks: Tensor
    with_gradients: bool = False

    @property
    def count(self) -> int:
        """The number of masks."""
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
    """Score the mask (p,) without each of the pixels (m,) in turn."""

    mask: Tensor
    pixels: Tensor
    with_gradients: ClassVar[bool] = False

    @property
    def count(self) -> int:
        """The number of pixels."""
        return len(self.pixels)

    @property
    def cost(self) -> int:
        """Pass-equivalents."""
        return self.count * FORWARD_COST

    def part(self, start: int, stop: int) -> Tensor:
        """The masks without the pixels from `start` to `stop`."""
        pixels = self.pixels[start:stop]
        masks = self.mask.repeat(len(pixels), 1)
        masks[torch.arange(len(pixels), device=masks.device), pixels] = False
        return masks


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """The reply to a request: margins (m,), float64 on the CPU, and gradients (m, p) if they were requested."""

    margins: Tensor
    gradients: Tensor | None = None


class Stop(Exception):
    """Thrown into the search of an image when the caller stops the run. The search may return what it has."""


Procedure = Generator[ScoreRequest, Scores, Outcome]
