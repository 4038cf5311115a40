"""Step (a): accuracy on full images, on 5% of the pixels chosen by a descent, and on as many at random; the curve.

Masked images show the mean fill. The measures are the service's: shares by Wilson, paired differences by bootstrap.
"""

from typing import Any

import numpy as np
import torch
from modicum_server.measures.comparisons import difference_of
from modicum_server.measures.intervals import bootstrap_mean
from modicum_server.measures.measure import share
from modicum_sis import Classifier
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.paper.descent import Descent, descended, random_masks
from benchmarks.paper.material import Network, Photographs

BATCH = 200
NO_IMAGES = "no images"


def measure(network: Network, photographs: Photographs) -> dict[str, Any]:
    """One network; as JSON values."""
    descent = descended(network, photographs)
    chosen = _correct(network.classifier, masked(photographs, descent.masks, network), photographs)
    by_chance = _correct(network.classifier, masked(photographs, random_masks(photographs), network), photographs)
    full = descent.predicted == photographs.labels
    return {
        "name": network.name,
        "n": len(photographs),
        "kept": int(descent.masks[0].sum()),
        "pixels": int(descent.masks[0].size),
        "full": share(full, empty=NO_IMAGES).as_json(),
        "subsets": share(chosen, empty=NO_IMAGES).as_json(),
        "random": share(by_chance, empty=NO_IMAGES).as_json(),
        "subsets_less_full": difference_of(chosen.astype(float) - full, empty=NO_IMAGES).as_json(),
        "subsets_less_random": difference_of(chosen.astype(float) - by_chance, empty=NO_IMAGES).as_json(),
        "curve": curve(descent),
    }


def masked(photographs: Photographs, masks: NDArray[np.bool_], network: Network) -> Tensor:
    """The images under the masks (n, H, W), with the network's mean elsewhere."""
    return painted(photographs.images, masks, network.classifier.fill_mean)


def painted(images: Tensor, masks: NDArray[np.bool_], fill: Tensor) -> Tensor:
    """The images (n, C, H, W) under the masks (n, H, W), with the fill (C, 1, 1) elsewhere."""
    return torch.where(torch.from_numpy(masks).unsqueeze(1), images, fill.expand(images.shape[1:]))


def curve(descent: Descent) -> dict[str, Any]:
    """The mean confidence over the share of pixels kept, with the interval of each point."""
    means, lows, highs = [], [], []
    for confidences in descent.curve.T:
        interval = bootstrap_mean(confidences)
        means.append(round(float(confidences.mean()), 5))
        lows.append(None if interval is None or interval.low is None else round(interval.low, 5))
        highs.append(None if interval is None or interval.high is None else round(interval.high, 5))
    return {"kept": descent.kept.tolist(), "mean": means, "low": lows, "high": highs}


def predictions(classifier: Classifier, images: Tensor) -> NDArray[np.int64]:
    """Predicted classes (n,)."""
    with torch.no_grad():
        parts = [classifier.logits(images[start : start + BATCH]).argmax(1) for start in range(0, len(images), BATCH)]
    return torch.cat(parts).numpy().astype(np.int64)


def _correct(classifier: Classifier, images: Tensor, photographs: Photographs) -> NDArray[np.bool_]:
    correct: NDArray[np.bool_] = predictions(classifier, images) == photographs.labels
    return correct
