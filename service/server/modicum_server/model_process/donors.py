"""The pool that the marginal fill draws from, decoded and scored once for all tasks of a slot that share it.

It is dropped with the loaded version that scored it, so that it keeps no second model in memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from modicum_sis import Classifier, Donors, FillUnavailable, gather_donors
from torch import Tensor

from modicum_server.domain.searches import Canvas
from modicum_server.generated.worker_pb2 import Item
from modicum_server.model_process.images import Decoder
from modicum_server.model_process.progress_counts import ProgressCounts


@dataclass(slots=True)
class DonorPool:
    """The last pool of one version. A pool belongs to a canvas, a seed and a list of images."""

    _key: object = None
    _donors: Donors | None = None

    def gather(
        self, classifier: Classifier, decoder: Decoder, items: Sequence[Item], *, seed: int, progress: ProgressCounts
    ) -> Donors | None:
        """Make the pool, or return the last one if it fits; None when fewer than two images can be decoded."""
        key = (decoder.specification, decoder.canvas, seed, tuple(item.image_digest for item in items))
        if key != self._key:
            self._donors = _gathered(classifier, decoder, items, seed=seed, progress=progress)
            self._key = key
        return self._donors


def no_donors(classifier: Classifier, canvas: Canvas) -> Donors:
    """Return a pool that can make no fill: a search scores the whole images and reports that on each."""
    images = torch.empty((0, canvas.channels, canvas.height, canvas.width), dtype=classifier.dtype)
    return Donors(images=images.to(classifier.device), digests=(), classes=())


def _gathered(
    classifier: Classifier, decoder: Decoder, items: Sequence[Item], *, seed: int, progress: ProgressCounts
) -> Donors | None:
    images, digests = [], []
    for item in items:
        image = decoder.decode(item)
        if isinstance(image, Tensor):
            images.append(image)
            digests.append(item.image_digest)
    try:
        donors = gather_donors(classifier, images, seed=seed, digests=digests)
    except FillUnavailable:
        return None
    progress.passes_done += len(donors.digests)
    return donors
