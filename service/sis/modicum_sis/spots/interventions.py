"""Puts a place of one image into another, and asks the model what it sees."""

import copy
import itertools
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from modicum_sis.images.source import ImageSource
from modicum_sis.model.chunk_size import default_chunk_size
from modicum_sis.model.classifier import Classifier
from modicum_sis.numerics.full_precision import full_precision

HELD_VALUES = 64 * 1024 * 1024
"""Image values that are held in memory; further images are loaded again when they are needed."""
UNKNOWN_CLASS = -1
"""The class of an image on which the model returns NaN or infinity, and of one with NaN, which it is not shown."""


@dataclass(frozen=True, slots=True)
class Composite:
    """An image made of two: `inside` in a region, `outside` elsewhere. Both are indices of images."""

    inside: int
    outside: int
    region: Tensor


class Interventions:
    """Runs the model on composites, in batches in full precision. Counts its forward passes."""

    def __init__(
        self,
        classifier: Classifier,
        source: ImageSource,
        *,
        should_stop: Callable[[], bool] | None = None,
        passed: Callable[[int], object] | None = None,
        chunk_size: int | None = None,
    ) -> None:
        self.canvas = source.canvas()
        self.passes = 0
        self._classifier, self._source = classifier, source
        self._should_stop, self._passed = should_stop, passed
        self._chunk_size = chunk_size or default_chunk_size(self.canvas, classifier.device)
        self._held: OrderedDict[int, Tensor] = OrderedDict()
        self._most_held = max(2, HELD_VALUES // (self.canvas[0] * self.canvas[1] * self.canvas[2]))
        self._objects: Mapping[int, Tensor] | None = None

    def outside(self, objects: Mapping[int, Tensor]) -> "Interventions":
        """Return interventions that move no pixel on an object of either image. They count their own passes.

        Args:
            objects: a mask (H, W) of the objects by index of an image, for every image that is used.
        """
        restricted = copy.copy(self)  # images that are held serve both
        restricted.passes, restricted._objects = 0, objects  # noqa: SLF001  it is of this class
        return restricted

    def classes(self, composites: Iterable[Composite]) -> list[int]:
        """The predicted class of each; `UNKNOWN_CLASS` where there is none. Holds one batch of composites at a time.

        Raises:
            Stopped: the caller asked to stop.
        """
        scores = self._classifier.logits
        return [predicted for chunk in self._chunks(composites) for predicted in _classes(self._logits(chunk, scores))]

    def search_classes(self, composites: Iterable[Composite]) -> list[int]:
        """As `classes`, with the fast copy of the module if there is one. To choose a place, never to test it."""
        scores = self._classifier.search_logits
        return [predicted for chunk in self._chunks(composites) for predicted in _classes(self._logits(chunk, scores))]

    def log_probabilities(self, composites: Iterable[Composite], target_classes: Sequence[int]) -> Tensor:
        """The logarithm of the probability of its class in each, (number of composites,); NaN where there is none.

        It comes from the fast copy of the module if there is one, and serves to choose a place, never to test it.

        Raises:
            Stopped: the caller asked to stop.
        """
        targets, parts = iter(target_classes), list[Tensor]()
        for chunk in self._chunks(composites):
            logits = self._logits(chunk, self._classifier.search_logits)
            wanted = torch.tensor(list(itertools.islice(targets, len(chunk))), device=logits.device)
            parts.append(logits.log_softmax(dim=1).gather(1, wanted[:, None]).flatten())
        return torch.cat(parts) if parts else torch.empty(0)

    def moved(self, composite: Composite) -> Tensor:
        """The pixels that a composite moves (H, W)."""
        movable = self.movable(composite.inside, composite.outside)
        return composite.region if movable is None else composite.region & movable

    def movable(self, first: int, second: int) -> Tensor | None:
        """The pixels that may move between two images (H, W), in either direction; None where all may."""
        if self._objects is None:
            return None
        return ~(self._objects[first] | self._objects[second])

    def _chunks(self, composites: Iterable[Composite]) -> Iterator[Sequence[Composite]]:
        coming = iter(composites)
        while chunk := tuple(itertools.islice(coming, self._chunk_size)):
            if self._should_stop is not None and self._should_stop():
                raise Stopped
            yield chunk

    def _logits(self, chunk: Sequence[Composite], scores: Callable[[Tensor], Tensor]) -> Tensor:
        """The logits of each composite; NaN in all of a row that has none."""
        inside = torch.stack([self._image(one.inside) for one in chunk])
        outside = torch.stack([self._image(one.outside) for one in chunk])
        region = torch.stack([self.moved(one) for one in chunk])[:, None].to(inside.device)
        images = torch.where(region, inside, outside)
        missing = images.isnan()
        with torch.no_grad(), full_precision():
            logits = scores(images.masked_fill(missing, self._classifier.bounds[0]))
        self.passes += len(chunk)
        if self._passed is not None:
            self._passed(len(chunk))
        known = logits.isfinite().all(dim=1) & ~missing.flatten(1).any(dim=1)
        return logits.masked_fill(~known[:, None], torch.nan)

    def _image(self, index: int) -> Tensor:
        if index in self._held:
            self._held.move_to_end(index)
            return self._held[index]
        image, _ = self._source.load(index)
        self._held[index] = image
        if len(self._held) > self._most_held:
            self._held.popitem(last=False)
        return image


def _classes(logits: Tensor) -> list[int]:
    known = logits.isfinite().all(dim=1)
    classes: list[int] = torch.where(known, logits.argmax(dim=1), UNKNOWN_CLASS).tolist()
    return classes


class Stopped(Exception):
    """The caller asked to stop."""
