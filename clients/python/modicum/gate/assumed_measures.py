"""Measures that nobody measured: what a plan without a result takes for those that the rules of a policy are about.

A number lies half-way between its limit and the best that it can be; where nothing bounds it, twice the limit stands
for the best. The values behind a median or a quartile are spread evenly from it down to 0 and up to `MOST_TIMES` it,
within the range of the measure; those behind a mean between the same ends. Of paired images `DIFFERING` differ. Judges
nothing. A ratio of two versions lies half-way by its logarithms, which spread as those of two networks that were
trained alike.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from modicum.gate.intervals import order_ends
from modicum.gate.policy import Kind, Rule
from modicum.gate.version_pairs import RATIO

AssumedMeasure = dict[str, Any]
SPREAD = 0.7
"""Standard deviation of the logarithms of ratios of sizes; the simulations of the gate have the same."""
IMAGES = 1000
"""A round number of images, so that counts are whole. A plan scales it."""
DIFFERING = 0.04
Range = tuple[float | None, float | None]
MOST_TIMES = 4
"""How many times the number the values behind it reach."""
QUANTILES = {"median": 0.5, "lower": 0.25, "upper": 0.75}
"""By a word in the id of a rule about a median or a quartile."""
SHARE_WORDS = {"accuracy", "share", "rate", "survival"}
DIFFERENCE_WORDS = {"drop", "loss", "difference", "excess", "gain"}
MEAN_WORDS = {"mean"}
"""Words in the ids of rules about shares, paired differences and means."""


def assumed_measure(rule: Rule) -> AssumedMeasure | None:
    """Return the assumed measure of a rule; None where nothing is assumed."""
    words = set(rule.id.split("-"))
    if rule.known.kind is not Kind.MEASURE or (rule.max is None and rule.min is None and not rule.needs_baseline):
        return None
    if is_ratio(rule):
        return _ratio(rule.min or None, rule.max)
    if words & DIFFERENCE_WORDS:
        return assumed_difference(0.0)
    if words & SHARE_WORDS:
        return assumed_share(_half_way(rule))
    quantile = next((QUANTILES[word] for word in QUANTILES if word in words), None)
    if quantile is not None:
        return assumed_quantile(_half_way(rule), rule.known.range, quantile)
    return _mean(_half_way(rule), rule.known.range) if words & MEAN_WORDS else None


def assumed_share(value: float) -> AssumedMeasure:
    """Return a share."""
    return {"value": value, "unit": "share", "n": IMAGES, "parameters": {"successes": round(value * IMAGES)}}


def assumed_difference(value: float, **parameters: float) -> AssumedMeasure:
    """Return a paired difference: beside the images that make its value, as many are gained as lost."""
    differing = (DIFFERING + abs(value)) * IMAGES
    return {
        "value": value,
        "unit": "difference",
        "n": IMAGES,
        "parameters": {"differing": differing, **parameters},
    }


def assumed_quantile(value: float, of: Range, quantile: float = 0.5) -> AssumedMeasure:
    """Return a quantile of numbers within a range, with the ends that their order gives."""
    (low, high), share = _ends(value, of), (np.arange(IMAGES) + 0.5) / IMAGES
    values = np.interp(share, [0, quantile, 1], [low, value, high])
    return {
        "value": value,
        "unit": "",
        "n": IMAGES,
        "parameters": {},
        "evidence": {"ends": order_ends(values, quantile)},
    }


def is_ratio(rule: Rule) -> bool:
    """Return whether a rule is about the ratio of sizes of two versions of one audit."""
    return rule.known.name == RATIO and bool(rule.known.part)


def _ratio(low: float | None, high: float | None) -> AssumedMeasure:
    """The geometric mean of its limits; beside one limit stands 1, or what is better by a factor of two."""
    if low is None:
        low = 1.0 if high is None or high > 1 else high / 2
    if high is None:
        high = 1.0 if low < 1 else low * 2
    evidence = {"deviation": SPREAD, "skewness": 0.0, "logarithms": True}
    return {
        "value": math.sqrt(low * high),
        "unit": "ratio",
        "n": IMAGES,
        "parameters": {},
        "evidence": evidence,
    }


def _mean(value: float, of: Range) -> AssumedMeasure:
    low, high = _ends(value, of)
    evidence = {"deviation": (high - low) / math.sqrt(12), "skewness": 0.0}
    return {"value": value, "unit": "", "n": IMAGES, "parameters": {}, "evidence": evidence}


def _half_way(rule: Rule) -> float:
    least, most = rule.known.range
    low = least or 0.0 if rule.min is None else rule.min
    high = most if rule.max is None else rule.max
    return (low + (2 * low if high is None else high)) / 2


def _ends(value: float, of: Range) -> tuple[float, float]:
    """Between which numbers the values lie."""
    low, high = of
    return low or 0.0, min(MOST_TIMES * value, math.inf if high is None else high)


def of_class(measure: Mapping[str, Any], classes: int) -> AssumedMeasure:
    """Return the same measure of one of so many classes. Its ends lie farther apart by the root of their number."""
    parameters = {name: number / classes for name, number in measure["parameters"].items()}
    found = {**measure, "n": measure["n"] / classes, "parameters": parameters}
    if "ends" not in measure.get("evidence", {}):
        return found
    root, value = math.sqrt(classes), measure["value"]
    ends = [
        [tail, *(None if end is None else value + (end - value) * root for end in both)]
        for tail, *both in measure["evidence"]["ends"]
    ]
    return {**found, "evidence": {"ends": ends}}
