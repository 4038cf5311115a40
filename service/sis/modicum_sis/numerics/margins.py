"""Log-odds of a class, and what "sufficient" means; docs/method.md, "Words". Nothing here knows a model."""

import math

import torch
from torch import Tensor

LARGEST_CONFIDENCE = math.nextafter(1.0, 0.0)
"""The largest float64 with finite log-odds."""


def log_odds(probability: float) -> float:
    """The margin at which the confidence equals `probability`, which must lie strictly between 0 and 1."""
    return math.log(probability) - math.log1p(-probability)


def margins_of(logits: Tensor, targets: Tensor) -> Tensor:
    """The target's logit minus the logsumexp of the others: the log-odds of the confidence, without a softmax.

    A float32 softmax is exactly 1.0 from a margin of about 17 on. Margins still differ there.

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
    """Whether the confidence is >= threshold; False for NaN."""
    return confidences_of(margins) >= threshold


def raised(threshold: float, by: float) -> float:
    """The confidence whose log-odds are `by` above those of the threshold. It is always below 1."""
    if not by:
        return threshold
    return min(float(torch.sigmoid(torch.tensor(log_odds(threshold) + by, dtype=torch.float64))), LARGEST_CONFIDENCE)


def margin_difference(logits: Tensor, others: Tensor) -> float:
    """Root mean square, over images and classes, of the difference in log-odds between two sets of scores (B, K)."""
    difference = _all_margins(logits) - _all_margins(others)
    return float(difference.square().mean().sqrt())


def _all_margins(logits: Tensor) -> Tensor:
    logs = torch.log_softmax(logits.double(), dim=1)
    return logs - torch.log1p(-logs.exp().clamp_max(LARGEST_CONFIDENCE))
