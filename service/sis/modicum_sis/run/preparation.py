"""What is known of an image before its search: prediction, target, eligibility, fill, the bare fill's confidence.

Each is read off a plain pass over that image alone. Must not know any search.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from modicum_sis.errors import FillUnavailable
from modicum_sis.findings import Finding, Passes, Reason
from modicum_sis.images.fills import Fills
from modicum_sis.images.source import ImageSource
from modicum_sis.model.classifier import Classifier
from modicum_sis.numerics.margins import confidences_of, margins_of
from modicum_sis.run.resume import PreviousFindings

NO_CLASS = -1
SATURATED_CONFIDENCE = 1 - torch.finfo(torch.float32).eps
"""From here on a float32 probability has too few steps left before 1 to tell one mask from another."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedImage:
    """One image of a run. Attributes as in `Finding`; `reason` says why there is no search, `fill` is (C, H, W).

    `previous` is the finding that a resumed run continues from. `complete` says that no further search can change it.
    `passes` counts those of this run alone.
    """

    index: int
    digest: str
    image: Tensor
    predicted_class: int
    target_class: int
    margin: float
    eligible: bool
    saturated: bool
    targeted: bool
    passes: Passes
    fill: Tensor | None = None
    baseline_margin: float = float("nan")
    baseline_confident: bool = False
    reason: Reason | None = None
    previous: Finding | None = None
    complete: bool = False

    @property
    def searchable(self) -> bool:
        """Whether there is something to search for."""
        return self.reason is None and not self.baseline_confident and not self.complete

    @property
    def confidence(self) -> float:
        """Of the target class on the whole image."""
        return _confidence(self.margin)

    @property
    def baseline_confidence(self) -> float:
        """Of the target class on the bare fill."""
        return _confidence(self.baseline_margin)


@dataclass(frozen=True, slots=True, eq=False)
class ImagePreparer:
    """Makes the case of each image."""

    classifier: Classifier
    source: ImageSource
    fills: Fills
    threshold: float
    targets: Sequence[int] | None
    previous: PreviousFindings

    def prepare(self, index: int) -> PreparedImage:
        """Load an image and look at it: one plain pass, and one over its bare fill if it is to be searched.

        No pass where an earlier run has looked at it, and none over an image that is not finite.
        """
        image, digest = self.source.load(index)
        previous = self.previous.of(digest, int(self.targets[index]) if self.targets is not None else None)
        return self._look(index, image, digest) if previous is None else self._resume(index, image, previous)

    def _resume(self, index: int, image: Tensor, previous: Finding) -> PreparedImage:
        complete = self.previous.is_complete(previous)
        prepared = PreparedImage(
            index=index,
            digest=previous.digest,
            image=image,
            predicted_class=previous.predicted_class,
            target_class=previous.target_class,
            margin=previous.margin,
            eligible=previous.eligible,
            saturated=previous.saturated,
            targeted=self.targets is not None,
            passes=Passes(),
            baseline_confident=previous.baseline_confident,
            previous=previous,
            complete=complete,
        )
        if complete:
            return prepared
        try:
            fill = self.fills.of(image, previous.digest, previous.target_class)
        except FillUnavailable:
            return replace(prepared, reason=Reason.FILL_UNAVAILABLE)
        return replace(prepared, fill=fill, baseline_margin=log_odds_of(previous.baseline_confidence))

    def _look(self, index: int, image: Tensor, digest: str) -> PreparedImage:
        presentable = bool(torch.isfinite(image).all())  # no module has to bear NaN
        logits = self.classifier.plain_logits(image) if presentable else torch.full((1,), torch.nan)
        finite = bool(torch.isfinite(logits).all())
        predicted = int(logits.argmax()) if finite else NO_CLASS
        target = int(self.targets[index]) if self.targets is not None else predicted
        prepared = PreparedImage(
            index=index,
            digest=digest,
            image=image,
            predicted_class=predicted,
            target_class=target,
            margin=_margin(logits, target) if finite else float("nan"),
            eligible=finite and _reaches(_margin(logits, predicted), self.threshold),
            saturated=finite and self._saturated(logits),
            targeted=self.targets is not None,
            passes=Passes(forward=int(presentable)),
            reason=None if finite else Reason.NOT_FINITE,
        )
        if finite and not prepared.eligible and not prepared.targeted:
            return replace(prepared, reason=Reason.NOT_ELIGIBLE)
        return self._with_fill(prepared) if finite else prepared

    def _with_fill(self, prepared: PreparedImage) -> PreparedImage:
        try:
            fill = self.fills.of(prepared.image, prepared.digest, prepared.target_class)
        except FillUnavailable:
            return replace(prepared, reason=Reason.FILL_UNAVAILABLE)
        margin = _margin(self.classifier.plain_logits(fill), prepared.target_class)
        return replace(
            prepared,
            fill=fill,
            baseline_margin=margin,
            baseline_confident=_reaches(margin, self.threshold),
            passes=prepared.passes + Passes(forward=1),
        )

    def _saturated(self, logits: Tensor) -> bool:
        temperature = self.classifier.log_odds_temperature
        if temperature is None:
            return False
        return float(torch.softmax(logits.double() * temperature, dim=0).max()) >= SATURATED_CONFIDENCE


def _margin(logits: Tensor, target: int) -> float:
    return float(margins_of(logits.unsqueeze(0), torch.tensor([target], device=logits.device))[0])


def log_odds_of(confidence: float | None) -> float:
    """The margin of a confidence from 0 to 1, infinite at the ends; NaN of none."""
    return float(torch.logit(torch.tensor(float("nan") if confidence is None else confidence, dtype=torch.float64)))


def _confidence(margin: float) -> float:
    return float(confidences_of(torch.tensor(margin, dtype=torch.float64)))


def _reaches(margin: float, threshold: float) -> bool:
    return _confidence(margin) >= threshold
