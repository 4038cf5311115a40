"""The region outside an image's objects: how much of the subset is in it, and what the model predicts without it.

The shortcut control scores the whole image once more, with everything outside its objects filled with the mean, or
without objects the ring at the canvas' edge (docs/method.md, "The shortcut rule"). A measure interprets the result.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import modicum_sis.findings as sis
import torch
from modicum_sis import Classifier
from modicum_sis.scoring.verification import confidence_of
from torch import Tensor

from modicum_server.domain.findings import FindingControls, ObjectsFinding, ScoredVariant
from modicum_server.measures.observations import OUTSIDE_FILLED, RING_FILLED
from modicum_server.measures.ring import Ring
from modicum_server.measures.shortcut import is_large_enough
from modicum_server.model_process.controls import PlannedControl, Searched
from modicum_server.model_process.images import Decoder, TaskImages
from modicum_server.model_process.objects import Mask, objects_of
from modicum_server.model_process.progress_counts import ProgressCounts


@dataclass(frozen=True, slots=True, eq=False)
class OutsideObjects:
    """Examines searched images. `plan` is that of the shortcut control, or None when it does not run."""

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
            objects = objects_of(self.decoder, one.item)
            controls = results.get(one.position, FindingControls())
            if objects is not None:
                controls = replace(controls, objects=_objects_finding(objects, one.found))
            variants = tuple(self._without_rest(one, objects)) if self._runs(one) else ()
            results[one.position] = replace(controls, variants=controls.variants + variants)
        return results

    def _runs(self, one: Searched) -> bool:
        """Return whether the control runs on an image: it needs a label, and a canvas large enough for the ring."""
        return (
            self.plan is not None
            and one.item.HasField("label")
            and one.position not in self.plan.excluded
            and is_large_enough(self.decoder.canvas)
        )

    def _without_rest(self, one: Searched, objects: Mask | None) -> Iterator[ScoredVariant]:
        """Yield the result on the image without the region; nothing when the region is empty or the whole image."""
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
        """Return the image with the mean where it is not kept."""
        return torch.where(
            torch.from_numpy(kept).to(image.device), image, self.classifier.fill_mean.expand(image.shape)
        )


def _objects_finding(objects: Mask, found: sis.Finding) -> ObjectsFinding:
    """Return the share of the subset inside the objects; none if it is the whole image or the fill alone suffices."""
    area = float(objects.mean())
    if found.subset is None or not found.subset.size or found.budget_exhausted:
        return ObjectsFinding(area)
    subset = found.subset.mask.cpu().numpy().astype(bool)
    return ObjectsFinding(area, float((subset & objects).sum() / subset.sum()))
