"""5% of the pixels of many images, chosen by a search of the library, and cached.

The strong search is mask_optimization at this size. Exact backselect, which the paper uses on CIFAR-10, costs 524,800
passes an image and takes its place on a few. Like `descent`, a result is named by a digest of all that it depends on.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from modicum_sis import (
    BackSelect,
    BatchedGradient,
    MaskOptimization,
    PixelSubset,
    __version__,
    find_subsets,
    pixel_subsets,
)
from modicum_sis.controls.pixel_subsets import KEPT_SHARE, NEVER_SUFFICIENT
from modicum_sis.numerics.margins import confidences_of, margins_of
from numpy.typing import NDArray

from benchmarks.paper import cache
from benchmarks.paper.accuracy import masked, predictions
from benchmarks.paper.descent import BLOCK, CHUNK, last_pixels, random_masks
from benchmarks.paper.extent import SEED
from benchmarks.paper.material import Network, Photographs
from benchmarks.subjects import Absent


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """The chosen pixels of n images.

    Attributes:
        predicted: (n,) classes on the whole images.
        masks: (n, H, W) bool, 5% of the pixels.
        chosen: (n,) classes on those.
        by_chance: (n,) classes on as many random pixels.
        confidence: (n,) in the class predicted on the whole image, on the chosen pixels.
        passes: (n,) pass-equivalents.
        seconds: () that it took when it was made.
    """

    predicted: NDArray[np.int64]
    masks: NDArray[np.bool_]
    chosen: NDArray[np.int64]
    by_chance: NDArray[np.int64]
    confidence: NDArray[np.float64]
    passes: NDArray[np.int64]
    seconds: NDArray[np.float64]


class Chooser(Protocol):
    """A search that chooses the pixels, and its words on the page."""

    @property
    def words(self) -> str:
        """Method and setting."""
        ...

    def choose(self, network: Network, photographs: Photographs) -> Choice:
        """Choose 5% of the pixels of each image."""
        ...


@dataclass(frozen=True, slots=True)
class ByControl:
    """The searches of the pixel-subsets control."""

    search: MaskOptimization | BatchedGradient

    @property
    def words(self) -> str:
        """Method and setting."""
        if isinstance(self.search, BatchedGradient):
            return f"batched_gradient, k = {self.search.pixels_per_step}"
        return f"mask_optimization, {self.search.passes} passes"

    def choose(self, network: Network, photographs: Photographs) -> Choice:
        """Choose 5% of the pixels of each image.

        Raises:
            Absent: the control left an image out.
        """
        found = list(
            pixel_subsets(network.classifier, photographs.images, search=self.search, seed=SEED, chunk_size=CHUNK)
        )
        if len(found) < len(photographs):
            raise Absent(f"{network.name}: {len(photographs) - len(found)} images have no pixel subset")
        return _of_control(found)


@dataclass(frozen=True, slots=True)
class ByBackselect:
    """Backward selection, exact without a fraction."""

    fraction: float | None = None

    @property
    def words(self) -> str:
        """Method and setting."""
        return "backselect, exact" if self.fraction is None else f"backselect, fraction {self.fraction:g}"

    def choose(self, network: Network, photographs: Photographs) -> Choice:
        """Choose the 5% of the pixels of each image that are removed last."""
        predicted = predictions(network.classifier, photographs.images)
        found = list(
            find_subsets(
                network.classifier,
                photographs.images,
                threshold=NEVER_SUFFICIENT,
                search=BackSelect(self.fraction),
                seed=SEED,
                targets=predicted.tolist(),
            )
        )
        masks = last_pixels([one.trace for one in found if one.trace is not None])
        return Choice(
            predicted=predicted,
            masks=masks,
            chosen=predictions(network.classifier, masked(photographs, masks, network)),
            by_chance=predictions(network.classifier, masked(photographs, random_masks(photographs), network)),
            confidence=_confidences(network, photographs, masks, predicted),
            passes=np.array([one.passes.equivalents for one in found], dtype=np.int64),
            seconds=np.array(0.0),
        )


def chosen(network: Network, photographs: Photographs, chooser: Chooser, block: int = BLOCK) -> Choice:
    """The chosen pixels of all images, in blocks, from the cache where possible."""
    parts = list(_blocks(network, photographs, chooser, block))
    each = {name: [getattr(part, name) for part in parts] for name in Choice.__slots__}
    seconds = np.sum(each.pop("seconds"), axis=0)
    return Choice(**{name: np.concatenate(values) for name, values in each.items()}, seconds=seconds)


def _blocks(network: Network, photographs: Photographs, chooser: Chooser, block: int) -> Iterator[Choice]:
    for start in range(0, len(photographs), block):
        yield _block(network, photographs.at(range(start, min(start + block, len(photographs)))), chooser)


def _block(network: Network, photographs: Photographs, chooser: Chooser) -> Choice:
    determinants = (__version__, network.digest, repr(chooser), str(KEPT_SHARE), str(SEED), *photographs.digests)
    path = cache.path_of("pixel-choice", determinants, ".npz")
    if path.is_file():
        with np.load(path, allow_pickle=False) as arrays:
            return Choice(**{name: arrays[name] for name in arrays.files})
    begun = time.perf_counter()
    choice = chooser.choose(network, photographs)
    values = {name: getattr(choice, name) for name in Choice.__slots__}
    values["seconds"] = np.array(time.perf_counter() - begun)
    with cache.written(path) as partial:
        np.savez_compressed(partial, **values)
    return Choice(**values)


def _of_control(found: Sequence[PixelSubset]) -> Choice:
    return Choice(
        predicted=np.array([one.target_class for one in found], dtype=np.int64),
        masks=np.stack([one.mask.numpy() for one in found]),
        chosen=np.array([one.predicted_class for one in found], dtype=np.int64),
        by_chance=np.array([one.random_predicted_class for one in found], dtype=np.int64),
        confidence=np.array([one.confidence for one in found]),
        passes=np.array([one.passes.equivalents for one in found], dtype=np.int64),
        seconds=np.array(0.0),
    )


def _confidences(
    network: Network, photographs: Photographs, masks: NDArray[np.bool_], classes: NDArray[np.int64]
) -> NDArray[np.float64]:
    with torch.no_grad():
        logits = network.classifier.logits(masked(photographs, masks, network))
        return confidences_of(margins_of(logits, torch.from_numpy(classes))).numpy()
