"""The highest temperature at which an image still is eligible: by it members are matched to their ensemble.

Dividing logits by a temperature above 1 lowers every confidence and changes no prediction, so eligibility at any
temperature is a comparison with this one number. METHOD section 4.
"""

import math

import torch
from modicum_sis.numerics.margins import log_odds
from torch import Tensor

HIGHEST = math.exp(12)
"""Temperatures are looked for between its inverse and it; beyond, an end stands."""
HALVINGS = 60
"""Of the logarithm's range: more than double precision tells apart."""


def critical_temperature(logits: Tensor, threshold: float) -> float:
    """Return the highest temperature at which the predicted class of logits (K,) has a confidence of the threshold."""
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
