"""Why no image is eligible, and what to do about it, in sentences. Counts the predictions that were made, no more."""

import numpy as np
from modicum.gate.counting import counted

from modicum_server.domain.searches import TargetRule
from modicum_server.measures.number_words import confidence_text, part_text, threshold_text
from modicum_server.measures.observations import Floats, Observations

THRESHOLDS = (0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01)
"""Thresholds that people choose, from high to low."""
INPUT = (
    "the input specification (--input: size, channels, mean and standard deviation) is the one used in training, and "
    "that the names in --class-labels have the order of the model's outputs"
)
LOOK = "On a terminal, modicum audit draws the first pictures as the model sees them."
"""Where to look at what `--input` does."""


def advice(seen: Observations) -> list[str]:
    """Return the sentences; none where an image is eligible, none was scored, or the search needs no eligible image."""
    confidences = seen.confidence[seen.scored]
    if seen.search.target_rule is not TargetRule.PREDICTED or not confidences.size or seen.eligible.any():
        return []
    return [_why(confidences, seen.search.threshold), _check(seen), *_thresholds(confidences, seen.search.threshold)]


def _why(confidences: Floats, threshold: float) -> str:
    limit = threshold_text(threshold)
    if confidences.size == 1:
        (only,) = confidences
        return (
            f"The only image did not reach the threshold of {limit}, so it was not searched. Its confidence is "
            f"{confidence_text(float(only))}."
        )
    highest, median = (confidence_text(float(of(confidences))) for of in (np.max, np.median))
    return (
        f"None of {counted(confidences.size, 'image')} reached the threshold of {limit}, so none was searched. "
        f"Their highest confidence is {highest}, the median {median}."
    )


def _thresholds(confidences: Floats, threshold: float) -> list[str]:
    """The highest thresholds at which some, and at which half of the images would be eligible."""
    eligible = {one: int((confidences >= np.float32(one)).sum()) for one in THRESHOLDS if one < threshold}
    some = next((one for one, count in eligible.items() if count), None)
    if some is None:
        return []
    half = next((one for one, count in eligible.items() if 2 * count >= confidences.size), some)
    text = f"At a threshold of {some:g}, {_would_be(eligible[some], confidences.size)} eligible"
    return [f"{text}." if half == some else f"{text}; at {half:g}, {eligible[half]:,}."]


def _would_be(count: int, total: int) -> str:
    return f"{count:,} of {counted(total, 'image')} would be"


def _check(seen: Observations) -> str:
    labelled = int(seen.labelled.sum())
    if not labelled:
        return f"Check first that {INPUT}. Without labels it is not known whether the predictions are right. {LOOK}"
    right = part_text(float(seen.correct[seen.labelled].mean()), labelled)
    return f"Check first that {INPUT}. The predictions are right on {right} of {labelled:,} labelled images. {LOOK}"
