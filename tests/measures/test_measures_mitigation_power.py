"""The ensemble check's power: the chance to see a true ratio of 1.2, and the images for 80%."""

import math
from dataclasses import replace

import numpy as np
import pytest
from modicum_server.domain.statistics import DEFAULTS
from modicum_server.measures.mitigation_power import LogRatios, Power, both_below, power_measures

from tests.measures.ensemble_audit import BOTH, ONE, TWO, audit_of, checked
from tests.measures.example_audit import SEARCH

GAIN = math.log(1.2 / 1.1)
"""0.0870."""
Z = 1.959964
ONE_RATIO = Power(GAIN, Z, (0.5, 0.5))
"""Both ratios are the same, so the chance of both is that of one."""
ALIKE = {(ONE, 0): 8, (TWO, 0): 8, (BOTH, 0): 4, (ONE, 1): 8, (TWO, 1): 8}


def half_or_twice(place):
    """Pixels that make 4 of every second image 16: with members at 8, ratios of a half and of two."""
    return 12 * (place % 2)


def spread_audit(count):
    return [
        one
        for key, size in ALIKE.items()
        for one in audit_of({key: size}, count=count, **({"spread": half_or_twice} if key[0] == BOTH else {}))
    ]


def test_the_chance_is_that_of_a_normal_mean_beyond_the_intervals_reach():
    # sqrt(100) * 0.0870 / 0.5 - 1.96 = -0.220, below which 41.3% of a normal variable lie
    assert ONE_RATIO.chance(100) == pytest.approx(0.413, abs=5e-4)


def test_the_images_for_eighty_percent_are_the_textbook_number():
    # ((1.96 + 0.8416) * 0.5 / 0.0870)^2 = 259.2
    assert ONE_RATIO.images_needed() == 260
    assert ONE_RATIO.chance(260) >= 0.8 > ONE_RATIO.chance(259)


def test_below_thirty_images_of_either_ratio_there_is_no_chance():
    certain = Power(GAIN, Z, (0.01, 0.01), matched_share=0.5)

    assert (certain.chance(59), certain.chance(60)) == (0.0, pytest.approx(1.0))
    assert certain.images_needed() == 60


@pytest.mark.parametrize(("correlation", "chance"), [(0.0, 1 / 4), (0.5, 1 / 3), (1.0, 1 / 2), (-1.0, 0.0)], ids=str)
def test_two_medians_are_met_together_as_sheppard_says(correlation, chance):
    assert both_below(0.0, 0.0, correlation) == pytest.approx(chance, abs=1e-3)


def test_the_chance_of_both_never_exceeds_that_of_one():
    assert both_below(1.0, 2.0, 1.0) == pytest.approx(0.841345, abs=1e-5)
    assert both_below(1.0, 2.0, 0.0) == pytest.approx(0.841345 * 0.977250, abs=1e-5)


def test_independent_ratios_take_more_images_than_equal_ones():
    assert replace(ONE_RATIO, correlation=0.0).images_needed() > ONE_RATIO.images_needed()


def test_the_check_says_its_power_and_the_images_that_it_would_take():
    measures = checked(spread_audit(200))["measures"]

    power, needed = measures["ratio_power"], measures["ratio_images_needed"]
    spread = math.log(2) * math.sqrt(200 / 199)
    assert power["parameters"] == pytest.approx(
        {
            "true_ratio": 1.2,
            "ratio_limit": 1.1,
            "matched_images": 200,
            "spread": spread,
            "matched_spread": spread,
            "correlation": 1.0,
        }
    )
    # sqrt(200) * 0.0870 / 0.695 - 1.96 = -0.189
    assert (power["value"], power["unit"], power["n"]) == (pytest.approx(0.425, abs=5e-4), "share", 200)
    # ((1.96 + 0.8416) * 0.695 / 0.0870)^2 = 500.6
    assert (needed["value"], needed["unit"], needed["parameters"]["power"]) == (501, "images", 0.8)


def test_the_interval_of_the_power_comes_from_that_of_the_spread():
    drawn = np.random.default_rng(0).normal(0.1, 0.5, 400)
    ratios = LogRatios(np.arange(400), drawn)

    measures = power_measures(ratios, ratios, DEFAULTS, "")

    power, needed = measures["ratio_power"], measures["ratio_images_needed"]
    assert power.interval.low < power.value < power.interval.high
    # the spread of normal values is known to 1 / sqrt(2 n): here 1.96 * 0.035 = 7%, its square to 14%
    assert needed.interval.high / needed.value == pytest.approx(1.14, abs=0.02)
    assert needed.interval.low / needed.value == pytest.approx(1 / 1.14, abs=0.02)


def test_only_common_images_bind_the_two_ratios():
    drawn = np.random.default_rng(1).normal(0.1, 0.5, 100)
    ratios, apart = LogRatios(np.arange(100), drawn), LogRatios(np.arange(100, 200), drawn)

    power = power_measures(ratios, apart, DEFAULTS, "")["ratio_power"]

    assert power.parameters["correlation"] == 0.0


@pytest.mark.parametrize(
    ("count", "limit", "reason"),
    [
        (9, 1.1, "fewer than 10 images, so the spread of the ratios is not known"),
        (40, 1.2, "a ratio of 1.2 does not lie above the limit 1.2"),
    ],
)
def test_without_a_spread_or_with_a_higher_limit_there_is_no_power(count, limit, reason):
    check = checked(spread_audit(count), statistics=replace(DEFAULTS, ratio_limit=limit))

    assert {check["measures"][name]["unavailable"] for name in ("ratio_power", "ratio_images_needed")} == {reason}


def test_without_matched_searches_no_number_of_images_is_enough():
    findings = [one for one in spread_audit(40) if one.search_index == 0]

    check = checked(findings, searches=(SEARCH,))

    assert check["measures"]["ratio_power"]["unavailable"] == "the members were not searched at matched temperatures"
