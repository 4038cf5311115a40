"""Prepares each image for its search: prediction, target class, eligibility, fill, and the bare fill's confidence.

All of these come from plain passes over that image alone. The search is not known here.
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
"""From this confidence on, float32 has too few steps below 1 to distinguish masks."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedImage:
    """One image of a run. Attributes not listed here are as in `Finding`.

    Attributes:
        image: (C, H, W).
        targeted: whether the caller gave the target class.
        passes: those of this run alone.
        fill: (C, H, W); None if the image needs none, or has none.
        baseline_margin: the margin of the bare fill.
        reason: why there is no search; None if there is one.
        previous: the finding that a resumed run continues from.
        complete: whether that finding is final.
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
        """Whether the image needs a search."""
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
    """Prepares the images of a run."""

    classifier: Classifier
    source: ImageSource
    fills: Fills
    threshold: float
    targets: Sequence[int] | None
    previous: PreviousFindings

    def prepare(self, index: int) -> PreparedImage:
        """Load an image and score it: one plain pass, and one over its bare fill if it will be searched.

        An image with a finding of an earlier run costs no pass, and neither does an image with NaN or infinity.
        """
        image, digest = self.source.load(index)
        previous = self.previous.of(digest, int(self.targets[index]) if self.targets is not None else None)
        return self._score(index, image, digest) if previous is None else self._resume(index, image, previous)

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

    def _score(self, index: int, image: Tensor, digest: str) -> PreparedImage:
        is_finite = bool(torch.isfinite(image).all())  # modules need not handle NaN
        logits = self.classifier.plain_logits(image) if is_finite else torch.full((1,), torch.nan)
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
            passes=Passes(forward=int(is_finite)),
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
    """The margin of a confidence from 0 to 1. It is infinite at both ends, and NaN for None."""
    return float(torch.logit(torch.tensor(float("nan") if confidence is None else confidence, dtype=torch.float64)))


def _confidence(margin: float) -> float:
    return float(confidences_of(torch.tensor(margin, dtype=torch.float64)))


def _reaches(margin: float, threshold: float) -> bool:
    return _confidence(margin) >= threshold
