"""Coverage of intervals of paired differences: the figures that decision 0037 rests on."""

import pytest

from benchmarks.coverage import bootstrap, coverage, newcombe, ours

N, DIFFERENT, SAMPLES = 100, 0.02, 4000


def test_our_interval_covers_where_few_images_differ_and_the_others_do_not():
    covered = {
        each.__name__: coverage(each, N, DIFFERENT, samples=SAMPLES).least for each in (ours, newcombe, bootstrap)
    }

    assert covered["ours"] >= 0.95
    assert covered["newcombe"] < 0.90
    assert covered["bootstrap"] < 0.80


def test_newcombes_interval_equals_his_example():
    low, high = newcombe(36, 12, 2, 0)

    assert (low, high) == pytest.approx(
        (0.0569, 0.3404), abs=1e-4
    )  # Newcombe (1998), table II, data set (a), method 10
