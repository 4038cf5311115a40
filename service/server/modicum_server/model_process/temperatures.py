"""The highest temperature at which an image is still eligible, by which members are matched to their ensemble.

Dividing logits by a temperature above 1 lowers every confidence and changes no prediction. So whether an image is
eligible at some temperature is a comparison with this number (docs/method.md, "The ensemble mitigation check").
"""

import math

import torch
from modicum_sis.numerics.margins import log_odds
from torch import Tensor

HIGHEST = math.exp(12)
"""The search is between the inverse of this temperature and it. Outside, the nearer end is returned."""
HALVINGS = 60
"""Bisections of the logarithm's range: more than double precision can tell apart."""


def critical_temperature(logits: Tensor, threshold: float) -> float:
    """Return the highest temperature at which the confidence of logits (K,) still reaches the threshold."""
    scores = logits.double().cpu()
    predicted = int(scores.argmax())
    behind = scores[predicted] - torch.cat([scores[:predicted], scores[predicted + 1 :]])
    needed = log_odds(threshold)
    low, high = -math.log(HIGHEST), math.log(HIGHEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        margin = -float(torch.logsumexp(-behind / math.exp(middle), dim=0))
        low, high = (middle, high) if margin >= needed else (low, middle)
    return math.exp(low)
