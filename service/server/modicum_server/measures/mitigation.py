"""The ensemble mitigation check (METHOD section 4): does an ensemble need more of the image than its members do?

Estimand: the ratio of the ensemble's subset fraction to the geometric mean of its members', over the images that are
eligible in all and searched in all. Averaging softens logits, and softer logits alone enlarge subsets at a fixed
threshold; so the same must hold against the members at temperatures at which as many of their images are eligible as of
the ensemble's (`temperatures`).

Rule. MITIGATED: both ratios' intervals lie above 1.1, and the interval of the difference in accuracy (ensemble less the
mean of its members, on the same images) lies above -0.02. NOT_MITIGATED: the ratio's interval lies below 1.1.
Otherwise, with fewer than 30 images, or without labels, INCONCLUSIVE; `reasons` say what is missing. Every outcome is
stamped "no OOD set": accuracy on out-of-distribution images was not looked at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modicum_server.domain.ensembles import matched_twin
from modicum_server.domain.models import Ensemble, ModelVersion
from modicum_server.domain.searches import Search, TargetRule
from modicum_server.measures.comparisons import difference_of, ratio_of
from modicum_server.measures.measure import Measure
from modicum_server.measures.observations import Observations
from modicum_server.measures.overinterpretation import ALPHA

RATIO_LIMIT = 1.1
ACCURACY_LIMIT = -0.02
LEAST_IMAGES = 30
STAMP = "no OOD set"
NONE_IN_ALL = "no image was searched to its end with the ensemble and all members"
NONE_LABELLED = "no labelled image has a prediction of the ensemble and all members"
NOT_MATCHED = "the members were not searched at matched temperatures"

Seen = Mapping[tuple[str, int], Observations]


@dataclass(frozen=True, slots=True)
class Mitigation:
    """The check of one ensemble under one search; `temperatures` are the members' matched ones, empty without."""

    ensemble: str
    members: tuple[str, ...]
    search_index: int
    verdict: str
    reasons: tuple[str, ...]
    measures: Mapping[str, Measure]
    temperatures: Mapping[str, float]
    pass_milliseconds: Mapping[str, float]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "ensemble": self.ensemble,
            "members": list(self.members),
            "search_index": self.search_index,
            "verdict": self.verdict,
            "stamp": STAMP,
            "reasons": list(self.reasons),
            "measures": {name: measure.as_json() for name, measure in self.measures.items()},
            "temperatures": dict(self.temperatures),
            "limits": {"ratio": RATIO_LIMIT, "accuracy_difference": ACCURACY_LIMIT, "images": LEAST_IMAGES},
            "passes_of_members_a_pass": len(self.members),
            "pass_milliseconds": dict(self.pass_milliseconds),
        }


def check_ensembles(
    versions: Sequence[ModelVersion],
    searches: Sequence[Search],
    seen: Seen,
    temperatures: Mapping[int, Mapping[str, float]],
) -> list[Mitigation]:
    """Check every ensemble whose members were all audited beside it, under every search that is not a matched one.

    Searches for a random other class are none of it: the question is how much of the image a decision needs.

    Args:
        versions: of the audit.
        searches: of the audit.
        seen: by version and search.
        temperatures: by the index of a matched search, those at which the members were searched.
    """
    audited = {version.name: version for version in versions}
    checks = []
    for version in versions:
        if not isinstance(version.source, Ensemble) or not set(version.source.members) <= audited.keys():
            continue
        members = version.source.members
        costs = {name: _milliseconds(audited[name]) for name in (version.name, *members)}
        for index in [place for place, search in enumerate(searches) if _is_checked(search)]:
            twin = matched_twin(searches, index)
            measures = _measures(seen, (version.name, *members), index, twin)
            used = temperatures.get(-1 if twin is None else twin, {})
            checks.append(Mitigation(version.name, members, index, *judge(measures), measures, used, costs))
    return checks


def _is_checked(search: Search) -> bool:
    return not search.matched and search.target_rule is TargetRule.PREDICTED


def matched_temperatures(parameters: Mapping[str, Any]) -> dict[int, Mapping[str, float]]:
    """Return the temperatures of a result's parameters, by the index of the matched search, by version."""
    return {int(index): chosen for index, chosen in parameters.get("matched_temperatures", {}).items()}


def _measures(seen: Seen, names: tuple[str, ...], index: int, twin: int | None) -> dict[str, Measure]:
    """Of the ensemble, which is named first, and its members."""
    ensemble, *members = names
    whole, parts = seen[ensemble, index], [seen[member, index] for member in members]
    unmatched = Measure(None, "ratio", 0, unavailable=NOT_MATCHED)
    return {
        "subset_fraction_ratio": _ratio(whole, parts),
        "matched_subset_fraction_ratio": (
            unmatched if twin is None else _ratio(whole, [seen[member, twin] for member in members])
        ),
        "accuracy_difference": _accuracy(whole, parts),
        "overinterpretation_rate_difference": _rate(whole, parts),
    }


def judge(measures: Mapping[str, Measure]) -> tuple[str, tuple[str, ...]]:
    """Return the verdict by the rule above, and what stands against a clearer one."""
    ratio, matched = measures["subset_fraction_ratio"], measures["matched_subset_fraction_ratio"]
    accuracy = measures["accuracy_difference"]
    reasons = []
    if ratio.n < LEAST_IMAGES:
        reasons.append(f"fewer than {LEAST_IMAGES} images were searched with the ensemble and all members ({ratio.n})")
    if accuracy.value is None:
        reasons.append("no labels, so no accuracy")
    if not reasons and _end(ratio, low=False) < RATIO_LIMIT:
        return "NOT_MITIGATED", ()
    if not reasons and _end(ratio, low=True) <= RATIO_LIMIT:
        reasons.append(f"the ratio's interval holds {RATIO_LIMIT}")
    if matched.value is None:
        reasons.append(matched.unavailable)
    elif matched.n < LEAST_IMAGES or _end(matched, low=True) <= RATIO_LIMIT:
        reasons.append(f"at matched temperatures the ratio is not seen to lie above {RATIO_LIMIT}")
    if accuracy.value is not None and _end(accuracy, low=True) <= ACCURACY_LIMIT:
        reasons.append(f"the ensemble's accuracy is not seen to lie above its members' by more than {ACCURACY_LIMIT}")
    return ("INCONCLUSIVE", tuple(reasons)) if reasons else ("MITIGATED", ())


def _ratio(whole: Observations, parts: Sequence[Observations]) -> Measure:
    aligned = _aligned([whole, *parts])
    both = np.logical_and.reduce([one.measured[places] for one, places in aligned])
    logs = np.log(np.stack([one.size[places][both] for one, places in aligned]))
    return ratio_of(logs[0] - logs[1:].mean(axis=0), empty=NONE_IN_ALL)


def _accuracy(whole: Observations, parts: Sequence[Observations]) -> Measure:
    aligned = _aligned([whole, *parts])
    known = np.logical_and.reduce([one.labelled[places] for one, places in aligned])
    correct = np.stack([one.correct[places][known] for one, places in aligned]).astype(np.float64)
    return difference_of(correct[0] - correct[1:].mean(axis=0), empty=NONE_LABELLED)


def _rate(whole: Observations, parts: Sequence[Observations]) -> Measure:
    """The change in `R`, on the images searched with all."""
    aligned = _aligned([whole, *parts])
    both = np.logical_and.reduce([one.measured[places] for one, places in aligned])
    small = np.stack([one.fraction[places][both] <= ALPHA for one, places in aligned]).astype(np.float64)
    return difference_of(small[0] - small[1:].mean(axis=0), empty=NONE_IN_ALL)


def _aligned(all_seen: Sequence[Observations]) -> list[tuple[Observations, NDArray[np.intp]]]:
    """Each with the places of the images that all have, in one order."""
    common = reduce(np.intersect1d, [one.position for one in all_seen])
    aligned = []
    for one in all_seen:
        order = np.argsort(one.position, kind="stable")
        aligned.append((one, order[np.searchsorted(one.position[order], common)]))
    return aligned


def _end(measure: Measure, *, low: bool) -> float:
    """An end of the interval; an unknown one is as bad as can be."""
    end = None if measure.interval is None else (measure.interval.low if low else measure.interval.high)
    if end is None:
        return -np.inf if low else np.inf
    return end


def _milliseconds(version: ModelVersion) -> float:
    return 0.0 if version.check is None else version.check.pass_milliseconds
