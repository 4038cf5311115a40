"""Scores subsets that the searches of other versions found, with one plain pass each and no search.

Masked pixels get this version's own fill: its mean, or donors that it does not assign to the class. Nothing is judged
here: the worker knows whose subsets they are, and what the threshold is for.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from modicum.v1 import finding_pb2
from modicum_sis import Classifier, Donors, FillUnavailable
from modicum_sis.images.fills import Fills
from modicum_sis.scoring.verification import confidence_of
from torch import Tensor

from modicum_server.codec.enums import enum_number
from modicum_server.codec.models import input_value
from modicum_server.codec.searches import canvas_value, fill_value
from modicum_server.domain.findings import FindingReason
from modicum_server.domain.searches import Fill
from modicum_server.generated.worker_pb2 import Scores, ScoreWork
from modicum_server.images.pictures import MAX_PIXELS
from modicum_server.model_process.failure_reasons import TaskCancelled
from modicum_server.model_process.images import Decoder
from modicum_server.model_process.loading import Loaded
from modicum_server.model_process.progress_counts import ProgressCounts
from modicum_server.model_process.searching import check_canvas
from modicum_server.model_process.slot import Slot


@dataclass(frozen=True, slots=True, eq=False)
class ScoreRun:
    """One score task with a checked canvas. `fills` is None when no fill can be made."""

    work: ScoreWork
    classifier: Classifier
    decoder: Decoder
    fills: Fills | None
    progress: ProgressCounts
    cancelled: Callable[[], bool]

    def scores(self) -> Iterator[Scores.Entry]:
        """Yield one score for each subset, in order. An image is decoded once for all consecutive subsets on it.

        Raises:
            TaskCancelled: the file `cancel` exists.
        """
        self.progress.phase = "scoring"
        decoded: tuple[int, Tensor | FindingReason] | None = None
        for place, item in enumerate(self.work.subset_items):
            if self.cancelled():
                raise TaskCancelled
            if decoded is None or decoded[0] != item:
                decoded = item, self._image(item)
            yield self._entry(place, decoded[1])

    def _image(self, item: int) -> Tensor | FindingReason:
        image = self.decoder.decode(self.work.items[item])
        if isinstance(image, FindingReason):
            return image
        return image.to(device=self.classifier.device, dtype=self.classifier.dtype)

    def _entry(self, place: int, image: Tensor | FindingReason) -> Scores.Entry:
        logits = image if isinstance(image, FindingReason) else self._logits(place, image)
        if isinstance(logits, FindingReason):
            reason = enum_number(finding_pb2.FindingReason, "FINDING_REASON", logits)
            return Scores.Entry(subset=place, reason=reason)
        confidence = confidence_of(logits, self.work.target_classes[place])
        return Scores.Entry(subset=place, confidence=confidence, predicted_class=int(logits.argmax()))

    def _logits(self, place: int, image: Tensor) -> Tensor | FindingReason:
        """Return the class scores of the subset alone."""
        digest = self.work.items[self.work.subset_items[place]].image_digest
        try:
            if self.fills is None:
                return FindingReason.FILL_UNAVAILABLE
            fill = self.fills.of(image, digest, self.work.target_classes[place])
        except FillUnavailable:
            return FindingReason.FILL_UNAVAILABLE
        mask = mask_of(self.work.subsets[place]).to(image.device)
        logits = self.classifier.plain_logits(torch.where(mask, image, fill))
        self.progress.passes_done += 1
        return logits if bool(torch.isfinite(logits).all()) else FindingReason.NOT_FINITE


def prepare_score(work: ScoreWork, loaded: Loaded, slot: Slot, progress: ProgressCounts) -> ScoreRun:
    """Unpack a score task, check that the version takes its canvas, and make the donors.

    Raises:
        TaskFailure: CANVAS_UNFIT, CANVAS_TOO_LARGE, ARTIFACT_MISSING.
        modicum_sis.errors.ModelError: the version cannot be audited on this canvas.
    """
    canvas, fill = canvas_value(work.canvas), fill_value(work.fill) or Fill.MEAN
    check_canvas(canvas, loaded.input)
    loaded.classifier.inspect((canvas.channels, canvas.height, canvas.width))
    framing = input_value(work.framing) if work.HasField("framing") else loaded.input
    decoder = Decoder(slot, framing, canvas, work.max_image_pixels or MAX_PIXELS)
    donors: Donors | None = None
    if fill is Fill.MARGINAL:
        donors = loaded.donors.gather(loaded.classifier, decoder, work.donors, seed=work.seed, progress=progress)
    makable = fill is not Fill.MARGINAL or donors is not None
    fills = Fills(fill.value, loaded.classifier, seed=work.seed, donors=donors) if makable else None
    return ScoreRun(work, loaded.classifier, decoder, fills, progress, slot.cancelled)


def mask_of(subset: finding_pb2.Subset) -> Tensor:
    """Return the mask of a subset: bool (height, width)."""
    bits = np.unpackbits(np.frombuffer(subset.mask, dtype=np.uint8), count=subset.height * subset.width)
    return torch.from_numpy(bits.astype(np.bool_)).reshape(subset.height, subset.width)
