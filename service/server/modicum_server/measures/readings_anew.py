"""The outcomes of readings at other levels: each rule is applied again to the intervals that one-sided tails give.

A policy judges a reading at its share of the error budget, and the document holds one interval of each measure. So it
also holds the outcome at each of `TAILS`. Intervals are exact below 1/200 (`share_interval`), those of quantiles are
order statistics. The rules of `shortcut` and of the counterfactual set divide a tail among classes, as they divide an
error. Not derived anew: the spot test, which has a rule of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from modicum_server.measures import counterfactuals, registry, transfer
from modicum_server.measures.document_lists import Audited
from modicum_server.measures.intervals import TAILS, Interval, share_interval, square_and_add
from modicum_server.measures.measure import Measure, Measured
from modicum_server.measures.shortcut import DROP, EXCESS

Outcomes = Mapping[str, Sequence[tuple[float, str]]]


def outcomes_by_tail(
    measured: Measured, audited: Audited, across: Mapping[str, Sequence[Any]], version: str, index: int
) -> Outcomes:
    """Return the outcomes of the readings of one version under one search, by control: one for each tail.

    `across` are the lists of the document across versions.
    """
    whole = {name: replace(one, groups={}) for name, one in measured.items()}
    found: dict[str, list[tuple[float, str]]] = {}
    for tail in TAILS:
        pairs = [replace(one, measures=_all_at(one.measures, tail)) for one in across[transfer.DOCUMENT_LIST.key]]
        own = registry.read_controls({**_all_at(whole, tail), **shortcut_at(measured, tail)})
        for reading in (*own, transfer.reading_of(audited, pairs, version, index)):
            if reading is not None:
                found.setdefault(reading.control, []).append((tail, reading.outcome))
    for test in across[counterfactuals.DOCUMENT_LIST.key]:
        if (test.model_version, test.search_index) == (version, index):
            found[counterfactuals.CONTROL] = list(test.outcomes)
    return found


def shortcut_at(measured: Measured, tail: float) -> dict[str, Measure]:
    """Return the measures of the shortcut rule with what the rule needs at a tail: classes have their parts of it."""
    drop = _with_classes_at(measured[DROP], tail)
    if drop.value is not None:
        right = round((drop.parameters["accuracy_filled"] + drop.value) * drop.n)
        accuracy = share_interval(right, drop.n, 1 - 2 * tail)
        low = {"accuracy_low": None if accuracy is None else accuracy.low}
        drop = replace(drop, parameters={**drop.parameters, **low})
    return {DROP: drop, EXCESS: _with_classes_at(measured[EXCESS], tail)}


def _with_classes_at(measure: Measure, tail: float) -> Measure:
    anew = at_tail(measure, tail)
    judged = sum(group.interval is not None for group in anew.groups.values())
    groups = {index: _among(group, tail / max(1, judged)) for index, group in anew.groups.items()}
    return replace(anew, groups=groups)


def _among(group: Measure, tail: float) -> Measure:
    """The measure of a class, its lower end among all classes that the rule judges."""
    interval = at_tail(group, tail).interval
    low = {} if interval is None else {"low_over_classes": interval.low}
    return replace(group, parameters={**group.parameters, **low})


def at_tail(measure: Measure, tail: float) -> Measure:
    """Return the measure with the interval whose ends are one-sided at `tail`; None where nothing tells it."""
    groups = {index: at_tail(group, tail) for index, group in measure.groups.items()}
    return replace(measure, interval=_interval(measure, tail), groups=groups)


def _all_at(measured: Measured, tail: float) -> dict[str, Measure]:
    return {name: at_tail(one, tail) for name, one in measured.items()}


def _interval(measure: Measure, tail: float) -> Interval | None:
    level, parameters = 1 - 2 * tail, measure.parameters
    if "successes" in parameters:
        return share_interval(parameters["successes"], measure.n, level)
    for told, low, high in measure.evidence.get("ends", ()):
        if told == tail:
            return Interval(low, high, "order statistics", measure.n, level)
    if measure.unit == "difference" and "differing" in parameters and measure.value is not None:
        return square_and_add(_differences(measure, parameters), level=level)
    return None


def _differences(measure: Measure, parameters: Mapping[str, Any]) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """The differences of -1, 0 and 1 of which the mean was taken."""
    net = round((measure.value or 0.0) * measure.n)
    gained = (parameters["differing"] + net) // 2
    return np.repeat([1.0, -1.0, 0.0], [gained, parameters["differing"] - gained, measure.n - parameters["differing"]])
