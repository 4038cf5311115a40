"""Step (a): accuracy on full images, on 5% of the pixels chosen by a descent, and on as many random pixels; the curve.

Masked images show the mean fill. The measures and their intervals are the service's.
"""

from typing import Any

import numpy as np
import torch
from modicum_server.measures.comparisons import difference_of
from modicum_server.measures.intervals import bootstrap_means
from modicum_server.measures.measure import share
from modicum_sis import Classifier
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.paper.descent import Descent, descended
from benchmarks.paper.extent import PIXELS_PER_STEP
from benchmarks.paper.material import Network, Photographs

BATCH = 200
CURVE_POINTS = 64
"""Most of them in the results, but for the first: enough for a picture."""
NO_IMAGES = "no images"


def measure(network: Network, photographs: Photographs, pixels_per_step: int = PIXELS_PER_STEP) -> dict[str, Any]:
    """Measure one network. Return JSON values. `seconds` are those of the descents, possibly from an earlier run."""
    descent = descended(network, photographs, pixels_per_step)
    chosen, by_chance = descent.chosen == photographs.labels, descent.by_chance == photographs.labels
    full = descent.predicted == photographs.labels
    return {
        "name": network.name,
        "pixels_per_step": pixels_per_step,
        "n": len(photographs),
        "kept": int(descent.masks[0].sum()),
        "pixels": int(descent.masks[0].size),
        "seconds": round(float(descent.seconds), 1),
        "full": share(full, empty=NO_IMAGES).as_json(),
        "subsets": share(chosen, empty=NO_IMAGES).as_json(),
        "random": share(by_chance, empty=NO_IMAGES).as_json(),
        "same_class": share(descent.chosen == descent.predicted, empty=NO_IMAGES).as_json(),
        "subsets_less_full": difference_of(chosen.astype(float) - full, empty=NO_IMAGES).as_json(),
        "subsets_less_random": difference_of(chosen.astype(float) - by_chance, empty=NO_IMAGES).as_json(),
        "curve": curve(descent),
    }


def masked(photographs: Photographs, masks: NDArray[np.bool_], network: Network) -> Tensor:
    """The images under the masks (n, H, W). Other pixels have the network's mean."""
    return painted(photographs.images, masks, network.classifier.fill_mean)


def painted(images: Tensor, masks: NDArray[np.bool_], fill: Tensor) -> Tensor:
    """The images (n, C, H, W) under the masks (n, H, W). Other pixels have the fill (C, 1, 1)."""
    return torch.where(torch.from_numpy(masks).unsqueeze(1), images, fill.expand(images.shape[1:]))


def curve(descent: Descent, most_points: int = CURVE_POINTS) -> dict[str, Any]:
    """The mean confidence over the pixels kept, with the interval of each point. Empty below ten images."""
    last = len(descent.kept) - 1
    points = sorted({*range(0, last, -(-last // most_points)), last})
    confidences = descent.curve[:, points]
    intervals = bootstrap_means(confidences) or []
    return {
        "kept": descent.kept[points].tolist(),
        "mean": confidences.mean(axis=0).round(5).tolist(),
        "low": [_rounded(interval.low) for interval in intervals],
        "high": [_rounded(interval.high) for interval in intervals],
    }


def _rounded(end: float | None) -> float | None:
    return None if end is None else round(end, 5)


def predictions(classifier: Classifier, images: Tensor) -> NDArray[np.int64]:
    """Predicted classes (n,)."""
    with torch.no_grad():
        parts = [classifier.logits(images[start : start + BATCH]).argmax(1) for start in range(0, len(images), BATCH)]
    return torch.cat(parts).numpy().astype(np.int64)
