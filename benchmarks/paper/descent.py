"""batched_gradient down to 5% of the pixels, on every image, eligible or not; the result is kept in a cache.

A descent argues for the class predicted on the whole image, as the paper does, whatever the label says. What is kept is
a function of the network's weights, the images' values, the steps and the library's version: their digest is its name,
so a second run finds it, and another machine's run can be compared with it.
"""

import hashlib
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from modicum_sis import BatchedGradient, Finding, Trace, __version__, find_subsets, generator
from numpy.typing import NDArray

from benchmarks.paper.extent import KEPT_SHARE, PIXELS_PER_STEP, SEED, THRESHOLD
from benchmarks.paper.material import Network, Photographs
from benchmarks.results import ROOT
from benchmarks.subjects import Absent

CACHE_VARIABLE = "MODICUM_BENCH_CACHE"
CACHE = ROOT / "benchmarks" / ".cache"
BLOCK = 100
"""Images that are kept together: a run that is cut off loses no more, and a larger one finds them."""
CHUNK = 16
"""Images in work together; on a small canvas a few fit into a core's own memory, and are quicker than many."""


@dataclass(frozen=True, slots=True, eq=False)
class Descent:
    """Of n images.

    Attributes:
        predicted: (n,) classes on the whole images.
        confidence: (n,) of those.
        masks: (n, H, W) bool, the 5% that were left.
        size: (n,) kept pixels of the smallest verified subset at the threshold; NaN where the image is not eligible.
        subsets: (n, H, W) bool, those; all False where there is none.
        kept: (steps + 1,) pixels left at each confidence.
        curve: (n, steps + 1) confidences.
    """

    predicted: NDArray[np.int64]
    confidence: NDArray[np.float64]
    masks: NDArray[np.bool_]
    size: NDArray[np.float64]
    subsets: NDArray[np.bool_]
    kept: NDArray[np.int64]
    curve: NDArray[np.float64]


def kept_pixels(height: int, width: int) -> int:
    """Of a pixel subset: 52 of 1,024."""
    return math.ceil(KEPT_SHARE * height * width)


def descended(network: Network, photographs: Photographs) -> Descent:
    """The descents of all images, block by block, from the cache where they are in it."""
    blocks = [
        _block(network, photographs.at(range(start, min(start + BLOCK, len(photographs)))))
        for start in range(0, len(photographs), BLOCK)
    ]
    together = {name: np.concatenate([getattr(block, name) for block in blocks]) for name in Descent.__slots__}
    return Descent(**{**together, "kept": blocks[0].kept})


def _block(network: Network, photographs: Photographs) -> Descent:
    path = cache_folder() / f"descent-{_name(network, photographs)}.npz"
    if path.is_file():
        with np.load(path, allow_pickle=False) as arrays:
            return Descent(**{name: arrays[name] for name in arrays.files})
    descent = _descend(network, photographs)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.npz")
    np.savez_compressed(partial, **_arrays(descent))
    partial.replace(path)
    return descent


def last_pixels(traces: Sequence[Trace]) -> NDArray[np.bool_]:
    """The 5% of the pixels that each removal order leaves, (n, H, W); each begins with the whole image."""
    height, width = traces[0].start.shape
    masks = torch.ones((len(traces), height * width), dtype=torch.bool)
    for mask, trace in zip(masks, traces, strict=True):
        mask[trace.order[: height * width - kept_pixels(height, width)]] = False
    left: NDArray[np.bool_] = masks.view(-1, height, width).numpy()
    return left


def random_masks(photographs: Photographs) -> NDArray[np.bool_]:
    """As many pixels of each image at random, (n, H, W); a function of the image and the seed alone."""
    height, width = photographs.images.shape[-2:]
    masks = np.zeros((len(photographs), height * width), dtype=np.bool_)
    for mask, digest in zip(masks, photographs.digests, strict=True):
        drawn = torch.randperm(height * width, generator=generator(SEED, digest, "random pixel subset"))
        mask[drawn[: kept_pixels(height, width)].numpy()] = True
    return masks.reshape(len(photographs), height, width)


def cache_folder() -> Path:
    """Where descents are kept."""
    folder = os.environ.get(CACHE_VARIABLE)
    return Path(folder) if folder else CACHE


def _name(network: Network, photographs: Photographs) -> str:
    parts = [__version__, network.digest, str(PIXELS_PER_STEP), str(KEPT_SHARE), str(THRESHOLD), *photographs.digests]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _descend(network: Network, photographs: Photographs) -> Descent:
    classifier = network.classifier
    with torch.no_grad():
        targets = [int(classifier.plain_logits(image).argmax()) for image in photographs.images]
    found = find_subsets(
        classifier,
        photographs.images,
        threshold=THRESHOLD,
        search=BatchedGradient(pixels_per_step=PIXELS_PER_STEP),
        chunk_size=CHUNK,
        targets=targets,  # so that images below the threshold are searched too
        seed=SEED,
    )
    return joined(network.name, list(found))


def joined(name: str, findings: Sequence[Finding]) -> Descent:
    """The findings as arrays.

    Raises:
        Absent: the bare fill alone is sufficient for an image, so that there was nothing to descend.
    """
    traces = [finding.trace for finding in findings if finding.trace is not None]
    if len(traces) < len(findings):
        missing = len(findings) - len(traces)
        raise Absent(f"{name}: the bare fill alone reaches {THRESHOLD:g} for {missing} images, which have no descent")
    height, width = traces[0].start.shape
    return Descent(
        predicted=np.array([finding.predicted_class for finding in findings], dtype=np.int64),
        confidence=np.array([finding.confidence for finding in findings]),
        masks=last_pixels(traces),
        size=np.array([_size(finding) for finding in findings]),
        subsets=np.stack([_subset(finding, (height, width)) for finding in findings]),
        kept=traces[0].kept.numpy().astype(np.int64),
        curve=np.stack([trace.confidences.numpy() for trace in traces]),
    )


def _size(finding: Finding) -> float:
    return float(finding.subset.size) if finding.eligible and finding.subset is not None else math.nan


def _subset(finding: Finding, shape: tuple[int, int]) -> NDArray[np.bool_]:
    if not finding.eligible or finding.subset is None:
        return np.zeros(shape, dtype=np.bool_)
    mask: NDArray[np.bool_] = finding.subset.mask.numpy()
    return mask


def _arrays(descent: Descent) -> dict[str, Any]:
    return {name: getattr(descent, name) for name in Descent.__slots__}
