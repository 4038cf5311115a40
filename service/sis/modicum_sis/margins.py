"""Log-odds of a class, and what "sufficient" means. The maths is METHOD section 1; no model is known here."""

import math

import torch
from torch import Tensor


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
