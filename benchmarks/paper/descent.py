"""Pixel subsets of many images, found by the library and cached.

A result depends on the network's weights, the images, the steps and the library's version. Their digest is its name,
so a second run finds it, and results of two machines can be compared.
"""

import hashlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from modicum_sis import BatchedGradient, PixelSubset, Trace, __version__, generator, pixel_subsets
from modicum_sis.controls.pixel_subsets import KEPT_SHARE, RANDOM_SUBSET
from numpy.typing import NDArray

from benchmarks.paper import cache
from benchmarks.paper.extent import PIXELS_PER_STEP, SEED
from benchmarks.paper.material import Network, Photographs
from benchmarks.subjects import Absent

BLOCK = 100
"""Images that are kept together: a run that is cut off loses no more, and a larger one finds them."""
CHUNK = 50
"""Images in work together; on a small canvas a few fit into a core's own memory, and are quicker than many."""


@dataclass(frozen=True, slots=True, eq=False)
class Descent:
    """The descents of n images.

    Attributes:
        predicted: (n,) classes on the whole images.
        masks: (n, H, W) bool, the 5% of the pixels that were left.
        chosen: (n,) classes on those.
        by_chance: (n,) classes on as many random pixels.
        order: (n, H * W) pixels, in the sequence of their removal.
        kept: (steps + 1,) pixels left at each confidence.
        curve: (n, steps + 1) confidences.
        seconds: () that it took when it was made.
    """

    predicted: NDArray[np.int64]
    masks: NDArray[np.bool_]
    chosen: NDArray[np.int64]
    by_chance: NDArray[np.int64]
    order: NDArray[np.int32]
    kept: NDArray[np.int64]
    curve: NDArray[np.float64]
    seconds: NDArray[np.float64]

    def trace(self, place: int) -> Trace:
        """The trace of one image."""
        return Trace(
            order=torch.from_numpy(self.order[place].astype(np.int64)),
            scores=torch.from_numpy(self.curve[place]),
            kept=torch.from_numpy(self.kept),
            start=torch.ones(self.masks.shape[1:], dtype=torch.bool),
        )


SHARED = ("kept", "seconds")
"""Fields that are not one entry an image."""


def kept_pixels(height: int, width: int) -> int:
    """Number of pixels of a pixel subset: 52 of 1,024."""
    return math.ceil(KEPT_SHARE * height * width)


def descended(
    network: Network, photographs: Photographs, pixels_per_step: int = PIXELS_PER_STEP, *, block: int = BLOCK
) -> Descent:
    """The descents of all images, in blocks of `block`, from the cache where possible.

    Raises:
        Absent: an image has no descent.
    """
    blocks = [
        _block(network, photographs.at(range(start, min(start + block, len(photographs)))), pixels_per_step)
        for start in range(0, len(photographs), block)
    ]
    each = {name: [getattr(one, name) for one in blocks] for name in Descent.__slots__}
    together = {name: np.concatenate(parts) for name, parts in each.items() if name not in SHARED}
    return Descent(**together, kept=blocks[0].kept, seconds=np.sum(each["seconds"], axis=0))


def last_pixels(traces: Sequence[Trace]) -> NDArray[np.bool_]:
    """The 5% of the pixels that each removal sequence leaves, (n, H, W). Each sequence starts with the whole image."""
    height, width = traces[0].start.shape
    masks = torch.ones((len(traces), height * width), dtype=torch.bool)
    for mask, trace in zip(masks, traces, strict=True):
        mask[trace.order[: height * width - kept_pixels(height, width)]] = False
    left: NDArray[np.bool_] = masks.view(-1, height, width).numpy()
    return left


def random_masks(photographs: Photographs) -> NDArray[np.bool_]:
    """As many random pixels of each image, (n, H, W): the ones on which the library predicts `by_chance`."""
    height, width = photographs.images.shape[-2:]
    masks = np.zeros((len(photographs), height * width), dtype=np.bool_)
    for mask, digest in zip(masks, photographs.digests, strict=True):
        drawn = torch.randperm(height * width, generator=generator(SEED, digest, RANDOM_SUBSET))
        mask[drawn[: kept_pixels(height, width)].numpy()] = True
    return masks.reshape(len(photographs), height, width)


def masks_digest(masks: NDArray[np.bool_]) -> str:
    """A digest of the masks' bits. Equal masks have equal digests on every machine."""
    return hashlib.sha256(np.packbits(masks).tobytes()).hexdigest()


def _block(network: Network, photographs: Photographs, pixels_per_step: int) -> Descent:
    determinants = (__version__, network.digest, str(pixels_per_step), str(KEPT_SHARE), str(SEED), *photographs.digests)
    path = cache.path_of("pixel-subsets", determinants, ".npz")
    if path.is_file():
        with np.load(path, allow_pickle=False) as arrays:
            return Descent(**{name: arrays[name] for name in arrays.files})
    begun = time.perf_counter()
    found = list(
        pixel_subsets(
            network.classifier,
            photographs.images,
            search=BatchedGradient(pixels_per_step),
            seed=SEED,
            chunk_size=CHUNK,
        )
    )
    descent = _joined(network.name, found, len(photographs), time.perf_counter() - begun)
    with cache.written(path) as partial:
        np.savez_compressed(partial, **{name: getattr(descent, name) for name in Descent.__slots__})
    return descent


def _joined(name: str, found: Sequence[PixelSubset], count: int, seconds: float) -> Descent:
    if len(found) < count:
        raise Absent(f"{name}: the bare fill alone is certain for {count - len(found)} images, which have no descent")
    traces = [one.trace for one in found if one.trace is not None]
    return Descent(
        predicted=np.array([one.target_class for one in found], dtype=np.int64),
        masks=np.stack([one.mask.numpy() for one in found]),
        chosen=np.array([one.predicted_class for one in found], dtype=np.int64),
        by_chance=np.array([one.random_predicted_class for one in found], dtype=np.int64),
        order=np.stack([trace.order.numpy() for trace in traces]).astype(np.int32),
        kept=traces[0].kept.numpy().astype(np.int64),
        curve=np.stack([trace.confidences.double().numpy() for trace in traces]),
        seconds=np.array(seconds),
    )
