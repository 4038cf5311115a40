"""Why a control's question is open, and what would settle it. Judges nothing: a rule has judged it to be open.

The report groups questions by their reason. So the words of a reason that several controls share name no control.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modicum.gate.class_rules import DROP, LEAST_IMAGES
from modicum.gate.reading_rules import FEW_PIXELS, HALF, LARGER_RATIO, RULES

from modicum_server.domain.controls import CONTROLS, Images
from modicum_server.domain.searches import Control
from modicum_server.measures.intervals import SMALLEST_SAMPLE
from modicum_server.reports.lines import Measures


@dataclass(frozen=True, slots=True)
class Reason:
    """Why questions are open, and what would settle them: a sentence each. `settled_by` is empty if nothing is known.

    `has_intervals` says whether the figures behind them have intervals.
    """

    why: str
    settled_by: str
    has_intervals: bool = True


TOO_FEW = Reason(
    f"Fewer than {SMALLEST_SAMPLE} images could be measured, and with so few no figure has an interval.",
    "Audit more images, or the same ones at a lower threshold.",
    has_intervals=False,
)
TOO_FEW_LABELLED = Reason(
    f"Fewer than {LEAST_IMAGES} labelled images could be measured.",
    f"Audit at least {LEAST_IMAGES} images with labels.",
)
BOTH_SIDES = Reason(
    "The interval of a figure lies on both sides of the limit that decides.",
    "Audit more images: with four times as many, an interval is about half as wide.",
)
NO_SUBSET = Reason(
    "Did not run: no image has a subset to test.",
    "The reason is given above.",
)
MORE_IMAGES = "Audit more images."
MORE_PASSES = "Give the search of this control more passes."
RATIO, SURVIVAL, ROBUST = "class_targeted_size_ratio_median", "fill_survival_", "fill_robust_found_share"
ROBUST_LIMITS = {"fill_robust_fraction_median": FEW_PIXELS, "fill_robust_size_ratio_median": LARGER_RATIO}


def open_reason(control: str, conclusion: str, measures: Measures) -> Reason:
    """Return why a reading is INCONCLUSIVE: a reason that others share, or its own conclusion."""
    own = [measure for name, measure in measures.items() if name.startswith(prefix_of(control))]
    if own and max(measure["n"] for measure in own) < SMALLEST_SAMPLE:
        return TOO_FEW
    if control == "shortcut" and DROP in measures and measures[DROP]["n"] < LEAST_IMAGES:
        return TOO_FEW_LABELLED
    if control == "fill_robust" and _low(measures.get(ROBUST)) <= HALF:
        return Reason(conclusion, MORE_PASSES)
    if control == "fill_robust" and not any(_holds(measures.get(name), limit) for name, limit in ROBUST_LIMITS.items()):
        return Reason(conclusion, "")  # no limit lies within an interval, so more images settle nothing
    return BOTH_SIDES if control in RULES and _has_intervals(control, measures) else Reason(conclusion, MORE_IMAGES)


def not_run_reason(control: str, measures: Measures, *, has_subsets: bool) -> Reason | None:
    """Return why a planned control has no reading; None where its measures do not say. `has_subsets`: any image has."""
    if not has_subsets and control in CONTROLS and CONTROLS[Control(control)].images is Images.WITH_SUBSET:
        return NO_SUBSET
    said = (str(one.get("unavailable") or "") for name, one in measures.items() if name.startswith(prefix_of(control)))
    why = next((text for text in said if text), "")
    return Reason(f"Did not run: {why}.", "") if why else None


def prefix_of(control: str) -> str:
    """Return how the names of a control's measures begin."""
    return RULES[control].prefix if control in RULES else f"{control}_"


def _has_intervals(control: str, measures: Measures) -> bool:
    """Whether all that the rule looks at has an interval, so that the limit lies within one."""
    needed = {"class_targeted": RATIO, "fill": SURVIVAL}.get(control)
    return needed is None or all(
        measure["interval"] is not None for name, measure in measures.items() if name.startswith(needed)
    )


def _holds(measure: Mapping[str, Any] | None, limit: float) -> bool:
    """Whether the limit lies within the interval of a measure, of which an end may be open."""
    interval = None if measure is None else measure["interval"]
    if interval is None:
        return False
    low, high = interval["low"], interval["high"]
    return (low is None or low <= limit) and (high is None or high >= limit)


def _low(measure: Mapping[str, Any] | None) -> float:
    interval = None if measure is None else measure["interval"]
    return 0.0 if interval is None or interval["low"] is None else float(interval["low"])
