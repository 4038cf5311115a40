"""Outcomes of readings at other levels, and what a measure holds so that it can be judged at any."""

import numpy as np
import pytest
from modicum.gate.reading_rules import ends_at
from modicum.gate.tails import share_ends
from modicum_server.measures.intervals import (
    TAILS,
    order_ends,
    order_statistics,
    share_interval,
    wilson,
)
from modicum_server.measures.measure import Measure, share
from scipy.stats import binom, binomtest

from tests.measures.example_audit import document_and_rows, finding, mixed_findings, variants


@pytest.mark.parametrize("n", [10, 57, 400])
@pytest.mark.parametrize("q", [0.25, 0.5])
def test_the_ends_of_a_quantile_are_order_statistics_at_every_tail(n, q):
    values = np.random.default_rng(n).exponential(size=n)

    ends = {tail: (low, high) for tail, low, high in order_ends(values, q)}

    whole = order_statistics(values, q, 0.95)
    assert ends.get(0.025) == (whole.low, whole.high)
    for tail, (low, _) in ends.items():
        if low is not None:
            below = int((values < low).sum())
            assert binom.cdf(below, n, q) <= tail


def test_ends_that_no_value_gives_are_left_out():
    tails = [tail for tail, _, _ in order_ends(np.arange(10.0), 0.5)]

    assert tails == [tail for tail in TAILS if tail >= 0.5**10]
    assert order_ends(np.arange(9.0), 0.5) == []


@pytest.mark.parametrize(("successes", "n"), [(0, 50), (9, 50), (50, 50)])
def test_a_share_has_the_exact_interval_below_a_tail_of_one_in_200(successes, n):
    low, high = share_ends(successes, n, 0.001)
    exact = binomtest(successes, n).proportion_ci(0.998)

    assert (low, high) == (pytest.approx(exact.low), pytest.approx(exact.high))
    assert share_interval(successes, n, 0.998).low == pytest.approx(low)
    assert share_interval(successes, n, 0.95) == wilson(successes, n, 0.95)


def test_a_difference_is_derived_anew_from_its_counts():
    lost = Measure(0.1, "difference", 40, parameters={"differing": 8})

    low, high = ends_at(lost.as_json(), 0.025)

    assert low < 0.1 < high


def test_a_reading_has_the_outcome_of_the_document_at_its_level_and_less_of_one_at_smaller_tails():
    found = [finding(at, 3, controls=variants(sufficient=at < 25)) for at in range(32)]

    document, _ = document_and_rows(found)

    for reading in document["models"][0]["searches"][0]["readings"]:
        outcomes = dict(map(tuple, reading["outcomes"]))
        if outcomes:
            assert outcomes[0.025] == reading["outcome"]
    told = {
        one["control"]: dict(map(tuple, one["outcomes"])) for one in document["models"][0]["searches"][0]["readings"]
    }
    assert told["random"][0.05] == "ANY_PIXELS"
    assert told["random"][1e-6] == "INCONCLUSIVE"


def test_every_measure_of_a_document_can_be_judged_at_any_level():
    document, _ = document_and_rows([*mixed_findings(), *(finding(at, at % 20 + 1) for at in range(20, 60))])

    for name, measure in document["models"][0]["searches"][0]["measures"].items():
        if measure["value"] is not None and measure["n"] >= 10:
            told = "successes" in measure["parameters"] or "differing" in measure["parameters"]
            assert told or measure.get("evidence"), name


def test_a_share_of_few_images_has_no_interval_at_any_tail():
    assert ends_at(share(np.ones(9, dtype=bool), empty="").as_json(), 1e-4) is None
