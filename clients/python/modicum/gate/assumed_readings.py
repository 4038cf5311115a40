"""Readings that nobody measured: numbers for which a reading's rule comes to the outcome that a policy expects.

Each number that decides lies half-way between the limit of the reading's rule and the best that it can be: a share at
75% or 25%, where the limit is a half. A plan derives the outcome from them anew at each number of images. Judges
nothing.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from modicum.gate.assumed_measures import AssumedMeasure, assumed_difference, assumed_quantile, assumed_share
from modicum.gate.class_rules import DROP, DROP_LIMIT, EXCESS, KEPT, LOSS
from modicum.gate.fills import Fill
from modicum.gate.policy import Kind, Rule
from modicum.gate.reading_rules import FEW_PIXELS, LARGER_RATIO, PAINTED, SURVIVAL

MOST, FEW = assumed_share(0.75), assumed_share(0.25)
SHARES, RATIOS = (0.0, 1.0), (0.0, None)
"""Ranges of medians."""
NOTHING_LOST = assumed_difference(0.0, accuracy_filled=0.9, chance_accuracy=0.1)
MUCH_LOST = assumed_difference(2 * DROP_LIMIT, accuracy_filled=0.7, chance_accuracy=0.1)
OTHER_FILLS = tuple(fill for fill in Fill if fill is not Fill.MEAN)
"""Fills that a subset is tried on, beside the mean."""
Part = str
"""A part of the result whose entries hold measures; empty for a search."""
PARTS: Mapping[str, Part] = {"transfer": "transfer", "counterfactual": "counterfactuals"}
"""By control the part that holds its measures; those of all others are of a search."""
Measures = Mapping[str, AssumedMeasure]
Outcomes = Mapping[str, Measures]
"""The measures from which a control's rule comes to an outcome, by outcome."""

BY_COUNTS: Mapping[str, Outcomes] = {
    "fill": {
        "SURVIVES": {f"{SURVIVAL}{fill}": MOST for fill in OTHER_FILLS},
        "DEPENDS_ON_FILL": {f"{SURVIVAL}{fill}": FEW for fill in OTHER_FILLS},
    },
    "dilated": {
        "SURVIVES": {"dilated_sufficient_share": MOST, "dilated_class_kept_share": MOST},
        "WEAKENED": {"dilated_sufficient_share": FEW, "dilated_class_kept_share": MOST},
        "DESTROYED": {"dilated_sufficient_share": FEW, "dilated_class_kept_share": FEW},
    },
    "random": {
        "THESE_PIXELS": {"random_sufficient_share": FEW},
        "ANY_PIXELS": {"random_sufficient_share": MOST},
    },
    "pixel_subsets": {
        "FEW_PIXELS": {
            "pixel_subsets_class_kept_share": MOST,
            "pixel_subsets_random_class_kept_share": FEW,
            "pixel_subsets_class_kept_gain": assumed_difference(0.5),
        },
        "MORE_PIXELS": {"pixel_subsets_class_kept_share": FEW, "pixel_subsets_random_class_kept_share": FEW},
        "ANY_PIXELS": {"pixel_subsets_random_class_kept_share": MOST},
    },
    "shortcut": {
        "NONE_SEEN": {DROP: NOTHING_LOST, EXCESS: NOTHING_LOST},
        "SHORTCUT": {DROP: MUCH_LOST, EXCESS: MUCH_LOST},
    },
    "transfer": {"PATTERN": {KEPT: MOST}, "QUIRK": {KEPT: FEW}},
    "counterfactual": {
        "ACCURACY_HOLDS": {LOSS: NOTHING_LOST, "counterfactual_original_accuracy": assumed_share(0.9)},
        "ACCURACY_FALLS": {LOSS: MUCH_LOST, "counterfactual_original_accuracy": assumed_share(0.9)},
    },
}
"""By control, where shares and differences decide."""


@cache  # made when it is asked for, because the ends of a median take scipy
def by_medians() -> Mapping[str, Outcomes]:
    """Return the outcomes by control, where medians decide."""
    larger = assumed_quantile(1.5 * LARGER_RATIO, RATIOS)
    return {
        "class_targeted": {
            "THIS_CLASS": {
                "class_targeted_found_share": FEW,
                "class_targeted_baseline_confident_share": FEW,
                "class_targeted_size_ratio_median": larger,
            },
            "ANY_CLASS": {"class_targeted_baseline_confident_share": MOST},
        },
        "fill_robust": {
            "FEW_PIXELS": {
                "fill_robust_fraction_median": assumed_quantile(FEW_PIXELS / 2, SHARES),
                "fill_robust_size_ratio_median": assumed_quantile(1.0, RATIOS),
            },
            "THE_FILL": {
                "fill_robust_fraction_median": assumed_quantile(0.5, SHARES),
                "fill_robust_size_ratio_median": larger,
                "fill_robust_found_share": MOST,
            },
        },
        "mask_only": {
            "SHAPE": {name: assumed_quantile(0.75, SHARES) for name in PAINTED},
            "NOT_THE_SHAPE": {name: assumed_quantile(0.25, SHARES) for name in PAINTED},
        },
    }


def assumed_numbers(rule: Rule) -> tuple[Part, Measures] | None:
    """Return what is assumed for a rule of a reading: the first expected outcome that some numbers stand for."""
    control = rule.known.name
    if rule.known.kind is not Kind.READING:
        return None
    outcomes = BY_COUNTS[control] if control in BY_COUNTS else by_medians()[control]
    return next(((PARTS.get(control, ""), outcomes[one]) for one in rule.expect if one in outcomes), None)


def open_reading(control: str, statements: int) -> dict[str, Any]:
    """Return a reading without an outcome yet: a plan derives it."""
    return {"control": control, "text": "", "outcome": "INCONCLUSIVE", "outcomes": [], "statements": statements}
