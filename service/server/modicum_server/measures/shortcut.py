"""The shortcut rule (docs/method.md, "The shortcut rule"): does the decision rest on pixels beside the object?

The region is the ring at the canvas' edge. If an image of the audit has boxes or a mask, the region is what lies
outside its objects, and only images with objects count. The drop is the paired loss of accuracy when the region is
filled with `mean`. The rule never sees where a mark was planted.

SHORTCUT: the lower end of the median share of the subset's pixels in the region is above its chance level (the region's
area) + 0.2, and the lower end of the drop is above 0.10. CLEAR: both upper ends are below those limits. INCONCLUSIVE:
otherwise; or with fewer than 30 eligible images, or images behind the drop or the median; or if the interval of the
accuracy does not lie above chance. Chance is the share of the most frequent label, which a constant prediction would
reach; both are over the images of the drop. Not for canvases below 28x28.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from modicum_server.domain.searches import Canvas
from modicum_server.measures.comparisons import difference_of
from modicum_server.measures.families import Family, Title
from modicum_server.measures.measure import Measure, Measured, Reading, share
from modicum_server.measures.number_words import interval_text, share_text
from modicum_server.measures.object_share import divides
from modicum_server.measures.observations import OUTSIDE_FILLED, RING_FILLED, Observations, Rescored

CONTROL = "shortcut"
SHARE_LIMIT = 0.2
"""Of the share of a median subset that lies in the region, above chance."""
DROP_LIMIT = 0.10
LEAST_IMAGES = 30
SMALLEST_SIDE = 28
"""Pixels; the ring of a smaller canvas takes in too much of what it should surround."""
RING, OUTSIDE = "ring", "outside the objects"
NOT_RUN = "the shortcut control ran on no labelled image"
TOO_SMALL = f"the shortcut control does not run on canvases below {SMALLEST_SIDE}x{SMALLEST_SIDE}"


def shortcut(seen: Observations) -> Measured:
    """Return `shortcut_accuracy_drop`: accuracy on the whole images less that with the region filled, in pairs.

    Its parameters are what the rule needs beside it: `region`, `eligible` images, `accuracy_low`, the lower end of the
    accuracy on the whole images (None of so few that there is no interval), `accuracy_filled`, `chance_accuracy`.
    """
    outside = bool((~np.isnan(seen.object_area)).any())
    filled = seen.variants.get(OUTSIDE_FILLED if outside else RING_FILLED)
    searchable = seen.eligible & ~seen.failed
    eligible = int((searchable & divides(seen)).sum() if outside else searchable.sum())
    parameters: dict[str, Any] = {"region": OUTSIDE if outside else RING, "eligible": eligible}
    if filled is None or not (filled.ran & seen.labelled).any():
        why = NOT_RUN if is_large_enough(seen.canvas) else TOO_SMALL
        return {"shortcut_accuracy_drop": Measure(None, "difference", 0, parameters=parameters, unavailable=why)}
    return {"shortcut_accuracy_drop": _drop(seen, filled, parameters)}


def is_large_enough(canvas: Canvas) -> bool:
    """Return whether the rule applies to a canvas."""
    return min(canvas.height, canvas.width) >= SMALLEST_SIDE


def _drop(seen: Observations, filled: Rescored, parameters: Mapping[str, Any]) -> Measure:
    told = filled.ran & seen.labelled
    labels, still = seen.label[told], (filled.predicted == seen.label)[told]
    drop = difference_of(seen.correct[told].astype(np.float64) - still, level=seen.level, empty=NOT_RUN)
    _, counts = np.unique(labels, return_counts=True)
    whole = share(seen.correct[told], level=seen.level, empty=NOT_RUN).interval
    known = {
        "accuracy_low": None if whole is None else whole.low,
        "accuracy_filled": float(still.mean()),
        "chance_accuracy": float(counts.max() / len(labels)),
    }
    return replace(drop, parameters={**drop.parameters, **parameters, **known})


def shortcut_reading(measured: Measured) -> Reading | None:
    """Return the verdict and its sentence; None when the control did not run."""
    drop = measured["shortcut_accuracy_drop"]
    if drop.value is None:
        return None
    outcome, why = judge(measured)
    return Reading(CONTROL, f"{_fact(measured)}: {why}.", outcome)


def judge(measured: Measured) -> tuple[str, str]:
    """Return the verdict by the rule above, and its sentence."""
    drop = measured["shortcut_accuracy_drop"]
    eligible, chance = drop.parameters["eligible"], drop.parameters["chance_accuracy"]
    for count, what in (
        (eligible, "eligible images"),
        (drop.n, "labelled images without that region"),
        (_where(measured).n, "images with a subset"),
    ):
        if count < LEAST_IMAGES:
            return "INCONCLUSIVE", f"fewer than {LEAST_IMAGES} {what} ({count}), so no verdict"
    low = drop.parameters["accuracy_low"]
    if low is None or low <= chance:
        return "INCONCLUSIVE", f"accuracy is not clearly above chance ({share_text(chance)}), so no verdict"
    shares, drops = _excess(measured), _ends(drop)
    if shares[0] > SHARE_LIMIT and drops[0] > DROP_LIMIT:
        return "SHORTCUT", "the decision rests on what lies beside the object"
    if shares[1] < SHARE_LIMIT and drops[1] < DROP_LIMIT:
        return "CLEAR", "the decision does not rest on what lies beside the object"
    return "INCONCLUSIVE", "these images do not settle whether the decision rests on what lies beside the object"


def _excess(measured: Measured) -> tuple[float, float]:
    """Both ends of the share of the median subset in the region, less chance."""
    where = _where(measured)
    low, high = _ends(where)
    if _is_outside(measured):
        return -high, -low
    return low - where.parameters["chance"], high - where.parameters["chance"]


def _is_outside(measured: Measured) -> bool:
    return bool(measured["shortcut_accuracy_drop"].parameters["region"] == OUTSIDE)


def _where(measured: Measured) -> Measure:
    """The measure of where the subsets lie."""
    return measured["object_share_excess_median" if _is_outside(measured) else "border_share_median"]


def _ends(measure: Measure) -> tuple[float, float]:
    """The interval. An unknown end is as bad as can be."""
    interval = measure.interval
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    return (-math.inf if low is None else low), (math.inf if high is None else high)


def _fact(measured: Measured) -> str:
    drop, outside = measured["shortcut_accuracy_drop"], _is_outside(measured)
    where = measured["object_share_median" if outside else "border_share_median"]
    place = "in the objects" if outside else "in the ring at the canvas' edge"
    beside = "what lies outside them" if outside else "it"
    lost = f"filling {beside} with the mean costs {share_text(drop.value or 0.0)} of accuracy"
    lost += interval_text(drop.interval)
    if where.value is None:
        return f"No subset was found, so its share {place} is not known; {lost}"
    chance = share_text(where.parameters["chance"])
    return f"{share_text(where.value)} of the median subset lies {place} (chance {chance}), and {lost}"


FAMILY = Family(
    shortcut,
    {"shortcut_accuracy_drop": Title("Accuracy lost when the ring, or what lies outside objects, is filled")},
    shortcut_reading,
)
