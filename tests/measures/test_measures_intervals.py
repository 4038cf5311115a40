"""Intervals equal scipy's, and simulations confirm their coverage."""

import math
from functools import cache

import numpy as np
import pytest
import scipy  # `scipy.stats` takes a second, and is imported at its first use
from hypothesis import given
from hypothesis import strategies as st
from modicum_server.measures import intervals
from modicum_server.measures.intervals import (
    bootstrap_mean,
    newcombe_ends,
    order_statistics,
    quantile,
    square_and_add,
    wilson,
)

REPEATS = 4000
SIMULATION_ERROR = 3 * math.sqrt(0.95 * 0.05 / REPEATS)
LEAST_COVERAGE = 0.95 - 0.03 - SIMULATION_ERROR


@pytest.mark.parametrize("successes", [0, 1, 5, 9, 10])
@pytest.mark.parametrize("n", [10, 37, 1000])
def test_wilson_intervals_equal_scipys(successes, n):
    interval = wilson(successes, n)

    expected = scipy.stats.binomtest(successes, n).proportion_ci(0.95, "wilson")
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert (interval.method, interval.level, interval.n) == ("wilson", 0.95, n)


@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
@pytest.mark.parametrize("q", [0.25, 0.5, 0.75])
@pytest.mark.parametrize("n", [10, 12, 13, 29, 100, 501])
def test_order_statistics_equal_scipys(q, n):
    values = np.random.default_rng(n).lognormal(size=n)

    interval = order_statistics(values, q)

    expected = scipy.stats.quantile_test(values, p=q).confidence_interval(0.95)
    assert interval.low == (None if math.isnan(expected.low) else expected.low)
    assert interval.high == (None if math.isnan(expected.high) else expected.high)


def test_the_median_of_ten_lies_between_the_second_and_the_ninth():
    interval = order_statistics(np.arange(1.0, 11.0), 0.5)

    assert (interval.low, interval.high) == (2, 9)


def test_below_ten_images_there_is_no_interval():
    assert wilson(3, 9) is None
    assert order_statistics(np.arange(9.0), 0.5) is None
    assert wilson(3, 10) is not None
    assert order_statistics(np.arange(10.0), 0.5) is not None


def test_a_quartile_of_twelve_has_an_open_end_and_of_thirteen_none():
    assert order_statistics(np.arange(12.0), 0.25).low is None
    assert order_statistics(np.arange(12.0), 0.75).high is None
    assert order_statistics(np.arange(13.0), 0.25).low == 0
    assert order_statistics(np.arange(13.0), 0.75).high == 12


def test_an_end_among_searches_that_found_nothing_is_open():
    values = np.array([1.0, 2, 3, 4, 5, 6, math.inf, math.inf, math.inf, math.inf])

    interval = order_statistics(values, 0.5)

    assert (interval.low, interval.high) == (2, None)


@pytest.mark.parametrize(
    ("values", "q", "expected"),
    [
        ([3, 1, 2], 0.5, 2),
        ([4, 1, 2, 3], 0.5, 2.5),
        ([1, 2, 3, 4], 0.25, 1.5),
        ([1, 2, 3, 4, 5], 0.25, 2),
        ([7], 0.75, 7),
        ([1, math.inf, math.inf], 0.5, math.inf),
        ([1, 2, math.inf, math.inf], 0.5, math.inf),
        ([1, 2, math.inf], 0.5, 2),
    ],
)
def test_a_quantile_is_a_value_or_the_mean_of_two(values, q, expected):
    assert quantile(np.array(values, dtype=float), q) == expected


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.sampled_from([0.25, 0.5, 0.75]))
def test_quantiles_equal_numpys(values, q):
    expected = np.quantile(np.array(values), q, method="averaged_inverted_cdf")

    assert quantile(np.array(values), q) == pytest.approx(expected)


@given(st.lists(st.floats(0, 1), min_size=10, max_size=60), st.sampled_from([0.25, 0.5, 0.75]))
def test_a_quantile_lies_within_its_interval(values, q):
    array = np.array(values)

    interval = order_statistics(array, q)

    assert interval.low is None or interval.low <= quantile(array, q)
    assert interval.high is None or interval.high >= quantile(array, q)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("n", [50, 200])
def test_wilson_covers_the_true_share_as_often_as_it_says(share, n):
    counts = np.random.default_rng(11).binomial(n, share, size=REPEATS)

    intervals = {int(count): wilson(int(count), n) for count in np.unique(counts)}
    covered = np.mean([intervals[int(count)].low <= share <= intervals[int(count)].high for count in counts])

    assert covered >= LEAST_COVERAGE


@pytest.mark.parametrize("q", [0.25, 0.5, 0.75])
@pytest.mark.parametrize("n", [13, 50])
def test_order_statistics_cover_the_true_quantile_as_often_as_they_say(q, n):
    samples = np.random.default_rng(12).lognormal(size=(REPEATS, n))
    truth = scipy.stats.lognorm(1).ppf(q)

    intervals = [order_statistics(sample, q) for sample in samples]
    covered = np.mean(
        [(one.low is None or one.low <= truth) and (one.high is None or truth <= one.high) for one in intervals]
    )

    assert covered >= 0.95 - SIMULATION_ERROR


@pytest.mark.long
@pytest.mark.parametrize(
    ("n", "spread"),
    [(50, 1.0), *(pytest.param(*row, marks=pytest.mark.long) for row in ((50, 0.3), (200, 0.3), (200, 1.0)))],
)
def test_a_bootstrap_covers_the_true_mean_of_log_ratios_as_often_as_it_says(n, spread):
    source, trials = np.random.default_rng(n), 400
    hits = 0
    for _ in range(trials):
        interval = bootstrap_mean(np.log(1.3) + spread * source.standard_normal(n))
        hits += interval.low <= np.log(1.3) <= interval.high

    error = 2 * np.sqrt(0.95 * 0.05 / trials)
    assert hits / trials >= 0.95 - 0.03 - error


def test_a_bootstrap_is_close_to_scipys():
    values = np.random.default_rng(1).normal(0.2, 1.0, 80)

    ours = bootstrap_mean(values)
    theirs = scipy.stats.bootstrap((values,), np.mean, n_resamples=10_000, method="percentile").confidence_interval

    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)
    assert (ours.method, ours.n, ours.level) == ("bootstrap", 80, 0.95)


def test_a_bootstrap_draws_the_same_every_time_whatever_fits_into_memory():
    values = np.random.default_rng(1).normal(0.2, 1.0, 40)
    whole = bootstrap_mean(values)

    assert bootstrap_mean(values) == whole
    assert bootstrap_mean(values, drawn_at_once=1000) == whole


def test_below_ten_images_there_is_no_interval_of_a_mean():
    assert bootstrap_mean(np.ones(9)) is None
    assert square_and_add(np.zeros(9)) is None


def differences(n: int, gained: int, lost: int) -> np.ndarray:
    """Paired differences of two yes-or-no values: this many are 1, this many -1, the others 0."""
    return np.repeat([1.0, -1.0, 0.0], [gained, lost, n - gained - lost])


@cache
def interval_of_differences(n: int, gained: int, lost: int) -> intervals.Interval:
    return square_and_add(differences(n, gained, lost))


@pytest.mark.parametrize("share_gained", [1.0, 0.75, 0.5])
@pytest.mark.parametrize("share_different", [0.01, 0.02, 0.05, 0.1, 0.2])
@pytest.mark.parametrize("n", [10, 30, 100, 300])
def test_a_difference_of_shares_is_covered_as_often_as_it_says_however_few_images_differ(
    n, share_gained, share_different
):
    gained, lost = share_different * share_gained, share_different * (1 - share_gained)
    samples = np.random.default_rng(13).multinomial(n, [gained, lost, 1 - gained - lost], size=REPEATS)
    seen, times = np.unique(samples[:, :2], axis=0, return_counts=True)

    found = [interval_of_differences(n, *map(int, one)) for one in seen]
    covers = [one.low <= gained - lost + 1e-12 and gained - lost - 1e-12 <= one.high for one in found]

    assert np.average(covers, weights=times) >= 0.95 - SIMULATION_ERROR


@pytest.mark.parametrize("share_hard", [0.02, 0.1, 0.4])
@pytest.mark.parametrize("n", [10, 30, 100, 300])
@pytest.mark.parametrize("members", [2, 5])
def test_a_difference_from_a_mean_of_members_is_covered_as_often_as_it_says(members, n, share_hard):
    source, repeats = np.random.default_rng(14), 1000
    right = source.binomial(members, 0.5, (repeats, n)) / members
    gains = np.where(source.random((repeats, n)) < share_hard, (right > 0.5) - right, 0)
    by_chance = scipy.stats.binom(members, 0.5).pmf(range(members + 1))
    truth = share_hard * by_chance @ [(one > members / 2) - one / members for one in range(members + 1)]

    found = [square_and_add(sample) for sample in gains]
    covered = np.mean([one.low <= truth <= one.high for one in found])

    assert covered >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / repeats)


def test_where_no_image_differs_the_next_one_may():
    interval = square_and_add(differences(30, 0, 0))

    z = 1.959964
    assert interval.high == pytest.approx(z**2 / (30 + z**2))  # about the rule of three
    assert interval.low == -interval.high
    assert (interval.method, interval.n, interval.level) == ("square and add", 30, 0.95)
    assert square_and_add(differences(188, 0, 0)).low < -0.02 < square_and_add(differences(189, 0, 0)).low


def test_where_many_images_differ_the_interval_is_that_of_the_bootstrap():
    values = differences(1000, 210, 130)

    ours, resampled = square_and_add(values), bootstrap_mean(values)

    assert (ours.low, ours.high) == pytest.approx((resampled.low, resampled.high), abs=0.002)


def test_where_all_images_differ_alike_the_interval_is_wilsons():
    interval = square_and_add(differences(20, 20, 0))

    assert interval.high == 1
    assert interval.low == pytest.approx(1 - math.hypot(1 - wilson(20, 20).low, wilson(0, 20).high))


def test_the_interval_of_what_is_lost_mirrors_that_of_what_is_gained():
    gained, lost = square_and_add(differences(50, 7, 2)), square_and_add(differences(50, 2, 7))

    assert (gained.low, gained.high) == pytest.approx((-lost.high, -lost.low))


@given(st.lists(st.sampled_from([-1.0, -0.6, -0.2, 0.0, 0.0, 0.0, 0.4, 1.0]), min_size=10, max_size=60))
def test_an_interval_of_differences_contains_their_mean_and_stays_within_the_possible(values):
    array = np.array(values)

    interval = square_and_add(array)

    assert -1 <= interval.low <= array.mean() + 1e-12
    assert array.mean() - 1e-12 <= interval.high <= 1


def test_an_interval_grows_with_the_largest_difference_that_is_possible():
    ends = [square_and_add(np.zeros(40), most=most).high for most in (1.0, 3.0)]

    assert ends[1] == pytest.approx(3 * ends[0])


def test_small_differences_have_a_narrower_interval_than_large_ones_of_as_many_images():
    halves, wholes = (square_and_add(differences(200, 20, 20) * size) for size in (0.5, 1.0))

    assert halves.high - halves.low < 0.6 * (wholes.high - wholes.low)


@pytest.mark.parametrize(
    ("counts", "ends"),
    [((56, 70, 48, 80), (0.0524, 0.3339)), ((9, 10, 3, 10), (0.1705, 0.8090))],
    ids=["large samples", "small samples"],
)
def test_the_difference_of_two_samples_equals_newcombes_examples(counts, ends):
    first, n, second, m = counts

    assert newcombe_ends(first / n, n, second / m, m) == pytest.approx(ends, abs=5e-5)
