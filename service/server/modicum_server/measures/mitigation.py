"""The ensemble mitigation check: does an ensemble need more of the image than its members do?

See docs/method.md, "The ensemble mitigation check".

Estimand: the ratio of the ensemble's subset fraction to the geometric mean of its members', over the images that are
eligible in all and searched in all. Averaging softens logits, and softer logits alone enlarge subsets at a fixed
threshold; so the same must hold against the members at temperatures at which as many of their images are eligible as of
the ensemble's (`temperatures`), within one image (`matched_eligibility`).

The verdict on it follows `mitigation_rule`. Without an out-of-distribution data set every outcome is stamped
"no out-of-distribution data set".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from modicum_server.domain.ensembles import index_of_matched
from modicum_server.domain.models import Ensemble, ModelVersion
from modicum_server.domain.searches import Search, TargetRule
from modicum_server.domain.statistics import Statistics
from modicum_server.measures.checked_versions import (
    NONE_IN_ALL,
    NONE_LABELLED,
    CheckedVersion,
    aligned,
    checked_versions,
    in_all,
    labelled_in_all,
    latency_ratio,
)
from modicum_server.measures.comparisons import difference_to_mean, ratio_of
from modicum_server.measures.document_lists import Audited, DocumentList
from modicum_server.measures.fill_notes import differing_fills
from modicum_server.measures.matched_eligibility import MatchedEligibility, matched_eligibility
from modicum_server.measures.matched_temperatures import matched_temperatures
from modicum_server.measures.measure import Measure
from modicum_server.measures.measure_sets import Title
from modicum_server.measures.mitigation_power import IMAGES_NEEDED, POWER, LogRatios, power_measures
from modicum_server.measures.mitigation_rule import LEAST_IMAGES, MITIGATED, cautions, disagreement, judge
from modicum_server.measures.observations import Observations
from modicum_server.measures.out_of_distribution import DIFFERENCE, OutOfDistribution
from modicum_server.measures.overinterpretation import small

STAMP = "no out-of-distribution data set"
NOT_MATCHED = "the members were not searched at matched temperatures"

Seen = Mapping[tuple[str, int], Observations]


@dataclass(frozen=True, slots=True)
class Mitigation:
    """The check of one ensemble under one search.

    Attributes:
        temperatures: the members' matched ones, empty without.
        eligibility: by member, eligible images at these; empty without.
        cautions: what the verdict rests on and could be otherwise.
        statistics: what was asked, with the limits.
        versions: what stands beside the verdict, by name, the ensemble first.
        second: the out-of-distribution data set, None without.
    """

    ensemble: str
    members: tuple[str, ...]
    search_index: int
    verdict: str
    reasons: tuple[str, ...]
    cautions: tuple[str, ...]
    measures: Mapping[str, Measure]
    temperatures: Mapping[str, float]
    eligibility: Mapping[str, MatchedEligibility]
    statistics: Statistics
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
            "cautions": list(self.cautions),
            "measures": {name: measure.as_json() for name, measure in self.measures.items()},
            "temperatures": dict(self.temperatures),
            "matched_eligibility": {name: one.as_json() for name, one in self.eligibility.items()},
            "limits": {
                "ratio": self.statistics.ratio_limit,
                "accuracy_difference": self.statistics.accuracy_limit,
                "images": LEAST_IMAGES,
            },
            "versions": {name: one.as_json() for name, one in self.versions.items()},
            "passes_of_members_a_pass": len(self.members),
            "latency_ratio": latency_ratio(self.versions[self.ensemble], [self.versions[one] for one in self.members]),
        }


def check_ensembles(
    versions: Sequence[ModelVersion],
    searches: Sequence[Search],
    seen: Seen,
    temperatures: Mapping[int, Mapping[str, float]],
    *,
    second: OutOfDistribution | None,
    known: Mapping[str, ModelVersion],
) -> list[Mitigation]:
    """Check each ensemble whose members were all audited with it, under each search without matching.

    Searches for a random other class are left out, because the check asks how much of the image a decision needs.

    Args:
        versions: of the audit.
        searches: of the audit.
        seen: by version and search.
        temperatures: by the index of a matched search, those at which the members were searched.
        second: what ensembles and members said of the out-of-distribution data set, None without.
        known: versions and the parts of those that are made of versions, by name.
    """
    audited = {version.name: version for version in versions}
    checks = []
    for version in versions:
        if not isinstance(version.source, Ensemble) or not set(version.source.members) <= audited.keys():
            continue
        members = [audited[name] for name in version.source.members]
        for index in [place for place, search in enumerate(searches) if _is_checked(search)]:
            matched = index_of_matched(searches, index)
            used = {} if matched is None else temperatures.get(matched, {})
            check = _check(version, members, _Seen(seen, index, matched), used, second)
            checks.append(_cautioned(check, differing_fills([version, *members], searches[index], known)))
    return [_cautioned(check, _disagreement(check.ensemble, checks, searches)) for check in checks]


def _cautioned(check: "Mitigation", caution: str) -> "Mitigation":
    return replace(check, cautions=(*check.cautions, caution)) if caution else check


def _disagreement(ensemble: str, checks: Sequence["Mitigation"], searches: Sequence[Search]) -> str:
    return disagreement([(searches[one.search_index], one.verdict) for one in checks if one.ensemble == ensemble])


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was seen under a search, and under the one that repeats it at matched temperatures, if one does."""

    seen: Seen
    index: int
    matched_index: int | None

    def plain(self, version: ModelVersion) -> Observations:
        return self.seen[version.name, self.index]

    def matched(self, members: Sequence[ModelVersion]) -> dict[str, Observations]:
        """By member; empty where none was searched at a matched temperature."""
        return (
            {}
            if self.matched_index is None
            else {member.name: self.seen[member.name, self.matched_index] for member in members}
        )


def _check(
    ensemble: ModelVersion,
    members: Sequence[ModelVersion],
    seen: _Seen,
    temperatures: Mapping[str, float],
    second: OutOfDistribution | None,
) -> Mitigation:
    names = tuple(member.name for member in members)
    whole, parts, matched = seen.plain(ensemble), [*map(seen.plain, members)], seen.matched(members)
    measures = _measures(whole, parts, [*matched.values()])
    if second is not None:
        measures[DIFFERENCE] = second.difference(ensemble.name, names, whole.level)
    eligibility = matched_eligibility(whole, matched)
    verdict, reasons = judge(measures, eligibility, whole.statistics)
    return Mitigation(
        ensemble=ensemble.name,
        members=names,
        search_index=seen.index,
        verdict=verdict,
        reasons=reasons,
        cautions=cautions(measures) if verdict == MITIGATED else (),
        measures=measures,
        temperatures=temperatures,
        eligibility=eligibility,
        statistics=whole.statistics,
        versions=checked_versions(ensemble, members, [whole, *parts], second),
        second=second,
    )


def _is_checked(search: Search) -> bool:
    return not search.matched and search.target_rule is TargetRule.PREDICTED


def _measures(
    whole: Observations, parts: Sequence[Observations], matched: Sequence[Observations]
) -> dict[str, Measure]:
    """Of the ensemble and its members; `matched` are the members' at matched temperatures, empty without."""
    unmatched = Measure(None, "ratio", 0, unavailable=NOT_MATCHED)
    ratios, matched_ratios = _log_ratios(whole, parts), _log_ratios(whole, matched) if matched else None
    return {
        "subset_fraction_ratio": _ratio(ratios, whole.level),
        "matched_subset_fraction_ratio": unmatched if matched_ratios is None else _ratio(matched_ratios, whole.level),
        "accuracy_difference": _accuracy(whole, parts),
        "overinterpretation_rate_difference": _rate(whole, parts),
        **power_measures(ratios, matched_ratios, whole.statistics, NOT_MATCHED),
    }


def _log_ratios(whole: Observations, parts: Sequence[Observations]) -> LogRatios:
    all_aligned = aligned([whole, *parts])
    both = in_all(all_aligned)
    logs = np.log(np.stack([one.size[places][both] for one, places in all_aligned]))
    one, places = all_aligned[0]
    return LogRatios(one.position[places][both], logs[0] - logs[1:].mean(axis=0))


def _ratio(ratios: LogRatios, level: float) -> Measure:
    return ratio_of(ratios.logs, level=level, empty=NONE_IN_ALL)


def _accuracy(whole: Observations, parts: Sequence[Observations]) -> Measure:
    all_aligned = aligned([whole, *parts])
    known = labelled_in_all(all_aligned)
    correct = np.stack([one.correct[places][known] for one, places in all_aligned])
    return difference_to_mean(correct.astype(np.int64), level=whole.level, empty=NONE_LABELLED)


def _rate(whole: Observations, parts: Sequence[Observations]) -> Measure:
    """The change in `R`, on the images searched with all."""
    all_aligned = aligned([whole, *parts])
    both = in_all(all_aligned)
    few = np.stack([small(one.size, one)[places][both] for one, places in all_aligned])
    change = difference_to_mean(few.astype(np.int64), level=whole.level, empty=NONE_IN_ALL)
    asked = {"alpha": whole.statistics.alpha, "threshold": whole.search.threshold}
    return replace(change, parameters={**change.parameters, **asked})


def checks_of(audited: Audited) -> list[Mitigation]:
    """Return the check of every ensemble of an audit."""
    return check_ensembles(
        audited.versions,
        audited.specification.searches,
        audited.seen,
        matched_temperatures(audited.parameters),
        second=audited.second,
        known=audited.known,
    )


DOCUMENT_LIST = DocumentList(
    "mitigation",
    checks_of,
    {
        "subset_fraction_ratio": Title("Subset fraction, ensemble divided by the geometric mean of its members"),
        "matched_subset_fraction_ratio": Title("The same at matched temperatures"),
        "accuracy_difference": Title("Accuracy, ensemble minus the mean of its members"),
        DIFFERENCE: Title("The same on out-of-distribution images"),
        "overinterpretation_rate_difference": Title("Overinterpretation rate, ensemble minus the mean of its members"),
        POWER: Title("Power: chance that both ratios are seen above the limit if each is 1.2; accuracy apart"),
        IMAGES_NEEDED: Title("Images for a power of 80%"),
    },
)
