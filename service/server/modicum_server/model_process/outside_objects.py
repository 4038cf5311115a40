"""The region outside an image's objects: how much of the subset is in it, and what the model predicts without it.

The shortcut control scores the whole image twice more, each time with the mean in a part of it. In an image with
objects that is everything outside them, then the objects. In any other it is the ring at the canvas' edge, then the
band further in with which the spot test compares rings (docs/method.md, "The shortcut rule"). A measure interprets the
results.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import modicum_sis.findings as sis
import torch
from modicum.gate.variants import COMPARED_WITH, OUTSIDE_FILLED, RING_FILLED
from modicum_sis import Classifier
from modicum_sis.scoring.verification import confidence_of
from modicum_sis.spots.places import inner_band
from torch import Tensor

from modicum_server.domain.findings import FindingControls, ObjectsFinding, ScoredVariant
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
        """Yield the results without the region and without what it is compared with, where the logits are finite.

        Nothing when the region is empty or the whole image.
        """
        ring = Ring.of(self.decoder.canvas).mask
        region = ring if objects is None else ~objects
        if region.all() or not region.any():
            return
        variant = RING_FILLED if objects is None else OUTSIDE_FILLED
        compared = self._band(int(ring.sum())) if objects is None else objects
        for name, filled in ((variant, region), (COMPARED_WITH[variant], compared)):
            logits = self._logits_without(filled, one.found.index)
            if bool(torch.isfinite(logits).all()):
                confidence = confidence_of(logits, one.found.target_class)
                yield ScoredVariant(name, confidence, confidence >= self.threshold, int(logits.argmax()))

    def _band(self, area: int) -> Mask:
        canvas = self.decoder.canvas
        sides = canvas.height, canvas.width
        band: Mask = inner_band(sides, area).region(sides).numpy()
        return band

    def _logits_without(self, filled: Mask, index: int) -> Tensor:
        """Return the logits of an image with the mean where it is filled."""
        image = self.images[index].to(device=self.classifier.device, dtype=self.classifier.dtype)
        where = torch.from_numpy(filled).to(image.device)
        self.progress.passes_done += 1
        return self.classifier.plain_logits(torch.where(where, self.classifier.fill_mean.expand(image.shape), image))


def _objects_finding(objects: Mask, found: sis.Finding) -> ObjectsFinding:
    """Return the share of the subset inside the objects; none if it is the whole image or the fill alone suffices."""
    area = float(objects.mean())
    if found.subset is None or not found.subset.size or found.budget_exhausted:
        return ObjectsFinding(area)
    subset = found.subset.mask.cpu().numpy().astype(bool)
    return ObjectsFinding(area, float((subset & objects).sum() / subset.sum()))
