"""Where the evidence of an image lies: in its subset, or, where it has none, where a cover costs most confidence."""

from dataclasses import dataclass, field
from functools import lru_cache

import torch
from torch import Tensor

from modicum_sis.spots.interventions import Composite, Interventions
from modicum_sis.spots.places import scan
from modicum_sis.spots.sources import SplitImages

SCAN_COVERS = 2
"""Images of other classes from which each window of a scan is covered."""
DECIMALS = 4
"""Losses are rounded, so that the order of sums in a batch does not move a window."""


@dataclass(frozen=True, slots=True, eq=False)
class EvidenceMaps:
    """The evidence of each image for its predicted class, as a density over the canvas.

    An image without a subset is scanned. Each window of a grid is covered with what stands there in images of other
    classes. The window's weight is the mean loss of the logarithm of the class's probability. Scans are kept. A scan
    counts in the row of its image's class where there is one, so that a row has the same passes whatever came before.

    Attributes:
        interventions: what covers the windows.
        images: the images.
        classes: the classes with a row of their own.
    """

    interventions: Interventions
    images: SplitImages
    classes: frozenset[int] = frozenset()
    _scans: dict[int, Tensor] = field(default_factory=dict)
    _passes: dict[int, int] = field(default_factory=dict)

    def of(self, index: int, half: int) -> Tensor:
        """The density (H, W) of an image of a half, at least 0; 0 everywhere if no cover costs confidence."""
        if index in self.images.subsets:
            return self.images.masks[index].float()
        if index not in self._scans:
            before = self.interventions.passes
            self._scans[index] = self._losses(index, half)
            self._passes[index] = self.interventions.passes - before
        return _spread(self._scans[index], self.interventions.canvas[1:])

    @property
    def passes(self) -> int:
        """Forward passes of all scans so far."""
        return sum(self._passes.values())

    def passes_in(self, target_class: int | None) -> int:
        """Forward passes of the scans so far that count in the row of a class, or in that of all classes."""
        classes = {index: self.images.class_of(index) for index in self._passes}
        return sum(
            passes
            for index, passes in self._passes.items()
            if (classes[index] if classes[index] in self.classes else None) == target_class
        )

    def _losses(self, index: int, half: int) -> Tensor:
        """What covering each window costs, in nats, (number of windows,)."""
        canvas = self.interventions.canvas[1:]
        donors = [pair.other for pair in self.images.donors([index], half, "scan", each=SCAN_COVERS)]
        regions = [place.region(canvas) for place in scan(canvas)]
        if not donors:
            return torch.zeros(len(regions), dtype=torch.float64)
        covered = [Composite(donor, index, region) for region in regions for donor in donors]
        whole = Composite(index, index, torch.zeros(canvas, dtype=torch.bool))
        composites = [whole, *covered]
        targets = [self.images.class_of(index)] * len(composites)
        seen = self.interventions.log_probabilities(composites, targets).double().cpu()
        losses = (seen[0] - seen[1:]).nan_to_num(0.0).clamp(min=0.0)
        return losses.view(len(regions), -1).mean(dim=1).nan_to_num(0.0).round(decimals=DECIMALS)


def _spread(losses: Tensor, canvas: tuple[int, int]) -> Tensor:
    """The mean loss of the windows that hold each pixel (H, W)."""
    return (losses @ _shares(canvas)).float().view(canvas)


@lru_cache(maxsize=2)  # one for the canvas of a run; nobody changes it
def _shares(canvas: tuple[int, int]) -> Tensor:
    """The share of each window in the mean of each pixel (number of windows, H * W)."""
    regions = torch.stack([place.region(canvas) for place in scan(canvas)]).double()
    return (regions / regions.sum(dim=0)).flatten(1)
