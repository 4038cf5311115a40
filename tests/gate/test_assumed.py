"""Plans without a result: what is assumed, and that rules need what an audit of such images needs."""

import numpy as np
import pytest
from modicum.gate.assumed import assumed_document, assumed_passes, assumed_spot
from modicum.gate.assumed_measures import DIFFERING, IMAGES
from modicum.gate.assumed_pairs import SPREAD, with_assumed_rows
from modicum.gate.catalogue import known_rules
from modicum.gate.planning import UNASSUMED, planned
from modicum.gate.policy import Kind
from modicum.gate.verdict import Outcome

from tests.gate.documents import TODAY
from tests.gate.test_planning import COMPARED, policy

EXPECTED = [
    (one, outcome)
    for one in known_rules().values()
    if one.kind is Kind.READING
    for outcome in one.outcomes
    if outcome not in {"MIXED", "CLEAR", "INCONCLUSIVE"}
]
"""Every reading with each outcome that numbers can be assumed for."""


def assumed_need(rule, classes=10):
    """What a rule that compares needs where nothing was measured."""
    asked = policy(COMPARED + rule)
    ours, before = with_assumed_rows(assumed_document(asked, classes), asked, classes)
    needs = planned(ours, asked, today=TODAY, assumed=True, baseline=before).needs
    return next(one for one in needs if one.rule.needs_baseline)


def test_without_a_result_a_comparison_needs_what_the_assumed_pairs_need():
    """1.645 standard errors are 2 points of accuracy, less for the lost pair that is added, or half of log 0.8."""
    accuracy = assumed_need("  accuracy: {level: error, max_regression: 0.02}")
    sizes = assumed_need("  subset-fraction: {min_ratio_to_baseline: 0.8}")

    assert (accuracy.outcome, sizes.outcome) == (Outcome.PASS, Outcome.PASS)
    least = (1.645 / 0.02) ** 2 * DIFFERING
    assert least < accuracy.images < 2 * least
    assert sizes.images == pytest.approx((1.645 * SPREAD / (np.log(1 / 0.8) / 2)) ** 2, rel=0.35)


def test_without_a_result_the_plan_rests_on_what_is_assumed():
    asked = policy("rules:\n  accuracy: {min: 0.8}\n  subset-fraction-ratio: {min: 0.1}")

    made = planned(assumed_document(asked, 10), asked, today=TODAY, assumed=True)

    found = {one.rule.id: one for one in made.needs}
    assert made.audited == 0
    assert (found["spot"].outcome, found["accuracy"].outcome) == (Outcome.PASS, Outcome.PASS)
    assert 200 < found["spot"].images < 400
    assert 40 < found["accuracy"].images < 80
    assert found["subset-fraction-ratio"].images is None


def assumed_rule(rule, classes=10):
    """What one rule needs where nothing was measured."""
    asked = policy(f"rules: {{spot: off, {rule}}}")
    made = planned(assumed_document(asked, classes), asked, today=TODAY, assumed=True)
    return next(one for one in made.needs if rule.startswith(one.rule.id))


@pytest.mark.parametrize(
    ("rule", "beyond", "quantile"),
    [
        ("subset-fraction-median: {max: 0.2}", 0.5 * 0.2 / 0.3, 0.5),
        ("dilated-confidence-median: {min: 0.5}", 0.5 * 0.5 / 0.75, 0.5),
        ("subset-fraction-upper-quartile: {max: 0.4}", 0.25 * 0.4 / 0.6, 0.25),
        ("subset-size-median: {min: 100}", 0.5 * 100 / 150, 0.5),
    ],
)
def test_without_a_result_a_median_needs_what_evenly_spread_values_need(rule, beyond, quantile):
    """A share `beyond` the limit must be shown to be less than that beyond the quantile itself."""
    found = assumed_rule(rule)

    least = (1.645 / (quantile - beyond)) ** 2 * quantile * (1 - quantile)
    assert found.outcome == Outcome.PASS
    assert 0.8 * least < found.images < 1.7 * least + 10


@pytest.mark.parametrize(
    "rule",
    [
        *(f"{one.id}: {{expect: [{outcome}]}}" for one, outcome in EXPECTED),
        "pixel-subsets-confidence-mean: {min: 0.5}",
        "fill-survival-black: {min: 0.5}",
        "pixel-subsets-class-kept-gain: {min: -0.1}",
        "class-targeted-size-ratio-median: {min: 2}",
        "shortcut: {expect: [NONE_SEEN]}, shortcut-accuracy-drop: {max: 0.1}",
    ],
)
def test_without_a_result_every_reading_and_mean_needs_some_images(rule):
    found = assumed_rule(rule)

    assert (found.outcome, found.enough) == (Outcome.PASS, False)
    assert 5 <= found.images <= 500


@pytest.mark.parametrize("rule", ["transfer: {expect: [MIXED]}", "shortcut: {expect: [CLEAR]}"])
def test_without_a_result_an_outcome_that_nothing_is_assumed_for_is_unknown(rule):
    found = assumed_rule(rule)

    assert (found.images, found.reason) == (None, UNASSUMED)


def test_a_median_of_fewer_than_ten_images_settles_nothing():
    assert assumed_rule("subset-fraction-median: {min: 0.05}").images == 10  # no value lies below


def test_more_classes_need_more_images():
    asked = policy("")

    few, many = (planned(assumed_document(asked, count), asked, today=TODAY, assumed=True) for count in (5, 20))

    assert many.needs[0].images > 3 * few.needs[0].images


def test_the_assumed_spot_is_followed_by_8_percent():
    row_of_a_class = assumed_document(policy(""), 10)["spots"][0]["rows"][1]

    values = [one["here"] for one in row_of_a_class["places"][0]["pasted"]]
    assert len(values) == IMAGES / 10
    assert np.mean(values) == pytest.approx(0.08, abs=0.005)


@pytest.mark.parametrize(
    ("audit", "passes", "spot"),
    [
        ("{passes: 100}", 212, 120_000),
        ("{passes: 100, controls: [spot]}", 112, 120_000),
        ("{controls: []}", 612, None),
        ("{passes: 100, target: [predicted, random_other]}", 312, 120_000),
        ("{passes: 100, threshold: [0.7, 0.9], pixel_subsets: 50}", 462, 120_000),
        ("{controls: ['class_targeted:0:50', pixel_subsets]}", 962, None),
        ("{method: batched_gradient, controls: []}", 3 * 502 + 12, None),
        ("{method: backselect, fraction: 0.5, controls: []}", 100_349 + 12, None),
    ],
)
def test_passes_are_assumed_by_the_policys_budget_and_controls(audit, passes, spot):
    asked = policy(f"audit: {audit}")

    assert assumed_passes(asked)[0] == passes
    assert (assumed_spot(asked) or (None,))[0] == spot
