"""The shortcut rule (docs/method.md, "The shortcut rule"): does the decision rest on pixels beside the object?

The region is the ring at the canvas' edge. If an image of the audit has boxes or a mask, the region is what lies
outside its objects, and only images with objects count. The drop is the paired loss of accuracy when the region is
filled with `mean`, over all images and by predicted class. The rule never sees where a mark was planted. Where the
subsets lie is described and decides nothing.

SHORTCUT: the lower end of the drop is above 0.10, over all images or for a class. A class needs ten images; its lower
end is that of an interval whose error is divided by the number of such classes (Bonferroni). NONE_SEEN: otherwise, the
upper end over all images is below 0.10, no class of ten images loses more than 0.10, and the interval of the accuracy
lies above chance. INCONCLUSIVE: otherwise, or with fewer than 30 images. Chance is the share of the most frequent
label, which a constant prediction would reach; both are over the images of the drop. Not for canvases below 28x28.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from modicum_server.domain.searches import Canvas
from modicum_server.measures.by_class import by_class
from modicum_server.measures.comparisons import difference_of
from modicum_server.measures.intervals import square_and_add
from modicum_server.measures.measure import Measure, Measured, Reading, concluded, share
from modicum_server.measures.measure_sets import MeasureSet, Title
from modicum_server.measures.observations import OUTSIDE_FILLED, RING_FILLED, Booleans, Floats, Observations, Rescored
from modicum_server.measures.shortcut_words import (
    fact_text,
    near_chance_text,
    none_seen_text,
    open_classes_text,
    reacts_text,
    too_few_text,
    unsettled_text,
)

CONTROL = "shortcut"
DROP_LIMIT = 0.10
OUTCOMES = ("SHORTCUT", "NONE_SEEN", "CLEAR", "INCONCLUSIVE")
"""Of the reading. CLEAR is that of results of older releases alone."""
LEAST_IMAGES = 30
SMALLEST_SIDE = 28
"""Pixels; the ring of a smaller canvas takes in too much of what it should surround."""
STATEMENTS = 2
"""That could lead to SHORTCUT by chance: of all images, and of the classes, which share the error of one."""
RING, OUTSIDE = "ring", "outside the objects"
NOT_RUN = "the shortcut control ran on no labelled image"
TOO_SMALL = f"the shortcut control does not run on canvases below {SMALLEST_SIDE}x{SMALLEST_SIDE}"


def shortcut(seen: Observations) -> Measured:
    """Return `shortcut_accuracy_drop`: accuracy on the whole images less that with the region filled, in pairs.

    Its parameters are what the rule needs beside it: `region`, `accuracy_low`, the lower end of the accuracy on the
    whole images (None of so few that there is no interval), `accuracy_filled`, `chance_accuracy`. Its groups, by
    predicted class, have the class's `label` and `low_over_classes`, the lower end that the rule uses.
    """
    outside = bool((~np.isnan(seen.object_area)).any())
    filled = seen.variants.get(OUTSIDE_FILLED if outside else RING_FILLED)
    parameters: dict[str, Any] = {"region": OUTSIDE if outside else RING}
    if filled is None or not (filled.ran & seen.labelled).any():
        why = NOT_RUN if is_large_enough(seen.canvas) else TOO_SMALL
        return {"shortcut_accuracy_drop": Measure(None, "difference", 0, parameters=parameters, unavailable=why)}
    return {"shortcut_accuracy_drop": _drop(seen, filled, parameters)}


def is_large_enough(canvas: Canvas) -> bool:
    """Return whether the rule applies to a canvas."""
    return min(canvas.height, canvas.width) >= SMALLEST_SIDE


def _drop(seen: Observations, filled: Rescored, parameters: Mapping[str, Any]) -> Measure:
    counted, still = filled.ran & seen.labelled, filled.predicted == seen.label
    lost = seen.correct.astype(np.float64) - still
    drop = by_class(lambda where: difference_of(lost[where], level=seen.level, empty=NOT_RUN), counted, seen.predicted)
    _, counts = np.unique(seen.label[counted], return_counts=True)
    whole = share(seen.correct[counted], level=seen.level, empty=NOT_RUN).interval
    known = {
        "accuracy_low": None if whole is None else whole.low,
        "accuracy_filled": float(still[counted].mean()),
        "chance_accuracy": float(counts.max() / counted.sum()),
    }
    groups = _classes_with_facts(seen, lost, counted, drop.groups)
    return replace(drop, parameters={**drop.parameters, **parameters, **known}, groups=groups)


def _classes_with_facts(
    seen: Observations, lost: Floats, counted: Booleans, groups: Mapping[str, Measure]
) -> Mapping[str, Measure]:
    """The groups with what the rule needs of each: its name, and its lower end among so many classes."""
    judged = sum(group.interval is not None for group in groups.values())
    level = 1 - (1 - seen.level) / max(1, judged)

    def facts_of(index: str) -> dict[str, Any]:
        interval = square_and_add(lost[counted & (seen.predicted == int(index))], level=level)
        low = {} if interval is None else {"low_over_classes": interval.low}
        return {"label": seen.class_name(int(index)), **low}

    return {
        index: replace(group, parameters={**group.parameters, **facts_of(index)}) for index, group in groups.items()
    }


def shortcut_reading(measured: Measured) -> Reading | None:
    """Return the verdict and its sentence; None when the control did not run."""
    drop = measured["shortcut_accuracy_drop"]
    if drop.value is None:
        return None
    outcome, why = judge(measured)
    outside = _is_outside(drop)
    where = measured["object_share_median" if outside else "border_share_median"]
    fact = fact_text(drop, losing_classes(drop), where, outside=outside)
    return concluded(CONTROL, fact, why, outcome, statements=STATEMENTS)


def judge(measured: Measured) -> tuple[str, str]:
    """Return the verdict by the rule above, and its sentence."""
    drop = measured["shortcut_accuracy_drop"]
    outside = _is_outside(drop)
    if drop.n < LEAST_IMAGES:
        return "INCONCLUSIVE", too_few_text(drop.n, LEAST_IMAGES)
    if loses_everywhere(drop) or losing_classes(drop):
        return "SHORTCUT", reacts_text(outside=outside)
    low, chance = drop.parameters["accuracy_low"], drop.parameters["chance_accuracy"]
    if low is None or low <= chance:
        return "INCONCLUSIVE", near_chance_text(chance)
    open_classes = [group for group in drop.groups.values() if group.interval and (group.value or 0.0) > DROP_LIMIT]
    if open_classes:
        return "INCONCLUSIVE", open_classes_text(open_classes, outside=outside)
    if _ends(drop)[1] < DROP_LIMIT:
        return "NONE_SEEN", none_seen_text(drop, outside=outside)
    return "INCONCLUSIVE", unsettled_text(outside=outside)


def loses_everywhere(drop: Measure) -> bool:
    """Return whether the drop over all images is a finding."""
    return drop.n >= LEAST_IMAGES and _ends(drop)[0] > DROP_LIMIT


def losing_classes(drop: Measure) -> list[Measure]:
    """Return the drops of the classes for which it is a finding, the largest first."""
    found = [group for group in drop.groups.values() if group.parameters.get("low_over_classes", 0.0) > DROP_LIMIT]
    return sorted(found, key=lambda group: -(group.value or 0.0))


def _is_outside(drop: Measure) -> bool:
    return bool(drop.parameters["region"] == OUTSIDE)


def _ends(measure: Measure) -> tuple[float, float]:
    """The interval. An unknown end is as bad as can be."""
    interval = measure.interval
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    return (-math.inf if low is None else low), (math.inf if high is None else high)


MEASURE_SET = MeasureSet(
    shortcut,
    {"shortcut_accuracy_drop": Title("Accuracy lost when the ring, or what lies outside objects, is filled")},
    shortcut_reading,
)
