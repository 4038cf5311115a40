"""What a result says across its versions, typed: pairs, the transfer matrix, ensembles beside their members."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modicum.measures import Measure, measures_of


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions under one search, in pairs on the same images; ratios and differences are first to second.

    `note` is what must be said beside their sizes, as that their mean fills differ; empty for nothing.
    """

    first: str
    second: str
    search_index: int
    measures: Mapping[str, Measure]
    note: str = ""

    @property
    def subset_fraction_ratio(self) -> Measure:
        """Geometric mean of the ratios of subset fractions, over images searched with both."""
        return self.measures["subset_fraction_ratio"]

    @property
    def accuracy_difference(self) -> Measure:
        """Mean difference in accuracy over labelled images."""
        return self.measures["accuracy_difference"]


@dataclass(frozen=True, slots=True)
class Transfer:
    """The subsets of `source` as `scorer`, another version of the audit, scored them: one cell of the matrix.

    Measures of the same names with `transfer_agreed` are of images on which both are confident of the same class.
    """

    source: str
    scorer: str
    search_index: int
    measures: Mapping[str, Measure]

    @property
    def class_kept_share(self) -> Measure:
        """Share of the agreed subsets on which the scorer predicts the class that the source's search argued for."""
        return self.measures["transfer_agreed_class_kept_share"]

    @property
    def sufficient_share(self) -> Measure:
        """Share of the agreed subsets that reach the threshold with the scorer too."""
        return self.measures["transfer_agreed_sufficient_share"]

    @property
    def confidence_median(self) -> Measure:
        """Median of the scorer's confidence in that class, over the agreed subsets."""
        return self.measures["transfer_agreed_confidence_median"]


@dataclass(frozen=True, slots=True)
class CheckedVersion:
    """What stands beside the verdict on an ensemble, for it or one of its members.

    `overinterpretation_rate` and `accuracy` are over the images that all of them have; `ood_accuracy` over those of
    the out-of-distribution data set, None without one. One pass of it is `plain_passes`
    of networks, and took `pass_milliseconds` an image when it was registered (None: never measured); `timed` says
    whether that is "forward and backward", or "forward" alone.
    """

    overinterpretation_rate: Measure
    accuracy: Measure
    ood_accuracy: Measure | None
    plain_passes: int
    pass_milliseconds: float | None
    timed: str


@dataclass(frozen=True, slots=True)
class Mitigation:
    """The mitigation check of an ensemble under one search.

    `verdict` is MITIGATED, NOT_MITIGATED or INCONCLUSIVE, `reasons` say why no clearer one, `cautions` what it
    rests on and where searches or mean fills differ, `stamp` what was not looked at. `temperatures` are
    the members' matched ones; `matched_eligibility` tells by member on how many images it was eligible at these
    (`member`), and the ensemble (`ensemble`), of those that both scored (`scored_by_both`); empty where none was
    matched, and in results of before. `limits` are those of the verdict: the intervals of the ratios are to lie
    above `ratio`, of differences in accuracy above `accuracy_difference`, over `images` or more. `versions` are the
    ensemble, then its members, and what they cost; `out_of_distribution` tells of that data set (`dataset`,
    `labelled`, `used`, `failed`), None without, and then the stamp says so; `latency_ratio` is how many times as
    long the ensemble takes as its members do on average, None where unknown.
    """

    ensemble: str
    members: tuple[str, ...]
    search_index: int
    verdict: str
    stamp: str
    reasons: tuple[str, ...]
    cautions: tuple[str, ...]
    measures: Mapping[str, Measure]
    temperatures: Mapping[str, float]
    matched_eligibility: Mapping[str, Mapping[str, int]]
    limits: Mapping[str, float]
    versions: Mapping[str, CheckedVersion]
    latency_ratio: float | None
    out_of_distribution: Mapping[str, Any] | None


def mitigation_of(entry: Mapping[str, Any]) -> Mitigation:
    """The mitigation check in its entry of the document."""
    return Mitigation(
        ensemble=entry["ensemble"],
        members=tuple(entry["members"]),
        search_index=entry["search_index"],
        verdict=entry["verdict"],
        stamp=entry["stamp"],
        reasons=tuple(entry["reasons"]),
        cautions=tuple(entry.get("cautions", ())),
        measures=measures_of(entry["measures"]),
        temperatures=entry["temperatures"],
        matched_eligibility=entry.get("matched_eligibility", {}),
        limits=entry["limits"],
        versions=_checked_versions(entry),
        latency_ratio=entry.get("latency_ratio"),
        out_of_distribution=entry.get("out_of_distribution"),
    )


def _checked_versions(entry: Mapping[str, Any]) -> Mapping[str, CheckedVersion]:
    """In the order in which they are read: the document's own is by name. Documents of before have none."""
    told = entry.get("versions", {})
    return {name: _checked_version(told[name]) for name in (entry["ensemble"], *entry["members"]) if name in told}


def _checked_version(entry: Mapping[str, Any]) -> CheckedVersion:
    measures = measures_of(entry["measures"])
    return CheckedVersion(
        overinterpretation_rate=measures["overinterpretation_rate"],
        accuracy=measures["accuracy"],
        ood_accuracy=measures.get("ood_accuracy"),
        plain_passes=entry["plain_passes"],
        pass_milliseconds=entry["pass_milliseconds"],
        timed=entry["timed"],
    )


def transfer_of(entry: Mapping[str, Any]) -> Transfer:
    """The cell of the matrix in its entry of the document."""
    measures = measures_of(entry["measures"])
    return Transfer(entry["source"], entry["scorer"], entry["search_index"], measures)


def comparison_of(entry: Mapping[str, Any]) -> Comparison:
    """The pair in its entry of the document."""
    measures = measures_of(entry["measures"])
    return Comparison(entry["first"], entry["second"], entry["search_index"], measures, entry.get("note", ""))
