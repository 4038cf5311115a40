"""The shortcut rule (docs/method.md, "The shortcut rule"): does the decision rest on pixels beside the object?

The region is the ring at the canvas' edge. If an image of the audit has boxes or a mask, the region is what lies
outside its objects, and only images with objects count. The drop is the paired loss of accuracy when the region is
filled with `mean`, over all images and by predicted class. A fill is a change that no model was trained on, and costs
any model some accuracy, so the excess is what the region costs beyond a comparison, in pairs: a ring beside a band of
about its area further in, what lies outside the objects beside the objects. The rule never sees where a mark was
planted. Where the subsets lie is described and decides nothing.

SHORTCUT: the lower ends of the drop and of the excess are above 0.10, over all images or for a class. A class needs ten
images; its lower ends are those of intervals whose error is divided by the number of such classes (Bonferroni).
NONE_SEEN: otherwise, the upper end of the drop over all images is below 0.10, no class of ten images loses more than
0.10, and the interval of the accuracy lies above chance. INCONCLUSIVE: otherwise, or with fewer than 30 images. Chance
is the share of the most frequent label, which a constant prediction would reach; both are over the images of the drop.
Not for canvases below 28x28. The rule is the client's (`gate/class_rules.py`); here are its measures and its sentences.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from modicum.gate.class_rules import (
    DROP,
    DROP_LIMIT,
    EXCESS,
    LEAST_IMAGES,
    SHORTCUT_STATEMENTS,
    SMALLEST_SIDE,
    shortcut_outcome,
)
from modicum.gate.reading_rules import INCONCLUSIVE
from modicum.gate.variants import COMPARED_WITH, OUTSIDE_FILLED, RING_FILLED

from modicum_server.domain.searches import Canvas
from modicum_server.measures.by_class import by_class
from modicum_server.measures.comparisons import difference_of
from modicum_server.measures.intervals import square_and_add
from modicum_server.measures.measure import Measure, Measured, Reading, concluded, share
from modicum_server.measures.measure_sets import DIFFERENCES, MeasureSet, Title
from modicum_server.measures.observations import Booleans, Floats, Observations
from modicum_server.measures.shortcut_words import (
    class_loss_texts,
    loss_texts,
    near_chance_text,
    no_more_text,
    none_seen_text,
    open_classes_text,
    reacts_text,
    too_few_text,
    unsettled_text,
    where_text,
)

CONTROL = "shortcut"
OUTCOMES = ("SHORTCUT", "NONE_SEEN", "CLEAR", "INCONCLUSIVE")
"""Of the reading. CLEAR is that of results of older releases alone."""
RING, OUTSIDE = "ring", "outside the objects"
COMPARISONS = {RING: "a band further in", OUTSIDE: "the objects"}
"""What is filled in the comparison of each region."""
NOT_RUN = "the shortcut control ran on no labelled image"
NOT_COMPARED = "no labelled image was scored with the comparison filled"
TOO_SMALL = f"the shortcut control does not run on canvases below {SMALLEST_SIDE}x{SMALLEST_SIDE}"


def shortcut(seen: Observations) -> Measured:
    """Return `shortcut_accuracy_drop` and `shortcut_accuracy_excess`, in pairs.

    The drop is accuracy on the whole images less that with the region filled. Its parameters are what the rule needs
    beside it: `region`, `accuracy_low`, the lower end of the accuracy on the whole images (None of so few that there is
    no interval), `accuracy_filled`, `chance_accuracy`. The excess is accuracy with the comparison filled less that with
    the region filled; its parameters are `region`, `compared_with` and `elsewhere`, what filling the comparison costs.
    Groups, by predicted class, have the class's `label` and `low_over_classes`, the lower end that the rule uses.
    """
    outside = bool((~np.isnan(seen.object_area)).any())
    variant = OUTSIDE_FILLED if outside else RING_FILLED
    region = {"region": OUTSIDE if outside else RING}
    compared = {**region, "compared_with": COMPARISONS[region["region"]]}
    filled = seen.variants.get(variant)
    if filled is None or not (filled.ran & seen.labelled).any():
        why = NOT_RUN if is_large_enough(seen.canvas) else TOO_SMALL
        return {
            DROP: Measure(None, "difference", 0, parameters=region, unavailable=why),
            EXCESS: Measure(None, "difference", 0, parameters=compared, unavailable=why),
        }
    counted, still = filled.ran & seen.labelled, filled.predicted == seen.label
    elsewhere = seen.variants.get(COMPARED_WITH[variant])
    both = np.zeros_like(counted) if elsewhere is None else counted & elsewhere.ran
    kept = still if elsewhere is None else elsewhere.predicted == seen.label
    return {
        DROP: _with(_drop(seen, counted, still), region),
        EXCESS: _with(_excess(seen, both, still, kept), compared),
    }


def is_large_enough(canvas: Canvas) -> bool:
    """Return whether the rule applies to a canvas."""
    return min(canvas.height, canvas.width) >= SMALLEST_SIDE


def _with(measure: Measure, parameters: Mapping[str, Any]) -> Measure:
    return replace(measure, parameters={**measure.parameters, **parameters})


def _drop(seen: Observations, counted: Booleans, still: Booleans) -> Measure:
    drop = _by_class(seen, counted, seen.correct.astype(np.float64) - still, empty=NOT_RUN)
    _, counts = np.unique(seen.label[counted], return_counts=True)
    whole = share(seen.correct[counted], level=seen.level, empty=NOT_RUN).interval
    known = {
        "accuracy_low": None if whole is None else whole.low,
        "accuracy_filled": float(still[counted].mean()),
        "chance_accuracy": float(counts.max() / counted.sum()),
    }
    return _with(drop, known)


def _excess(seen: Observations, counted: Booleans, still: Booleans, kept: Booleans) -> Measure:
    """`still` is right with the region filled, `kept` with the comparison filled."""
    excess = _by_class(seen, counted, kept.astype(np.float64) - still, empty=NOT_COMPARED)
    lost = seen.correct.astype(np.float64) - kept

    def told(measure: Measure, where: Booleans) -> Measure:
        return _with(measure, {"elsewhere": float(lost[where].mean())}) if measure.n else measure

    groups = {index: told(group, counted & (seen.predicted == int(index))) for index, group in excess.groups.items()}
    return replace(told(excess, counted), groups=groups)


def _by_class(seen: Observations, counted: Booleans, differences: Floats, *, empty: str) -> Measure:
    """The mean difference, its groups with what the rule needs of each: its name, its lower end among so many."""
    mean = by_class(
        lambda where: difference_of(differences[where], level=seen.level, empty=empty), counted, seen.predicted
    )
    judged = sum(group.interval is not None for group in mean.groups.values())
    level = 1 - (1 - seen.level) / max(1, judged)

    def facts_of(index: str) -> dict[str, Any]:
        interval = square_and_add(differences[counted & (seen.predicted == int(index))], level=level)
        low = {} if interval is None else {"low_over_classes": interval.low}
        return {"label": seen.class_name(int(index)), **low}

    return replace(mean, groups={index: _with(group, facts_of(index)) for index, group in mean.groups.items()})


def shortcut_reading(measured: Measured) -> Reading | None:
    """Return the verdict and its sentence; None when the control did not run."""
    drop = measured[DROP]
    if drop.value is None:
        return None
    outcome = shortcut_outcome(drop.as_json(), measured[EXCESS].as_json())
    outside = _is_outside(drop)
    where = measured["object_share_median" if outside else "border_share_median"]
    classes = losing_classes(measured) or reacting_classes(measured)
    fact, *more = [
        *loss_texts(measured[EXCESS], drop, outside=outside),
        *class_loss_texts(classes, outside=outside),
        where_text(where, outside=outside),
    ]
    why = _unsettled(measured) if outcome == INCONCLUSIVE else _settled(outcome, measured)
    return concluded(CONTROL, fact, why, outcome, statements=SHORTCUT_STATEMENTS, more=more)


def _settled(outcome: str, measured: Measured) -> str:
    """The sentence about an outcome that the rule came to."""
    outside = _is_outside(measured[DROP])
    if outcome == "NONE_SEEN":
        return none_seen_text(measured[DROP], outside=outside)
    return reacts_text("decisions" if loses_everywhere(measured) else "decisions for these classes", outside=outside)


def _unsettled(measured: Measured) -> str:
    """The sentence about what keeps the rule from an outcome."""
    drop = measured[DROP]
    outside = _is_outside(drop)
    if drop.n < LEAST_IMAGES:
        return too_few_text(drop.n, LEAST_IMAGES)
    low, chance = drop.parameters["accuracy_low"], drop.parameters["chance_accuracy"]
    if low is None or low <= chance:
        return near_chance_text(chance)
    if _reacts(drop) or reacting_classes(measured):
        return no_more_text(measured[EXCESS], DROP_LIMIT, outside=outside)
    open_classes = [group for group in drop.groups.values() if group.interval and (group.value or 0.0) > DROP_LIMIT]
    return open_classes_text(open_classes, outside=outside) if open_classes else unsettled_text(outside=outside)


def loses_everywhere(measured: Measured) -> bool:
    """Return whether the loss over all images is a finding: it and its excess are above the limit."""
    return _reacts(measured[DROP]) and _reacts(measured[EXCESS])


def losing_classes(measured: Measured) -> list[tuple[Measure, Measure]]:
    """Return the drop and the excess of the classes for which both are above the limit, the largest drop first."""
    return [
        (drop, excess)
        for drop, excess in _pairs_of_classes(measured)
        if excess is not None and _stands_out(drop) and _stands_out(excess)
    ]


def reacting_classes(measured: Measured) -> list[tuple[Measure, Measure | None]]:
    """Return the drops above the limit, with their excess or not, the largest first."""
    return [(drop, excess) for drop, excess in _pairs_of_classes(measured) if _stands_out(drop)]


def _pairs_of_classes(measured: Measured) -> list[tuple[Measure, Measure | None]]:
    excesses = measured[EXCESS].groups
    pairs = [(drop, excesses.get(index)) for index, drop in measured[DROP].groups.items()]
    return sorted(pairs, key=lambda pair: -(pair[0].value or 0.0))


def _reacts(measure: Measure) -> bool:
    low = None if measure.interval is None else measure.interval.low
    return measure.n >= LEAST_IMAGES and low is not None and low > DROP_LIMIT


def _stands_out(group: Measure) -> bool:
    return bool(group.parameters.get("low_over_classes", 0.0) > DROP_LIMIT)


def _is_outside(drop: Measure) -> bool:
    return bool(drop.parameters["region"] == OUTSIDE)


MEASURE_SET = MeasureSet(
    shortcut,
    {
        DROP: Title("Accuracy lost when the ring, or what lies outside objects, is filled", range=DIFFERENCES),
        EXCESS: Title("Accuracy lost beyond what filling a band further in, or the objects, costs", range=DIFFERENCES),
    },
    shortcut_reading,
)
