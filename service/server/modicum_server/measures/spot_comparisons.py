"""Two versions on the same spots: the places chosen for the first are tested on the second, with the same pairs.

Only pairs count in which both versions see the first one's class on the source and another class on the other image.
The difference of a pair is what the first version follows, less what it follows elsewhere, less the same of the second.
The mean over all pairs of a source is one value. The interval is Student's t over sources with two sources added, one
at 1 and one at -1: of sources that are all alike, t alone would be certain (Bonett and Price, 2012).
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from modicum_server.domain.spots import LEAST_CLASS_IMAGES, SpotOutcomes, SpotRow, SpotTrial
from modicum_server.measures.intervals import Interval
from modicum_server.measures.measure import Measure, Measured
from modicum_server.measures.measure_sets import Range, Title
from modicum_server.measures.observations import Observations

METHOD = "t over sources, one at 1 and one at -1 added"
NO_PAIRS = "no pair of images on which both versions agree"
OF_DIFFERENCES: Range = (-2, 2)
TITLES: Mapping[str, Title] = {
    "spot_pasted_version_difference": Title(
        "Difference in how often a copied spot brings its class", range=OF_DIFFERENCES
    ),
    "spot_covered_version_difference": Title(
        "Difference in how often a covered spot loses its class", range=OF_DIFFERENCES
    ),
}


def spot_comparison(
    first: Observations,
    second: Observations,
    chosen: Sequence[SpotRow],
    tested: Sequence[SpotRow],
    names: Sequence[str],
) -> Measured:
    """Return both differences, first less second; groups are by class.

    Args:
        first: what the version that chose predicts.
        second: what the other version predicts.
        chosen: the rows of the first version.
        tested: those rows as the second version was tested on them; rows that failed are left out.
        names: of the classes.
    """
    classes = _predicted(first), _predicted(second)
    others = {row.number: row for row in tested if row.reason is None}
    rows = [(row, others[row.number]) for row in chosen if row.number in others and row.reason is None]
    alone = [pair for pair in rows if pair[0].target_class is not None] or rows
    return {
        f"spot_{kind}_version_difference": _difference(alone, kind, classes, names, first.level)
        for kind in ("pasted", "covered")
    }


def _difference(
    rows: Sequence[tuple[SpotRow, SpotRow]],
    kind: str,
    classes: tuple[Mapping[int, int], Mapping[int, int]],
    names: Sequence[str],
    level: float,
) -> Measure:
    by_row = {row.target_class: _by_source(_pairs(row.trials, other.trials, kind), classes) for row, other in rows}
    everything = [value for values in by_row.values() for value in values]
    groups = {
        names[target] if target < len(names) else f"class {target}": _measure(values, level)
        for target, values in by_row.items()
        if target is not None
    }
    return _measure(everything, level, groups)


def _pairs(
    first: Sequence[SpotTrial], second: Sequence[SpotTrial], kind: str
) -> Iterator[tuple[SpotOutcomes, SpotOutcomes]]:
    """The outcomes of both versions at each place on the whole images."""
    for one, other in zip(first, second, strict=True):
        if not one.outside:
            yield getattr(one, kind), getattr(other, kind)


def _by_source(
    outcomes: Iterator[tuple[SpotOutcomes, SpotOutcomes]], classes: tuple[Mapping[int, int], Mapping[int, int]]
) -> list[float]:
    """The mean difference of each source's pairs on which both versions agree."""
    values: dict[int, list[int]] = defaultdict(list)
    for one, other in outcomes:
        for place, (source, image) in enumerate(zip(one.sources, one.others, strict=True)):
            if _agree(source, image, classes):
                gains = [int(each.here[place]) - int(each.elsewhere[place]) for each in (one, other)]
                values[source].append(gains[0] - gains[1])
    return [sum(each) / len(each) for each in values.values()]


def _agree(source: int, image: int, classes: tuple[Mapping[int, int], Mapping[int, int]]) -> bool:
    """Whether both versions see the same class on the source, and not that class on the other image."""
    first, second = (each.get(source) for each in classes)
    return first is not None and first == second and all(each.get(image, first) != first for each in classes)


def _measure(values: Sequence[float], level: float, groups: Mapping[str, Measure] | None = None) -> Measure:
    if not values:
        return Measure(None, "difference", 0, unavailable=NO_PAIRS)
    mean = sum(values) / len(values)
    return Measure(mean, "difference", len(values), _interval(values, level), groups=groups or {})


def _interval(values: Sequence[float], level: float) -> Interval | None:
    if len(values) < LEAST_CLASS_IMAGES:
        return None
    from scipy.special import stdtrit  # type: ignore[import-untyped]  # noqa: PLC0415  takes long to read

    padded = np.array([*values, 1.0, -1.0])
    reach = float(stdtrit(len(padded) - 1, (1 + level) / 2)) * float(padded.std(ddof=1)) / math.sqrt(len(padded))
    low, high = max(-2.0, float(padded.mean()) - reach), min(2.0, float(padded.mean()) + reach)
    return Interval(low, high, METHOD, len(values), level)


def _predicted(seen: Observations) -> dict[int, int]:
    known = seen.predicted >= 0
    places: list[Any] = seen.position[known].tolist()
    return dict(zip(places, seen.predicted[known].tolist(), strict=True))
