"""Tails of means: they fit their intervals, they hold where values are skewed, and few images are no certainty."""

import numpy as np
import pytest
from modicum.gate.means import Mean, mean_above, mean_below, mean_ends
from scipy.special import stdtr
from scipy.stats import skew, ttest_1samp


@pytest.mark.parametrize("n", [10, 40, 300])
@pytest.mark.parametrize("logarithms", [False, True])
def test_the_interval_holds_the_limits_that_are_not_refused(n, logarithms):
    values = np.random.default_rng(n).exponential(size=n)
    mean = Mean.of(values, logarithms=logarithms)

    low, high = mean_ends(mean, 0.95)

    assert low < mean.value < high
    assert mean_above(mean, low) == pytest.approx(0.025)
    assert mean_below(mean, high) == pytest.approx(0.025)


def test_without_skewness_the_tail_is_nearly_that_of_students_t():
    values = np.tile([0.0, 1.0], 100)

    p = mean_above(Mean.of(values), 0.45)

    assert p == pytest.approx(ttest_1samp(values, 0.45, alternative="greater").pvalue, rel=0.05)


def test_images_that_are_all_alike_are_no_certainty():
    assert mean_above(Mean.of(np.zeros(10), logarithms=True), 0.8) == pytest.approx(stdtr(10, -10))


@pytest.mark.parametrize("side", [1, -1])
def test_a_true_limit_is_seldom_refused_where_values_are_skewed(side):
    drawn = np.random.default_rng(3).exponential(size=(4000, 100)) * side
    test = mean_below if side > 0 else mean_above

    refused = sum(test(Mean.of(values), side * 1.0) <= 0.01 for values in drawn)

    students = ttest_1samp(drawn, side, axis=1, alternative="less" if side > 0 else "greater").pvalue
    assert refused / 4000 < 0.017  # t alone refuses a fortieth
    assert (students <= 0.01).mean() > 0.02


def test_the_skewness_is_that_of_the_values():
    values = np.random.default_rng(0).exponential(size=50)

    assert Mean.of(values).skewness == pytest.approx(skew(values))


@pytest.mark.parametrize("limit", [0.0, -1.0])
def test_a_geometric_mean_lies_above_0_and_every_limit_below(limit):
    mean = Mean.of(np.linspace(-9.0, 9.0, 20), logarithms=True)

    assert (mean_above(mean, limit), mean_below(mean, limit)) == (0.0, 1.0)


def test_an_end_that_no_number_can_hold_is_open():
    assert mean_ends(Mean(10, 0.0, 1e15, logarithms=True), 0.95) == (0.0, None)
