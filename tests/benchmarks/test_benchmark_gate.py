"""The simulation of the gate: its cases are what they say, and errors stay rare."""

import numpy as np
import pytest

from benchmarks import gate


@pytest.mark.parametrize("make", gate.KINDS.values(), ids=gate.KINDS)
def test_a_drawn_measure_has_the_rate_that_was_asked_for(make):
    values = [make(0.1, np.random.default_rng(seed))["value"] for seed in range(400)]

    assert np.mean(values) == pytest.approx(0.1, abs=0.01)


@pytest.fixture(scope="module")
def rows():
    return {(one.kind, one.rules, one.case): one.outcomes for one in gate.simulated(20)}


def test_every_kind_number_and_case_is_simulated(rows):
    assert len(rows) == len(gate.KINDS) * len(gate.RULES) * len(gate.CASES) + len(gate.CASES)
    assert {sum(outcomes.values()) for outcomes in rows.values()} == {20}


def test_rules_at_their_limits_seldom_fail_and_never_pass_together(rows):
    at_the_limit = [outcomes for (_, rules, case), outcomes in rows.items() if case == "all at the limit" and rules > 1]

    assert max(outcomes["FAIL"] for outcomes in at_the_limit) <= 2
    assert {outcomes["PASS"] for outcomes in at_the_limit} == {0}


def test_a_rule_that_lies_beyond_never_passes(rows):
    assert {outcomes["PASS"] for (_, _, case), outcomes in rows.items() if case == "one beyond"} == {0}
