"""Verified subsets and their sizes, from searches and from descents. A descent gives a subset for every threshold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from modicum_sis import Finding
from modicum_sis.scoring.verification import confidence_of, verify
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.paper.descent import Descent
from benchmarks.paper.extent import THRESHOLD
from benchmarks.paper.material import Network, Photographs


@dataclass(frozen=True, slots=True, eq=False)
class Sufficient:
    """Subsets of n images.

    Attributes:
        size: (n,) kept pixels; NaN where an image is not eligible, or the bare fill alone suffices.
        masks: (n, H, W) bool; all False where there is no size.
    """

    size: NDArray[np.float64]
    masks: NDArray[np.bool_]


def sufficient(
    network: Network, photographs: Photographs, descent: Descent, threshold: float = THRESHOLD
) -> Sufficient:
    """For each image, the smallest subset of its descent that a plain pass verifies; the whole image if none holds."""
    size, masks = np.full(len(photographs), np.nan), np.zeros_like(descent.masks)
    for place in np.flatnonzero(eligible(network, photographs, threshold)):
        masks[place] = _smallest(network, photographs.images[place], descent, threshold, int(place))
        size[place] = masks[place].sum()
    return Sufficient(size, masks)


def sizes_in(findings: Sequence[Finding]) -> NDArray[np.float64]:
    """Kept pixels (n,) of searches; NaN as above."""
    return np.array(
        [
            float(finding.subset.size) if finding.subset is not None and not finding.baseline_confident else np.nan
            for finding in findings
        ]
    )


def eligible(network: Network, photographs: Photographs, threshold: float = THRESHOLD) -> NDArray[np.bool_]:
    """Which images (n,) are eligible. Images whose bare fill alone suffices are included."""
    with torch.no_grad():
        bare = network.classifier.plain_logits(network.classifier.fill_mean.expand(photographs.images.shape[1:]))
        scores = [network.classifier.plain_logits(image) for image in photographs.images]
    targets = [int(each.argmax()) for each in scores]
    return np.array(
        [
            confidence_of(each, target) >= threshold > confidence_of(bare, target)
            for each, target in zip(scores, targets, strict=True)
        ],
        dtype=np.bool_,
    )


def _smallest(network: Network, image: Tensor, descent: Descent, threshold: float, place: int) -> NDArray[np.bool_]:
    with torch.no_grad():
        verified = verify(
            network.classifier,
            image,
            network.classifier.fill_mean.expand(image.shape),
            descent.trace(place).subsets(threshold),
            target_class=int(descent.predicted[place]),
            threshold=threshold,
        )
    mask = torch.ones(image.shape[1:], dtype=torch.bool) if verified.mask is None else verified.mask
    found: NDArray[np.bool_] = mask.numpy()
    return found
