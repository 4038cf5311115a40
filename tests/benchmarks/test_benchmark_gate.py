"""The simulation of the gate: its cases are what they say, errors stay rare, and the page tells them."""

from dataclasses import asdict
from itertools import islice

import numpy as np
import pytest
from modicum_server.measures.intervals import wilson

from benchmarks import results
from benchmarks.gate import measures, run, tables
from benchmarks.gate.rows import AT_LIMIT, BEYOND, CASES, ONE_AT_LIMIT, WITHIN
from tests.docs.documents import ROOT


@pytest.mark.parametrize("make", measures.KINDS.values(), ids=measures.KINDS)
def test_a_drawn_measure_has_the_rate_that_was_asked_for(make):
    values = [make(0.1, np.random.default_rng(seed))["value"] for seed in range(400)]

    assert np.mean(values) == pytest.approx(0.1, abs=0.01)


@pytest.fixture(scope="module")
def found():
    return list(run.simulated(20))


@pytest.fixture
def rows(found):
    return {(one.kind, one.rules, one.case): one.outcomes for one in found}


@pytest.mark.long
def test_every_kind_is_simulated_at_within_and_beyond_its_limit(found, rows):
    assert len(found) == len(rows)
    for kind, rules in {(kind, rules) for kind, rules, _ in rows}:
        cases = {case for one, number, case in rows if (one, number) == (kind, rules)}
        assert cases <= set(CASES)
        assert cases >= {AT_LIMIT, WITHIN, BEYOND}
    assert {sum(outcomes.values()) for outcomes in rows.values()} == {20}


@pytest.mark.long
def test_rules_at_their_limits_seldom_fail_and_never_pass_together(rows):
    at_the_limit = [outcomes for (_, rules, case), outcomes in rows.items() if case == "all at the limit" and rules > 1]

    assert max(outcomes.get("FAIL", 0) for outcomes in at_the_limit) <= 2
    assert {outcomes.get("PASS", 0) for outcomes in at_the_limit} == {0}


@pytest.mark.long
def test_a_rule_that_lies_beyond_never_passes(rows):
    assert {outcomes.get("PASS", 0) for (_, _, case), outcomes in rows.items() if case == "one beyond"} == {0}


@pytest.mark.long
@pytest.mark.parametrize("form", ["normal", "skewed"])
def test_an_ensemble_passes_within_its_limits_and_fails_beyond(rows, form):
    kind = f"ensemble, {form} logarithms"

    assert rows[kind, 1, WITHIN].get("PASS", 0) >= 18
    assert rows[kind, 1, BEYOND].get("FAIL", 0) >= 18


@pytest.mark.long
def test_a_row_draws_the_same_whatever_rows_come_before_it(found):
    alone = next(islice(run.simulated(20), 1))

    assert alone == found[0]


def test_the_page_tells_shares_with_their_intervals():
    low, high = (100 * end for end in (wilson(2, 20).low, wilson(2, 20).high))
    row = {"kind": "share", "rules": 8, "case": "all within", "outcomes": {"PASS": 18, "INCONCLUSIVE": 2}}

    text = "\n".join(tables.gate({"verdicts": 20, "rows": [row]}))

    assert f"| 8 | all within | 0.00% [0.00, 16.11] | 90.00% [69.90, 97.21] | 10.00% [{low:.2f}, {high:.2f}] |" in text


@pytest.mark.long
def test_the_page_says_which_rules_were_not_simulated(found):
    some = [asdict(one) for one in found if one.kind != "median"]

    text = "\n".join(tables.gate({"verdicts": 20, "rows": some}))

    assert "Not measured yet: median (1 rule).\n" in text
    assert "Not measured" not in "\n".join(tables.gate({"verdicts": 20, "rows": [asdict(one) for one in found]}))


@pytest.fixture(scope="module")
def measured():
    """The committed rows, as they stand on the page of benchmarks."""
    return results.read(ROOT / results.RESULTS)["parts"]["gate"]["rows"]


def largest(rows, outcome, wrong):
    """The largest share of an outcome among the rows in whose cases it is wrong, with its interval."""
    counts = [(one["outcomes"].get(outcome, 0), sum(one["outcomes"].values())) for one in rows if one["case"] in wrong]
    count, total = max(counts, key=lambda both: both[0] / both[1])
    interval = wilson(count, total)
    return f"{count / total:.2%} ({interval.low:.2%} to {interval.high:.2%})"


def test_readme_and_policy_tell_the_largest_errors_of_the_committed_rows(measured):
    ends_early = [one for one in measured if "early stop" in one["kind"] or "cut at any time" in one["kind"]]
    no_spot = [one for one in measured if not one["kind"].startswith("spot")]
    of_all, of_early = (largest(rows, "FAIL", {AT_LIMIT, ONE_AT_LIMIT, WITHIN}) for rows in (measured, ends_early))
    passes = largest(no_spot, "PASS", {AT_LIMIT, ONE_AT_LIMIT, BEYOND})

    texts = {name: " ".join((ROOT / name).read_text().split()) for name in ("README.md", "docs/reference/policy.md")}

    for text in texts.values():
        assert of_early in text
        assert of_all in text
    assert passes in texts["docs/reference/policy.md"]


def test_the_committed_rows_are_of_every_kind_that_is_simulated(measured):
    wanted = {(row.kind, row.rules, row.case) for kind in run.KINDS for row in kind()}

    assert {(one["kind"], one["rules"], one["case"]) for one in measured} == wanted
