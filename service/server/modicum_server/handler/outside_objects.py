"""What lies beside an image's objects: where the subset lies among them, and what the model says without the rest.

The pass of the shortcut control (METHOD section 4): the whole image with the ring at the canvas' edge filled with the
mean, or where the item has objects, all outside them. What it comes to is a measure's business.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import modicum_sis.findings as sis
import numpy as np
import torch
from modicum_sis import Classifier
from modicum_sis.scoring.verification import confidence_of
from numpy.typing import NDArray
from torch import Tensor

from modicum_server.domain.findings import FindingControls, ObjectsFinding, ScoredVariant
from modicum_server.errors import ObjectsInvalid
from modicum_server.handler.controls import PlannedControl, Searched
from modicum_server.handler.images import Decoder, TaskImages
from modicum_server.handler.progress_counts import ProgressCounts
from modicum_server.images.objects import objects_on_canvas
from modicum_server.images.pictures import PictureTooLarge, PictureUnreadable
from modicum_server.measures.observations import OUTSIDE_FILLED, RING_FILLED
from modicum_server.measures.ring import Ring
from modicum_server.measures.shortcut import is_large_enough
from modicum_server.wire.worker_pb2 import Item

log = logging.getLogger(__name__)

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class OutsideObjects:
    """Looks at images that were searched; `plan` is the shortcut control's, None where it does not run."""

    decoder: Decoder
    images: TaskImages
    classifier: Classifier
    threshold: float
    plan: PlannedControl | None
    progress: ProgressCounts

    def results(self, searched: Sequence[Searched], known: dict[int, FindingControls]) -> dict[int, FindingControls]:
        """Add the results of this control, by position; an image that could not be scored gets none."""
        results = dict(known)
        for one in searched:
            if one.found.reason is sis.Reason.NOT_FINITE or self.images.reason(one.found.index) is not None:
                continue
            objects = self._objects(one.item)
            controls = results.get(one.position, FindingControls())
            if objects is not None:
                controls = replace(controls, objects=_objects_finding(objects, one.found))
            variants = tuple(self._without_rest(one, objects)) if self._runs(one) else ()
            results[one.position] = replace(controls, variants=controls.variants + variants)
        return results

    def _runs(self, one: Searched) -> bool:
        """The control runs on labelled images; the ring of a smaller canvas holds what it should surround."""
        return (
            self.plan is not None
            and one.item.HasField("label")
            and one.position not in self.plan.excluded
            and is_large_enough(self.decoder.canvas)
        )

    def _without_rest(self, one: Searched, objects: Mask | None) -> Iterator[ScoredVariant]:
        """The image with nothing but its objects, or without its ring; nothing where that is all of it, or none."""
        kept = ~Ring.of(self.decoder.canvas).mask if objects is None else objects
        if kept.all() or not kept.any():
            return
        image = self.images[one.found.index].to(device=self.classifier.device, dtype=self.classifier.dtype)
        logits = self.classifier.plain_logits(self._filled(image, kept))
        self.progress.passes_done += 1
        if bool(torch.isfinite(logits).all()):
            confidence = confidence_of(logits, one.found.target_class)
            yield ScoredVariant(
                variant=RING_FILLED if objects is None else OUTSIDE_FILLED,
                confidence=confidence,
                sufficient=confidence >= self.threshold,
                predicted_class=int(logits.argmax()),
            )

    def _filled(self, image: Tensor, kept: Mask) -> Tensor:
        """The image where it is kept, the mean elsewhere."""
        return torch.where(
            torch.from_numpy(kept).to(image.device), image, self.classifier.fill_mean.expand(image.shape)
        )

    def _objects(self, item: Item) -> Mask | None:
        """Where the item's objects lie on the canvas; None where it has none, or not of its picture after all."""
        if not (item.boxes_digest or item.mask_digest):
            return None
        slot = self.decoder.slot
        try:
            return objects_on_canvas(
                slot.artifact(item.image_digest).read_bytes(),
                self.decoder.specification,
                self.decoder.canvas,
                boxes=slot.artifact(item.boxes_digest).read_bytes() if item.boxes_digest else None,
                mask=slot.artifact(item.mask_digest).read_bytes() if item.mask_digest else b"",
                max_pixels=self.decoder.max_pixels,
            )
        except (ObjectsInvalid, PictureUnreadable, PictureTooLarge):
            log.exception("the objects of %s cannot be used", item.item)
            return None


def _objects_finding(objects: Mask, found: sis.Finding) -> ObjectsFinding:
    """Where the subset lies; one that is the whole image, or the bare fill's doing, lies nowhere."""
    area = float(objects.mean())
    if found.subset is None or not found.subset.size or found.budget_exhausted:
        return ObjectsFinding(area)
    subset = found.subset.mask.cpu().numpy().astype(bool)
    return ObjectsFinding(area, float((subset & objects).sum() / subset.sum()))
