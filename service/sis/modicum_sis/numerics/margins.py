"""Log-odds of a class, and what "sufficient" means. The maths is METHOD section 1; no model is known here."""

import math

import torch
from torch import Tensor

LARGEST_CONFIDENCE = math.nextafter(1.0, 0.0)
"""The greatest float64 with finite log-odds."""


def log_odds(probability: float) -> float:
    """The margin at which the confidence equals `probability`, which lies strictly between 0 and 1."""
    return math.log(probability) - math.log1p(-probability)


def margins_of(logits: Tensor, targets: Tensor) -> Tensor:
    """The target's logit minus the logsumexp of the others: the log-odds of the confidence, without a softmax.

    A float32 softmax is exactly 1.0 from a margin of about 17 on; this keeps its order there.

    Args:
        logits: (B, K), K >= 2.
        targets: (B,) class indices.
    """
    chosen = targets.unsqueeze(1)
    others = logits.scatter(1, chosen, -math.inf)
    return logits.gather(1, chosen).squeeze(1) - torch.logsumexp(others, dim=1)


def confidences_of(margins: Tensor) -> Tensor:
    """Softmax probabilities from margins, in float64."""
    return torch.sigmoid(margins.double())


def sufficient(margins: Tensor, threshold: float) -> Tensor:
    """Whether the confidence reaches the threshold (>=); NaN never does."""
    return confidences_of(margins) >= threshold


def raised(threshold: float, by: float) -> float:
    """The confidence whose log-odds are `by` above those of a threshold; below 1 whatever is asked."""
    if not by:
        return threshold
    return min(float(torch.sigmoid(torch.tensor(log_odds(threshold) + by, dtype=torch.float64))), LARGEST_CONFIDENCE)


def margin_difference(logits: Tensor, others: Tensor) -> float:
    """Root mean square, over images and classes, of how far log-odds by two computations of (B, K) scores lie apart."""
    apart = _all_margins(logits) - _all_margins(others)
    return float(apart.square().mean().sqrt())


def _all_margins(logits: Tensor) -> Tensor:
    logs = torch.log_softmax(logits.double(), dim=1)
    return logs - torch.log1p(-logs.exp().clamp_max(LARGEST_CONFIDENCE))
