"""The fast twin of a module, for the passes of a search; nothing that is reported comes from it.

A twin computes the same function with less work, and is used on a canvas only after its class scores agreed with the
module's own on probes. Whatever goes wrong with it, the module itself takes over, and the record says why. Must not
change the module. What was tried, with its figures: docs/decisions/0012.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from modicum_sis.errors import ModelError
from modicum_sis.folding import NotFoldable, fold_norms, has_norms

AGREEMENT = 1e-3
"""What a class score of the twin may differ by, times the largest where that is above 1. Rounding makes about 1e-6."""

Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Acceleration:
    """How the passes of a search run on one canvas.

    Attributes:
        folded: batch norms that are part of a convolution's weights.
        dtype: what the passes compute in.
        difference: the largest of a class score on the probes from the module's own; 0 where the module itself runs.
        declined: why the twin is not used; empty where there is nothing to say.
    """

    folded: int
    dtype: str
    difference: float = 0.0
    declined: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Twin:
    """A module that may stand in for another, and how many batch norms it has folded."""

    module: nn.Module
    folded: int = 0


Answer = Callable[[nn.Module, Tensor], Tensor]
"""Class scores (B, K) of images (B, C, H, W) by a module.

Raises:
    ModelError: it failed, and not for want of memory.
"""


class FastPath:
    """One module and its twin, which is made when first asked for.

    Args:
        module: in eval mode, its weights frozen.
        dtype: of its weights. Double precision is never touched: who asks for it wants these very numbers.
        wanted: whether there is to be a twin.
    """

    def __init__(self, module: nn.Module, *, dtype: torch.dtype, wanted: bool) -> None:
        self._module, self._dtype = module, str(dtype).removeprefix("torch.")
        self._wanted = wanted and dtype == torch.float32
        self._twin: Twin | None = None
        self._declined = ""
        self._chosen: dict[Shape, tuple[nn.Module, Acceleration]] = {}

    def choose(self, canvas: Shape, probes: Callable[[], Tensor], answer: Answer) -> tuple[nn.Module, Acceleration]:
        """What runs on a canvas, remembered; the twin is compared on `probes` (B, C, H, W) by `answer`."""
        if canvas not in self._chosen:
            self._chosen[canvas] = self._compared(probes, answer)
        return self._chosen[canvas]

    def give_up(self, canvas: Shape, reason: str) -> None:
        """From now on the module itself runs on this canvas."""
        self._chosen[canvas] = self._itself(reason)

    def forget(self) -> None:
        """Make the twin anew when next asked for: the weights have changed."""
        self._twin, self._declined = None, ""
        self._chosen.clear()

    def _itself(self, declined: str) -> tuple[nn.Module, Acceleration]:
        return self._module, Acceleration(folded=0, dtype=self._dtype, declined=declined)

    def _compared(self, probes: Callable[[], Tensor], answer: Answer) -> tuple[nn.Module, Acceleration]:
        twin = self._twin = self._twin or self._make()
        if not twin.folded:
            return self._itself(self._declined)
        images = probes()
        own = answer(self._module, images)
        try:
            difference = float((answer(twin.module, images) - own).abs().max())
        except ModelError as error:
            return self._itself(f"the twin failed: {error}")
        if not difference <= AGREEMENT * max(1.0, float(own.abs().max())):  # not so for NaN either
            return self._itself(f"class scores of the twin differ by {difference:.3g}")
        return twin.module, Acceleration(twin.folded, self._dtype, difference)

    def _make(self) -> Twin:
        if not self._wanted or not has_norms(self._module):
            return Twin(self._module)
        try:
            return Twin(*fold_norms(self._module))
        except NotFoldable as error:
            self._declined = f"batch norms stay: {error}"
            return Twin(self._module)
