"""Verification: a subset counts only if a plain float32 pass over its masked image alone is sufficient."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from modicum_sis.model.classifier import Classifier
from modicum_sis.numerics.margins import confidences_of, margins_of

ATTEMPTS = 8
"""Most masks of one proposal that are tried. A search's plan includes all of them. Batched and plain passes differ only
in low bits, so the first mask nearly always passes."""


@dataclass(frozen=True, slots=True, eq=False)
class Verified:
    """The first sufficient mask and its confidence; None if no mask was sufficient. `passes` counts all attempts."""

    mask: Tensor | None
    confidence: float | None
    passes: int


def plain_scores(classifier: Classifier, image: Tensor, fill: Tensor, mask: Tensor) -> Tensor:
    """Class scores (K,) of one masked image in a separate pass. mask: (H, W) bool."""
    return classifier.plain_logits(torch.where(mask.to(image.device), image, fill))


def confidence_of(logits: Tensor, target_class: int) -> float:
    """The softmax probability of a class, from scores (K,)."""
    target = torch.tensor([target_class], device=logits.device)
    return float(confidences_of(margins_of(logits.unsqueeze(0), target))[0])


def verify(
    classifier: Classifier,
    image: Tensor,
    fill: Tensor,
    masks: Iterable[Tensor],
    *,
    target_class: int,
    threshold: float,
) -> Verified:
    """Try masks in order until one is sufficient."""
    passes = 0
    for mask in masks:
        passes += 1
        confidence = confidence_of(plain_scores(classifier, image, fill, mask), target_class)
        if confidence >= threshold:
            return Verified(mask.cpu(), confidence, passes)
        if passes == ATTEMPTS:
            break
    return Verified(None, None, passes)
