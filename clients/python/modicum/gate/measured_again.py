"""Measures of a search, taken again from its rows. The definitions are those of `modicum_server.measures`.

A test compares both on every measure of a document. Not here are measures of what the rows lack that the
server judges: masks (the border share), pixel subsets and scores by other versions.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from modicum.gate.fills import Fill
from modicum.gate.intervals import difference_ends, order_ends, quantile, quantile_ends, wilson_ends
from modicum.gate.losses import LOW, accuracy_low, counts_of_pairs, low_over_classes
from modicum.gate.row_facts import RowFacts
from modicum.gate.tails import FEWEST_PAIRS
from modicum.gate.variants import COMPARED_WITH

Told = dict[str, Any]
"""Fields of a measure as its document has them."""
ClassOf = Callable[[RowFacts], int | None]
QUANTILES = {"median": 0.5, "lower_quartile": 0.25, "upper_quartile": 0.75}
PAINTS = ("white_on_mean", "black_on_mean")
OBJECTS_DIVIDE = (0, 1)
"""Between these an area of objects covers a part of the canvas."""


def _no_class(_: RowFacts) -> int | None:
    return None


@dataclass(frozen=True, slots=True)
class Share:
    """A share over the images of which `holds` says yes or no; None leaves an image out."""

    holds: Callable[[RowFacts], bool | None]
    class_of: ClassOf = _no_class

    def counts(self, image: RowFacts) -> bool:
        """Return whether it is taken over an image."""
        return self.holds(image) is not None

    def again(self, images: Sequence[RowFacts], level: float) -> Told:
        """Return its fields."""
        held = [held for one in images if (held := self.holds(one)) is not None]
        n, successes = len(held), sum(held)
        ends = None if n < FEWEST_PAIRS else wilson_ends(successes / n, n, level)
        value = successes / n if n else None
        return {"n": n, "parameters": {"successes": successes} if n else {}, "value": value, **_interval(ends)}


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile of `value` over the images that have one."""

    value: Callable[[RowFacts], float | None]
    q: float = 0.5
    class_of: ClassOf = _no_class

    def counts(self, image: RowFacts) -> bool:
        """Return whether it is taken over an image."""
        return self.value(image) is not None

    def again(self, images: Sequence[RowFacts], level: float) -> Told:
        """Return its fields."""
        values = np.array([told for one in images if (told := self.value(one)) is not None], dtype=np.float64)
        if not len(values):
            return {"n": 0, "value": None, "interval": None}
        value, censored = quantile(values, self.q), int(np.isinf(values).sum())
        ends = order_ends(values, self.q)
        return {
            "n": len(values),
            "value": None if math.isinf(value) else value,
            "parameters": {"censored": censored} if censored else {},
            "evidence": {"ends": ends} if ends else {},
            **_interval(quantile_ends(values, self.q, (1 - level) / 2)),
        }


@dataclass(frozen=True, slots=True)
class Paired:
    """The mean of differences of 1, -1 and 0 over the images of which `difference` gives one.

    `beside` gives what stands beside it, of these images and the level.
    """

    difference: Callable[[RowFacts], int | None]
    class_of: ClassOf = _no_class
    beside: Callable[[Sequence[RowFacts], float], Told] | None = None

    def counts(self, image: RowFacts) -> bool:
        """Return whether it is taken over an image."""
        return self.difference(image) is not None

    def again(self, images: Sequence[RowFacts], level: float) -> Told:
        """Return its fields."""
        told = [difference for one in images if (difference := self.difference(one)) is not None]
        n, gained, lost = len(told), told.count(1), told.count(-1)
        if not n:
            return {"n": 0, "value": None, "interval": None}
        ends = None if n < FEWEST_PAIRS else difference_ends(gained / n, lost / n, n, level)
        return {"n": n, "value": (gained - lost) / n, "parameters": {"differing": gained + lost}, **_interval(ends)}


Taken = Share | Quantile | Paired


def again(taken: Taken, images: Sequence[RowFacts], level: float, groups: Sequence[str]) -> Told:
    """Return the fields of a measure, and of it for these classes, by index."""
    by_class = {
        index: taken.again([one for one in images if str(taken.class_of(one)) == index], level) for index in groups
    }
    whole = taken.again(images, level)
    if isinstance(taken, Paired) and whole["n"]:
        counted = [one for one in images if taken.counts(one)]
        whole["parameters"] |= taken.beside(counted, level) if taken.beside else {}
        by_class = _among_classes(by_class, level)
    return {**whole, **({"groups": by_class} if by_class else {})}


def _among_classes(by_class: Mapping[str, Told], level: float) -> dict[str, Told]:
    """Classes with the lower end of each among those that have an interval."""
    judged = sum(one["interval"] is not None for one in by_class.values())
    found = {}
    for index, one in by_class.items():
        counts = counts_of_pairs(one) if one["interval"] is not None else None
        low = {} if counts is None else {LOW: low_over_classes(counts, one["n"], level, judged)}
        found[index] = {**one, "parameters": {**one.get("parameters", {}), **low}}
    return found


def _interval(ends: tuple[float | None, float | None] | None) -> Told:
    return {"interval": None if ends is None else {"low": ends[0], "high": ends[1]}}


def _target(one: RowFacts) -> int | None:
    return one.target


def _predicted(one: RowFacts) -> int | None:
    """The class by which measures of a search for the predicted class are grouped."""
    return one.predicted if one.scene.for_predicted else None


def _rate(one: RowFacts) -> bool | None:
    return one.is_small(one.size) if one.measured and one.scene.for_predicted else None


def _rate_with_bare(one: RowFacts) -> bool | None:
    if not one.scene.for_predicted or not (one.measured or one.bare):
        return None
    return one.bare or one.is_small(one.size)


def _rate_of_other_class(one: RowFacts) -> bool | None:
    return one.is_small(one.other) if one.other and one.scene.for_predicted else None


def _fraction(one: RowFacts) -> float | None:
    return one.size / one.scene.pixels if one.measured else None


def _fraction_where(one: RowFacts, *, correct: bool) -> float | None:
    return _fraction(one) if one.labelled and one.correct is correct else None


def _divided(one: RowFacts) -> tuple[float, float] | None:
    """The objects' area and the subset's share in them, where they cover a part of the canvas."""
    least, most = OBJECTS_DIVIDE
    divides = one.objects is not None and least < one.objects[0] < most
    return one.objects if one.with_subset and divides else None


def _object_share(one: RowFacts) -> float | None:
    return None if (objects := _divided(one)) is None else objects[1]


def _object_excess(one: RowFacts) -> float | None:
    return None if (objects := _divided(one)) is None else objects[1] - objects[0]


def _robust_ratio(one: RowFacts) -> float | None:
    return None if one.robust is None else one.robust / one.size


def _sufficient(variant: str, one: RowFacts) -> bool | None:
    return one.variants[variant].sufficient if variant in one.variants else None


def _confidence(variant: str, one: RowFacts) -> float | None:
    return one.variants[variant].confidence if variant in one.variants else None


def _random_correct(one: RowFacts) -> bool | None:
    return one.variants["random"].predicted == one.label if "random" in one.variants and one.labelled else None


def _dilated_kept(one: RowFacts) -> bool | None:
    return one.variants["dilated"].predicted == one.target if "dilated" in one.variants else None


def _drop(variant: str, one: RowFacts) -> int | None:
    """1 where filling the region loses a right prediction, -1 where it gains one."""
    if variant not in one.variants or not one.labelled:
        return None
    return int(one.correct) - int(one.variants[variant].predicted == one.label)


def _beside_the_drop(variant: str, images: Sequence[RowFacts], level: float) -> Told:
    """What the shortcut reading goes by beside the loss: accuracy before and after the fill, and that of chance."""
    right, n = sum(one.correct for one in images), len(images)
    still = sum(one.variants[variant].predicted == one.label for one in images)
    most = max(Counter(one.label for one in images).values())
    return {"accuracy_low": accuracy_low(right, n, level), "accuracy_filled": still / n, "chance_accuracy": most / n}


def _excess(variant: str, one: RowFacts) -> int | None:
    """1 where filling the region loses what filling the comparison keeps, -1 the other way round."""
    compared = COMPARED_WITH[variant]
    if variant not in one.variants or compared not in one.variants or not one.labelled:
        return None
    return int(one.variants[compared].predicted == one.label) - int(one.variants[variant].predicted == one.label)


def _predicted_in_any_search(one: RowFacts) -> int | None:
    """The class by which measures of whole images are grouped, whatever class is searched for."""
    return one.predicted


def _rescored(variant: str, name: str) -> dict[str, Taken]:
    return {
        f"{name}_sufficient_share": Share(partial(_sufficient, variant)),
        f"{name}_confidence_median": Quantile(partial(_confidence, variant)),
    }


MEASURES: Mapping[str, Taken] = {
    "overinterpretation_rate": Share(_rate, _predicted),
    "overinterpretation_rate_with_baseline_confident": Share(_rate_with_bare),
    "overinterpretation_rate_class_targeted": Share(_rate_of_other_class, _predicted),
    "other_class_found_share": Share(lambda one: math.isfinite(one.size) if one.measured else None),
    **{f"subset_fraction_{name}": Quantile(_fraction, q, _target) for name, q in QUANTILES.items()},
    **{
        f"subset_fraction_{name}_{outcome}": Quantile(partial(_fraction_where, correct=outcome == "correct"), q)
        for name, q in QUANTILES.items()
        for outcome in ("correct", "incorrect")
    },
    "eligible_share": Share(lambda one: one.eligible if one.scored else None),
    "baseline_confident_share": Share(lambda one: one.baseline_confident if one.searchable else None),
    "accuracy": Share(lambda one: one.correct if one.labelled else None, _predicted),
    "subset_size_median": Quantile(lambda one: one.size if one.measured else None),
    "object_share_median": Quantile(_object_share),
    "object_share_excess_median": Quantile(_object_excess),
    "class_targeted_found_share": Share(lambda one: None if one.other is None else math.isfinite(one.other)),
    "class_targeted_baseline_confident_share": Share(lambda one: None if one.other is None else one.other == 0),
    "class_targeted_size_ratio_median": Quantile(lambda one: one.other / one.size if one.other else None),
    **{f"fill_survival_{fill}": Share(partial(lambda name, one: one.fills.get(name), fill)) for fill in Fill},
    "fill_robust_found_share": Share(lambda one: None if one.robust is None else one.robust < one.scene.pixels),
    "fill_robust_fraction_median": Quantile(lambda one: None if one.robust is None else one.robust / one.scene.pixels),
    "fill_robust_size_ratio_median": Quantile(_robust_ratio),
    **_rescored("dilated", "dilated"),
    "dilated_class_kept_share": Share(_dilated_kept),
    **{name: taken for paint in PAINTS for name, taken in _rescored(paint, f"mask_only_{paint}").items()},
    **_rescored("random", "random"),
    "random_accuracy": Share(_random_correct),
}
"""How each measure is taken, by its name in the result document."""
BY_REGION: Mapping[str, Mapping[str, Taken]] = {
    region: {
        "shortcut_accuracy_drop": Paired(
            partial(_drop, variant), _predicted_in_any_search, partial(_beside_the_drop, variant)
        ),
        "shortcut_accuracy_excess": Paired(partial(_excess, variant), _predicted_in_any_search),
    }
    for region, variant in (("ring", "ring_filled"), ("outside the objects", "outside_filled"))
}
"""The measures of the shortcut control, by what was filled."""


def taken_by(name: str, measure: Mapping[str, Any]) -> Taken | None:
    """Return how a measure of a document is taken; None where it is not taken again."""
    return MEASURES.get(name) or BY_REGION.get(measure["parameters"].get("region", ""), {}).get(name)
