"""The report shows an ensemble's verdict beside the rates, accuracies and costs of its versions."""

from dataclasses import replace

import numpy as np
import pytest
from modicum_server.domain.models import Ensemble, ModelCheck, OutputKind
from modicum_server.domain.statistics import Statistics
from modicum_server.measures.out_of_distribution import OutOfDistribution, VersionPredictions

from tests.measures.example_audit import OTHER_VERSION, SEARCH, VERSION, finding, not_eligible
from tests.reports.report_pages import page_of, read

BOTH = "projects/default/models/both/versions/1"
VERSIONS = (VERSION, OTHER_VERSION, BOTH)
CHECK = ModelCheck(3, OutputKind.LOGITS, useful_gradient=True, pass_milliseconds=2.5)


def outside(failed: int) -> OutOfDistribution:
    everyone = np.ones(20, dtype=bool)
    answers = {name: VersionPredictions(everyone, np.arange(20) >= 5) for name in VERSIONS}
    answers[BOTH] = VersionPredictions(np.arange(20) >= failed, np.ones(20, dtype=bool))
    return OutOfDistribution("projects/default/datasets/others", "9" * 64, 25, answers)


@pytest.fixture
def audited():
    return {
        "findings": [finding(place, model_version=name) for place in range(12) for name in VERSIONS],
        "versions": VERSIONS,
        "sources": {BOTH: Ensemble((VERSION, OTHER_VERSION))},
    }


def test_rate_accuracy_passes_and_time_of_each_version_stand_below_the_verdict(audited):
    seen = read(page_of(**audited, check=CHECK))

    assert seen.unbalanced == []
    assert "threshold 0.9; no out-of-distribution data set." in seen.text
    assert "Plain passes per pass" in seen.text
    assert "100% 76% to 100% n = 12 2 2.5 forward and backward" in seen.text
    assert "It took 1 times as long as a member's pass on average" in seen.text
    assert "Out-of-distribution" not in seen.text


def test_level_and_limits_of_the_verdict_are_shown(audited):
    seen = read(page_of(**audited, statistics=Statistics(level=0.9, ratio_limit=1.25, accuracy_limit=-0.1)))

    assert seen.unbalanced == []
    assert (
        "The verdict uses 90% intervals. MITIGATED needs ratios above 1.25 and differences in accuracy above -0.1, "
        "over at least 30 images."
    ) in seen.text


def test_the_power_and_the_images_that_it_takes_stand_in_the_table(audited):
    matched = [finding(place, model_version=name, search_index=1) for place in range(12) for name in VERSIONS[:2]]
    audited["findings"] += matched

    text = read(page_of(**audited, searches=(SEARCH, replace(SEARCH, matched=True)))).text

    assert "both ratios are seen above the limit if each is 1.2; accuracy apart 0% 0% to 0% 12" in text
    assert "Images for a power of 80% 30 30 to 30 12" in text
    assert "more images are needed: 189 where no prediction differs, and there are 12" in text


def test_a_missing_time_is_shown_as_missing(audited):
    text = read(page_of(**audited)).text

    assert "not timed forward" in text
    assert "times as long" not in text


def test_accuracy_outside_stands_beside_with_how_many_images_are_behind_it(audited):
    seen = read(page_of(**audited, check=CHECK, second=outside(failed=2)))

    assert seen.unbalanced == []
    assert "no out-of-distribution data set" not in seen.text
    assert "18 of 20 labelled images of others have a prediction of every version" in seen.text
    assert "The same on out-of-distribution images" in seen.text
    assert "Out-of-distribution accuracy" in seen.text
    assert "83% 61% to 94% n = 18 1 2.5 forward and backward" in seen.text


def test_eligible_images_at_matched_temperatures_stand_below_the_verdict(audited):
    again = [
        not_eligible(place, model_version=name, search_index=1)
        if (name, place) == (VERSION, 0)
        else finding(place, model_version=name, search_index=1)
        for place in range(12)
        for name in (VERSION, OTHER_VERSION)
    ]
    audited = {
        **audited,
        "findings": [*audited["findings"], *again],
        "searches": (SEARCH, replace(SEARCH, matched=True)),
    }

    seen = read(page_of(**audited, matched_temperatures={"1": {VERSION: 1.25, OTHER_VERSION: 0.8}}))

    assert seen.unbalanced == []
    assert "Matched temperatures: tiny, version 1 1.25, tiny, version 2 0.8." in seen.text
    assert "At its matched temperature tiny, version 1 is eligible on 11 of 12 images, the ensemble on 12." in seen.text
