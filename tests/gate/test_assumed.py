"""Plans without a result: what is assumed, and that rules need what an audit of such images needs."""

import numpy as np
import pytest
from modicum.gate.assumed import assumed_document, assumed_passes, assumed_spot, assumptions_of
from modicum.gate.assumed_measures import DIFFERING, IMAGES, SPREAD
from modicum.gate.assumed_pairs import with_assumed_rows
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
    asked = policy("rules:\n  accuracy: {min: 0.8}\n  mitigation: {expect: [MITIGATED]}")

    made = planned(assumed_document(asked, 10), asked, today=TODAY, assumed=True)

    found = {one.rule.id: one for one in made.needs}
    assert made.audited == 0
    assert (found["spot"].outcome, found["accuracy"].outcome) == (Outcome.PASS, Outcome.PASS)
    assert 200 < found["spot"].images < 400
    assert 40 < found["accuracy"].images < 80
    assert found["mitigation"].images is None


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


@pytest.mark.long_after(3)
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


@pytest.mark.long_after(2)
@pytest.mark.parametrize(
    ("limits", "apart"),
    [
        ("min: 0.8", np.log(1 / 0.8) / 2),
        ("max: 1.25", np.log(1.25) / 2),
        ("min: 0.8, max: 1.25", np.log(1.25)),
        ("min: 1.25", np.log(2) / 2),
        ("max: 0.8", np.log(2) / 2),
    ],
)
def test_without_a_result_a_ratio_of_two_versions_needs_what_its_logarithms_need(limits, apart):
    """1.645 standard errors of their mean are the distance to the nearer limit; by Student's t a few images more."""
    found = assumed_rule(f"subset-fraction-ratio: {{{limits}}}")

    assert (found.outcome, found.enough) == (Outcome.PASS, False)
    assert found.images == pytest.approx((1.645 * SPREAD / apart) ** 2, rel=0.35, abs=5)


@pytest.mark.long_after(1)
@pytest.mark.parametrize("classes", [2, 20])
def test_without_a_result_a_ratio_of_each_class_needs_its_images_of_each(classes):
    asked = "subset-fraction-ratio: {min: 0.8, classes: all}"

    whole, each = assumed_rule("subset-fraction-ratio: {min: 0.8}"), assumed_rule(asked, classes)

    assert each.images == pytest.approx(classes * whole.images, rel=0.35)


def test_without_a_result_limits_that_every_ratio_keeps_need_the_fewest_images():
    assert assumed_rule("subset-fraction-ratio: {min: 0}").images <= 10


def test_an_audit_of_two_versions_takes_twice_the_passes():
    rule = "rules: {subset-fraction-ratio: {min: 0.8}}"
    one, two = policy("audit: {passes: 100}"), policy(f"audit: {{passes: 100}}\n{rule}")

    assert (assumed_passes(one)[0], assumed_passes(two)[0]) == (212, 424)
    assert assumed_passes(two)[1].endswith(", with each of two versions")
    assert assumed_spot(two) == tuple(2 * number if at != 1 else number for at, number in enumerate(assumed_spot(one)))


def test_a_plan_says_what_is_assumed_of_two_versions():
    told = [
        said for said in assumptions_of(policy("rules: {subset-fraction-ratio: {min: 0.8}}")) if "two versions" in said
    ]

    assert told == [
        "one of the two versions is judged; both have the same number of eligible images and the same mean fill",
        "the ratio of two versions lies halfway between its limits",
        "a missing limit of two versions is taken as 1, or as twice or half the other limit if that lies beyond 1",
        "sizes of one image differ between two versions by a factor of 2.0 (one standard deviation)",
    ]
    assert not any("two versions" in said for said in assumptions_of(policy("")))


def test_a_median_of_fewer_than_ten_images_settles_nothing():
    assert assumed_rule("subset-fraction-median: {min: 0.05}").images == 10  # no value lies below


@pytest.mark.long
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
