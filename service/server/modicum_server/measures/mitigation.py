"""The ensemble mitigation check (METHOD section 4): does an ensemble need more of the image than its members do?

Estimand: the ratio of the ensemble's subset fraction to the geometric mean of its members', over the images that are
eligible in all and searched in all. Averaging softens logits, and softer logits alone enlarge subsets at a fixed
threshold; so the same must hold against the members at temperatures at which as many of their images are eligible as of
the ensemble's (`temperatures`).

Rule. MITIGATED: both ratios' intervals lie above 1.1, and the interval of the difference in accuracy (ensemble less the
mean of its members, on the same images) lies above -0.02, on the audited images and on the out-of-distribution data
set where there is one. NOT_MITIGATED: the ratio's interval lies below 1.1. Otherwise, with fewer than 30 images, or
without labels, INCONCLUSIVE; `reasons` say what is missing. Without such a data set every outcome is stamped
"no OOD set".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modicum_server.domain.ensembles import matched_twin
from modicum_server.domain.models import Ensemble, ModelVersion
from modicum_server.domain.searches import Search, TargetRule
from modicum_server.measures.checked_versions import (
    NONE_IN_ALL,
    NONE_LABELLED,
    CheckedVersion,
    aligned,
    checked_versions,
    in_all,
    labelled_in_all,
    latency_ratio,
    small,
)
from modicum_server.measures.comparisons import difference_to_mean, ratio_of
from modicum_server.measures.measure import Measure
from modicum_server.measures.observations import Observations
from modicum_server.measures.out_of_distribution import DIFFERENCE, OutOfDistribution

RATIO_LIMIT = 1.1
ACCURACY_LIMIT = -0.02
LEAST_IMAGES = 30
STAMP = "no OOD set"
NOT_MATCHED = "the members were not searched at matched temperatures"

Seen = Mapping[tuple[str, int], Observations]


@dataclass(frozen=True, slots=True)
class Mitigation:
    """The check of one ensemble under one search.

    Attributes:
        temperatures: the members' matched ones, empty without.
        versions: what stands beside the verdict, by name, the ensemble first.
        second: the out-of-distribution data set, None without.
    """

    ensemble: str
    members: tuple[str, ...]
    search_index: int
    verdict: str
    reasons: tuple[str, ...]
    measures: Mapping[str, Measure]
    temperatures: Mapping[str, float]
    versions: Mapping[str, CheckedVersion]
    second: OutOfDistribution | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "ensemble": self.ensemble,
            "members": list(self.members),
            "search_index": self.search_index,
            "verdict": self.verdict,
            "stamp": STAMP if self.second is None else "",
            "out_of_distribution": None if self.second is None else self.second.as_json([self.ensemble, *self.members]),
            "reasons": list(self.reasons),
            "measures": {name: measure.as_json() for name, measure in self.measures.items()},
            "temperatures": dict(self.temperatures),
            "limits": {"ratio": RATIO_LIMIT, "accuracy_difference": ACCURACY_LIMIT, "images": LEAST_IMAGES},
            "versions": {name: one.as_json() for name, one in self.versions.items()},
            "passes_of_members_a_pass": len(self.members),
            "latency_ratio": latency_ratio(self.versions[self.ensemble], [self.versions[one] for one in self.members]),
        }


def check_ensembles(
    versions: Sequence[ModelVersion],
    searches: Sequence[Search],
    seen: Seen,
    temperatures: Mapping[int, Mapping[str, float]],
    second: OutOfDistribution | None = None,
) -> list[Mitigation]:
    """Check every ensemble whose members were all audited beside it, under every search that is not a matched one.

    Searches for a random other class are none of it: the question is how much of the image a decision needs.

    Args:
        versions: of the audit.
        searches: of the audit.
        seen: by version and search.
        temperatures: by the index of a matched search, those at which the members were searched.
        second: what ensembles and members said of the out-of-distribution data set, None without.
    """
    audited = {version.name: version for version in versions}
    checks = []
    for version in versions:
        if not isinstance(version.source, Ensemble) or not set(version.source.members) <= audited.keys():
            continue
        members = version.source.members
        for index in [place for place, search in enumerate(searches) if _is_checked(search)]:
            twin = matched_twin(searches, index)
            measures = _measures(seen, (version.name, *members), index, twin)
            if second is not None:
                measures[DIFFERENCE] = second.difference(version.name, members)
            used = temperatures.get(-1 if twin is None else twin, {})
            observed = [seen[name, index] for name in (version.name, *members)]
            beside = checked_versions(version, [audited[name] for name in members], observed, second)
            checks.append(Mitigation(version.name, members, index, *judge(measures), measures, used, beside, second))
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
    reasons.extend(_accuracy_reasons(accuracy, measures.get(DIFFERENCE)))
    return ("INCONCLUSIVE", tuple(reasons)) if reasons else ("MITIGATED", ())


def _accuracy_reasons(test: Measure, second: Measure | None) -> Iterator[str]:
    """What keeps accuracy from being seen not to be lower, on the test set and on an out-of-distribution set."""
    not_lower = f"the ensemble's accuracy is not seen to lie above its members' by more than {ACCURACY_LIMIT}"
    if test.value is not None and test.n < LEAST_IMAGES:
        yield f"fewer than {LEAST_IMAGES} images have a label ({test.n})"
    elif test.value is not None and _end(test, low=True) <= ACCURACY_LIMIT:
        yield not_lower
    if second is not None and second.value is None:
        yield second.unavailable
    elif second is not None and second.n < LEAST_IMAGES:
        yield f"fewer than {LEAST_IMAGES} out-of-distribution images were predicted by all ({second.n})"
    elif second is not None and _end(second, low=True) <= ACCURACY_LIMIT:
        yield f"on out-of-distribution images {not_lower}"


def _ratio(whole: Observations, parts: Sequence[Observations]) -> Measure:
    all_aligned = aligned([whole, *parts])
    both = in_all(all_aligned)
    logs = np.log(np.stack([one.size[places][both] for one, places in all_aligned]))
    return ratio_of(logs[0] - logs[1:].mean(axis=0), empty=NONE_IN_ALL)


def _accuracy(whole: Observations, parts: Sequence[Observations]) -> Measure:
    all_aligned = aligned([whole, *parts])
    known = labelled_in_all(all_aligned)
    correct = np.stack([one.correct[places][known] for one, places in all_aligned])
    return difference_to_mean(correct.astype(np.int64), empty=NONE_LABELLED)


def _rate(whole: Observations, parts: Sequence[Observations]) -> Measure:
    """The change in `R`, on the images searched with all."""
    all_aligned = aligned([whole, *parts])
    both = in_all(all_aligned)
    few = np.stack([small(one)[places][both] for one, places in all_aligned])
    return difference_to_mean(few.astype(np.int64), empty=NONE_IN_ALL)


def _end(measure: Measure, *, low: bool) -> float:
    """An end of the interval; an unknown one is as bad as can be."""
    end = None if measure.interval is None else (measure.interval.low if low else measure.interval.high)
    if end is None:
        return -np.inf if low else np.inf
    return end
