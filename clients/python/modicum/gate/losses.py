"""Paired differences, and what the shortcut reading goes by beside its losses: whether they agree. Judges nothing.

A difference of yes-or-no values is a share gained less a share lost, so its value and the number of pairs that differ
give both counts, and these its interval. Of a loss they also give the lower end among so many classes, and, with the
accuracy once the region is filled, the lower end of the accuracy on the whole images.
"""

import math
from collections.abc import Mapping
from typing import Any

from modicum.gate.class_rules import DROP, EXCESS
from modicum.gate.differing import Differences, differing, differing_fields
from modicum.gate.intervals import difference_ends, wilson_ends
from modicum.gate.tails import FEWEST_PAIRS

Document = Mapping[str, Any]
LOW = "low_over_classes"
OF_THE_WHOLE = ("accuracy_filled", "accuracy_low", "chance_accuracy")
"""Parameters of the loss that the reading goes by."""
WHOLE_IMAGES = 1e-6
"""How far a count that was taken from a share may be from a whole number."""


def counts_of_pairs(measure: Document) -> tuple[int, int] | None:
    """Return how many pairs gained and how many lost; None where the value and the number that differs tell none."""
    n, value, differ = measure["n"], measure["value"], (measure.get("parameters") or {}).get("differing")
    if differ is None or value is None or not n or not abs(value) <= 1:
        return None
    net = round(value * n)
    gained, odd = divmod(differ + net, 2)
    is_whole = math.isclose(net, value * n, abs_tol=WHOLE_IMAGES)
    return (gained, differ - gained) if is_whole and not odd and abs(net) <= differ <= n else None


def low_over_classes(counts: tuple[int, int], n: int, level: float, classes: int) -> float:
    """Return the lower end of the loss of one of so many classes, which share the error of one."""
    gained, lost = counts
    return difference_ends(gained / n, lost / n, n, 1 - (1 - level) / max(1, classes))[0]


def accuracy_low(right: int, n: int, level: float) -> float | None:
    """Return the lower end of an accuracy; None of so few images that it has no interval."""
    return None if n < FEWEST_PAIRS else wilson_ends(right / n, n, level)[0]


def of_its_pairs(path: str, measure: Document) -> Differences:
    """Yield where a paired difference does not follow from its counts."""
    if measure["value"] is None or "differing" not in (measure.get("parameters") or {}):
        return
    counts, n = counts_of_pairs(measure), measure["n"]
    if counts is None:
        differ = measure["parameters"]["differing"]
        yield f"{path}.value", measure["value"], f"a difference of {n} pairs of which {differ} differ"
        return
    interval = measure.get("interval") or {}
    if interval.get("method") == "square and add" and n >= FEWEST_PAIRS:
        low, high = difference_ends(counts[0] / n, counts[1] / n, n, interval["level"])
        yield from differing_fields(f"{path}.interval", interval, {"low": low, "high": high})


def losses_differing(document: Document) -> Differences:
    """Yield where the losses of a search contradict what the shortcut reading goes by beside them."""
    level = document["specification"]["statistics"]["level"]
    for at, model in enumerate(document["models"]):
        for index, search in enumerate(model["searches"]):
            for name in (DROP, EXCESS):
                measure = search["measures"].get(name)
                if measure is not None and measure["value"] is not None:
                    path = f"models[{at}].searches[{index}].measures.{name}"
                    yield from _of_classes(path, measure, level)
                    yield from _of_the_whole(f"{path}.parameters", measure, level) if name == DROP else ()


def _of_classes(path: str, measure: Document, level: float) -> Differences:
    judged = {at: one for at, one in measure.get("groups", {}).items() if one["n"] >= FEWEST_PAIRS}
    for at, group in judged.items():
        if (counts := counts_of_pairs(group)) is not None:
            low = low_over_classes(counts, group["n"], level, len(judged))
            yield from _told(f"{path}.groups.{at}.parameters", group["parameters"], {LOW: low})


def _of_the_whole(path: str, measure: Document, level: float) -> Differences:
    parameters, n = measure["parameters"], measure["n"]
    missing = [name for name in OF_THE_WHOLE if name not in parameters]
    if missing:
        yield f"{path}.{missing[0]}", "missing", "one"
        return
    chance, filled = parameters["chance_accuracy"], parameters["accuracy_filled"]
    if not 1 / n <= chance <= 1:
        yield f"{path}.chance_accuracy", chance, "at most 1" if chance > 1 else f"at least {1 / n:g}"
    right = (filled + measure["value"]) * n
    if not (0 <= filled <= 1 and -WHOLE_IMAGES <= right <= n + WHOLE_IMAGES):
        yield f"{path}.accuracy_filled", filled, f"a share that leaves an accuracy of 0 to 1 with {measure['value']:g}"
        return
    yield from differing(f"{path}.accuracy_filled", filled, round(filled * n) / n)
    yield from _told(path, parameters, {"accuracy_low": accuracy_low(round(right), n, level)})


def _told(path: str, said: Document, counted: Document) -> Differences:
    for name, value in counted.items():
        if name in said:
            yield from differing(f"{path}.{name}", said[name], value)
        else:
            yield f"{path}.{name}", "missing", value
