"""A few images with their subsets, stored in the results so that the picture can be drawn again without the data."""

import base64
from typing import Any

import numpy as np
import torch
from modicum_sis import MaskOptimization, find_subsets
from numpy.typing import NDArray

from benchmarks.paper.descent import Descent, random_masks
from benchmarks.paper.extent import SEED, THRESHOLD, Extent
from benchmarks.paper.material import LARGEST_BYTE, Network, Photographs
from benchmarks.paper.sufficient import sufficient

COUNT = 8


def specimens(
    network: Network, photographs: Photographs, descent: Descent, classes: tuple[str, ...], extent: Extent
) -> dict[str, Any]:
    """The first eligible image of each of the first classes, as JSON values."""
    on_the_way = sufficient(network, photographs, descent)
    places = _one_a_class(photographs.labels, np.isfinite(on_the_way.size))
    chosen = photographs.at(places)
    found = list(
        find_subsets(
            network.classifier,
            chosen.images,
            threshold=THRESHOLD,
            search=MaskOptimization(passes=extent.passes),
            seed=SEED,
        )
    )
    by_chance = random_masks(chosen)
    return {
        "network": network.name,
        "passes": extent.passes,
        "fill": (network.classifier.fill_mean.flatten() * LARGEST_BYTE).round().int().tolist(),
        "images": [
            {
                "label": classes[int(chosen.labels[at])],
                "predicted": classes[int(descent.predicted[place])],
                "pixels": _packed((chosen.images[at] * LARGEST_BYTE).round().to(torch.uint8).numpy()),
                "descent": _bits(descent.masks[place]),
                "sufficient": _bits(on_the_way.masks[place]),
                "optimised": _bits(found[at].subset.mask.numpy()),  # type: ignore[union-attr]  # eligible: there is one
                "random": _bits(by_chance[at]),
            }
            for at, place in enumerate(places)
        ],
    }


def unpacked_pixels(text: str, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Pixels (H, W, C) of an image that was (C, H, W)."""
    values: NDArray[np.uint8] = np.frombuffer(base64.b64decode(text), np.uint8).reshape(shape).transpose(1, 2, 0)
    return values


def unpacked_mask(text: str, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """A mask (H, W)."""
    bits = np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8), count=shape[0] * shape[1])
    return bits.reshape(shape).astype(np.bool_)


def _one_a_class(labels: NDArray[np.int64], eligible: NDArray[np.bool_]) -> list[int]:
    firsts = [np.flatnonzero(eligible & (labels == label)) for label in np.unique(labels)]
    return [int(places[0]) for places in firsts if len(places)][:COUNT]


def _packed(values: NDArray[np.uint8]) -> str:
    return base64.b64encode(values.tobytes()).decode("ascii")


def _bits(mask: NDArray[np.bool_]) -> str:
    return base64.b64encode(np.packbits(mask).tobytes()).decode("ascii")
