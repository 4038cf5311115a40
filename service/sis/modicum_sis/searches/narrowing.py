"""The masks on the way from a whole image to its subset, as a search met them. Must not influence the search."""

import torch
from torch import Tensor

from modicum_sis.findings import NARROWED, Narrowing
from modicum_sis.numerics.margins import confidences_of


class Narrower:
    """Collects sufficient masks (p,) of one image, each at most `NARROWED` times as large as the one before."""

    def __init__(self) -> None:
        self._masks: list[Tensor] = []
        self._margins: list[float] = []
        self._size: float = float("inf")

    def note(self, mask: Tensor, margin: float, size: int) -> None:
        """Take a sufficient mask of so many pixels."""
        if size <= NARROWED * self._size:
            self._size = size
            self._masks.append(mask.clone())
            self._margins.append(margin)

    def narrowing(self, shape: tuple[int, int]) -> Narrowing | None:
        """What was collected, on a canvas of this shape; None if nothing was."""
        if not self._masks:
            return None
        masks = torch.stack([mask.cpu() for mask in self._masks]).view(-1, *shape)
        return Narrowing(masks, confidences_of(torch.tensor(self._margins, dtype=torch.float64)))
