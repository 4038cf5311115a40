"""The pool that the marginal fill draws from: decoded and scored once for all tasks of a slot that share it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from modicum_sis import Classifier
from modicum_sis.fills import FEWEST_DONORS, Donors

from modicum_server.handler.images import Decoder
from modicum_server.handler.tallying import Tally
from modicum_server.wire.worker_pb2 import Item


@dataclass(slots=True)
class DonorPool:
    """The last pool that was made; a pool belongs to a classifier, a canvas and a list of images."""

    _key: object = None
    _donors: Donors | None = None

    def gather(self, classifier: Classifier, decoder: Decoder, items: Sequence[Item], tally: Tally) -> Donors | None:
        """Make the pool, or return the one that is kept; None when fewer than two images can be decoded."""
        key = (classifier, decoder.specification, decoder.canvas, tuple(item.image_digest for item in items))
        if key != self._key:
            self._donors = _gathered(classifier, decoder, items, tally)
            self._key = key
        return self._donors


def _gathered(classifier: Classifier, decoder: Decoder, items: Sequence[Item], tally: Tally) -> Donors | None:
    pictured, _ = decoder.decode(items)
    if len(pictured) < FEWEST_DONORS:
        return None
    images = torch.stack([one.image for one in pictured]).to(device=classifier.device, dtype=classifier.dtype)
    tally.passes_done += len(images)
    return Donors(
        images=images,
        digests=tuple(one.item.image_digest for one in pictured),
        classes=tuple(int(classifier.plain_logits(image).argmax()) for image in images),
    )
