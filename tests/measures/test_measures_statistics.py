"""The statistics that a caller may set: the level of intervals, alpha, and the limits of the ensemble check."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from modicum_server.domain.findings import (
    FillRobustFinding,
    FindingControls,
    ObjectsFinding,
    Passes,
    PixelSubsetFinding,
    Prediction,
    ScoredVariant,
    Trace,
    TransferFinding,
)
from modicum_server.domain.models import Ensemble
from modicum_server.domain.searches import Control, ControlPlan, TargetRule
from modicum_server.domain.spots import SpotKind, SpotObjects, SpotOutcomes, SpotPlace, SpotRow, SpotTrial
from modicum_server.domain.statistics import DEFAULTS, Statistics
from modicum_server.measures import registry
from modicum_server.measures.counterfactual_set import CounterfactualSet, Pair
from modicum_server.measures.mitigation_power import IMAGES_NEEDED, POWER
from modicum_server.measures.out_of_distribution import OutOfDistribution, VersionPredictions

from tests.measures.example_audit import (
    OTHER_VERSION,
    SEARCH,
    VERSION,
    audit,
    controls,
    document_and_rows,
    finding,
    measures_of,
    subset,
    variants,
)

BOTH = "projects/default/models/both/versions/1"
VERSIONS = (VERSION, OTHER_VERSION, BOTH)
ROBUST = FillRobustFinding(12, 4.0, 29, 27, 0.93, budget_exhausted=False, passes=Passes(2, 1))
IMAGES = 40


def every_control(place: int, version: str) -> FindingControls:
    others = tuple(
        TransferFinding(name, 0.5 + place / 100, sufficient=place % 2 == 0, predicted_class=place % 3 // 2)
        for name in VERSIONS
        if name != version
    )
    outside = ScoredVariant("outside_filled", 0.6, sufficient=False, predicted_class=place % 3 // 2)
    result = PixelSubsetFinding(
        subset(4), 0.5 + place / 100, place % 3 // 2, place / 100, place % 2, Trace((64, 0), (1, place / 100)), Passes()
    )
    scored = variants(sufficient=place % 3 > 0, confidence=0.5 + place / 100)
    return replace(
        scored,
        class_targeted=controls(place + 1).class_targeted,
        fills=controls(place + 1, black=place % 3 > 0).fills,
        variants=(*scored.variants, outside, replace(outside, variant="objects_filled", predicted_class=place % 2)),
        objects=ObjectsFinding(0.3, place / 50),
        transfers=others,
        fill_robust=replace(ROBUST, size=10 + place),
        pixel_subset=result,
    )


def whole_document(statistics: Statistics) -> dict[str, Any]:
    """The document of an audit with every measure, of three versions under three searches."""
    searches = (SEARCH, replace(SEARCH, target_rule=TargetRule.RANDOM_OTHER), replace(SEARCH, matched=True))
    everyone = np.ones(IMAGES, dtype=bool)
    document, _ = document_and_rows(
        [
            finding(
                place,
                1 + place % 30 + VERSIONS.index(name),
                label=place % 4 // 3,
                predicted_class=place % 2,
                target_class=place % 2,
                model_version=name,
                search_index=index,
                controls=every_control(place, name),
            )
            for place in range(IMAGES)
            for name in VERSIONS
            for index in range(len(searches))
        ],
        versions=VERSIONS,
        searches=searches,
        sources={BOTH: Ensemble((VERSION, OTHER_VERSION))},
        plans=[ControlPlan(control) for control in Control],
        second=OutOfDistribution(
            "projects/default/datasets/others",
            "9" * 64,
            IMAGES,
            {
                name: VersionPredictions(everyone, np.arange(IMAGES) % (3 + place) > 0)
                for place, name in enumerate(VERSIONS)
            },
        ),
        statistics=statistics,
        spots={VERSION: [SpotRow(None, IMAGES, (a_trial(IMAGES),))]},
        retests={(VERSION, OTHER_VERSION): [SpotRow(None, IMAGES, (a_trial(IMAGES),))]},
        counterfactual=some_counterfactuals(),
    )
    return document


def some_counterfactuals() -> CounterfactualSet:
    """Partners of all images; every third is predicted as another class."""
    originals = {place: Prediction(place, 0, confidence=0.9) for place in range(IMAGES)}
    partners = {place: Prediction(place, int(place % 3 == 0), confidence=0.5) for place in range(IMAGES)}
    return CounterfactualSet(
        "projects/default/datasets/changed",
        "8" * 64,
        IMAGES,
        {place: Pair(f"{place}.png", "1" * 64, "2" * 64) for place in range(IMAGES)},
        (),
        originals=dict.fromkeys(VERSIONS, originals),
        counterfactuals=dict.fromkeys(VERSIONS, partners),
    )


def a_trial(count: int) -> SpotTrial:
    """A place that every second of so many images follows."""
    sources = tuple(range(count))
    here, never = tuple(source % 2 == 0 for source in sources), (False,) * count
    outcomes = SpotOutcomes(sources, sources[::-1], here, never, sources, sources)
    shares = SpotObjects(sources, tuple(source / count for source in sources))
    place = SpotPlace(SpotKind.WINDOW, 2, 2, 1, 1)
    return SpotTrial(0, place, pasted=outcomes, covered=outcomes, on_objects=shares)


def intervals(value: Any, name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every interval at any depth, with the name of its measure."""
    if isinstance(value, list):
        for one in value:
            yield from intervals(one, name)
    if isinstance(value, dict):
        for key, one in value.items():
            if key == "interval" and one is not None:
                yield name, one
            yield from intervals(one, name if key in {"interval", "groups"} else key)


@pytest.mark.long
def test_every_interval_of_a_result_has_the_requested_level():
    wide, narrow = whole_document(DEFAULTS), whole_document(Statistics(level=0.5))

    found = list(zip(intervals(wide), intervals(narrow), strict=True))
    named = {name for (name, _), _ in found}
    titles = {**registry.measure_titles(), **registry.pair_titles()}
    assert named >= {*titles, *(title for listed in registry.DOCUMENT_LISTS for title in listed.titles)} - {
        name for name in titles if name.startswith("fill_survival_")
    }
    assert {one["level"] for (_, one), _ in found} == {0.95}
    assert {one["level"] for _, (_, one) in found} == {0.5}
    ends = [
        (first, second)
        for (name, first), (_, second) in found
        if name not in {POWER, IMAGES_NEEDED}  # of a verdict at that level, so these are other quantities
        and None not in (*first.values(), *second.values())
    ]
    assert all(first["low"] <= second["low"] <= second["high"] <= first["high"] for first, second in ends)
    assert sum(first["high"] > second["high"] for first, second in ends) > len(ends) / 2


@pytest.mark.long
def test_the_curve_of_the_pixel_subsets_has_the_requested_level():
    def widths(statistics):
        measures = whole_document(statistics)["models"][0]["searches"][0]["measures"]
        curve = measures["pixel_subsets_confidence_mean"]["parameters"]["curve"]
        return np.array([point["high"] - point["low"] for point in curve])

    assert (widths(Statistics(level=0.5))[:-1] < 0.5 * widths(DEFAULTS)[:-1]).all()


def test_readings_say_the_level():
    (text,) = (
        one["text"]
        for one in whole_document(Statistics(level=0.9))["models"][0]["searches"][0]["readings"]
        if one["control"] == "class_targeted"
    )

    assert "(90% interval" in text


@pytest.mark.parametrize(("alpha", "rate"), [(0.03, 0.25), (0.05, 0.5), (0.0625, 0.75), (0.999, 0.75)])
def test_the_rate_counts_subsets_of_at_most_alpha(alpha, rate):
    document, _ = document_and_rows(
        [finding(0, 1), finding(1, 3), finding(2, 4), finding(3, 64)], statistics=Statistics(alpha=alpha)
    )

    measure = document["models"][0]["searches"][0]["measures"]["overinterpretation_rate"]
    assert (measure["value"], measure["parameters"]["alpha"]) == (rate, alpha)


def test_the_companion_counts_by_the_same_alpha():
    measures = document_and_rows([finding(0, controls=controls(10))], statistics=Statistics(alpha=0.2))[0]["models"][0][
        "searches"
    ][0]["measures"]

    assert measures["overinterpretation_rate_class_targeted"]["value"] == 1
    assert measures_of([finding(0, controls=controls(10))])["overinterpretation_rate_class_targeted"]["value"] == 0


@pytest.mark.parametrize("size", range(1, 64))
def test_a_subset_of_exactly_alpha_counts_whatever_alpha(size):
    document, _ = document_and_rows([finding(0, size)], statistics=Statistics(alpha=size / 64))

    assert document["models"][0]["searches"][0]["measures"]["overinterpretation_rate"]["value"] == 1


@pytest.mark.long
def test_the_change_in_the_rate_of_a_check_is_by_alpha():
    document = whole_document(Statistics(alpha=0.3))

    (check,) = document["mitigation"]
    assert {
        one["measures"]["overinterpretation_rate"]["parameters"]["alpha"] for one in check["versions"].values()
    } == {0.3}
    assert check["versions"][VERSION]["measures"]["overinterpretation_rate"]["value"] > 0.5


def test_the_specification_contains_the_requested_statistics():
    requested = Statistics(level=0.9, alpha=0.1, ratio_limit=1.5, accuracy_limit=-0.1)

    assert whole_document(requested)["specification"]["statistics"] == {
        "level": 0.9,
        "alpha": 0.1,
        "ratio_limit": 1.5,
        "accuracy_limit": -0.1,
    }
    assert whole_document(requested)["mitigation"][0]["limits"] == {
        "ratio": 1.5,
        "accuracy_difference": -0.1,
        "images": 30,
    }


def test_default_statistics_do_not_change_the_reuse_key():
    digest = audit().specification.digest

    assert digest == "bba5fe7de9e9a02bf122077ac26683f2468b46d4c4824a3e153df88438b03576"
    assert audit(statistics=Statistics()).specification.digest == digest
    others = [
        Statistics(level=0.9),
        Statistics(alpha=0.1),
        Statistics(ratio_limit=1.2),
        Statistics(accuracy_limit=-0.1),
    ]
    assert len({digest, *(audit(statistics=one).specification.digest for one in others)}) == 5
