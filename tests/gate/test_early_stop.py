"""Shares that may be looked at early: the e-process against arithmetic and integration, and verdicts on cut audits."""

from dataclasses import replace

import numpy as np
import pytest
from modicum.errors import InvalidArgument
from modicum.gate.early_stop import EARLY_PART, Looks, ever_above, p_when_looked_at
from modicum.gate.policy_file import policy_of
from modicum.gate.rendering.forms import FORMS
from modicum.gate.stopping import ShareLimit, Stopping, look_images, settled, stopping_of
from modicum.gate.tails import number_of, p_above, p_below, p_beyond, p_within
from modicum.gate.unmeasured import unmeasured
from modicum.stopping import share_limit
from scipy.integrate import quad

from tests.gate.documents import TODAY, difference, document, share, verdict

POLICY = "rules:\n  spot: off\n  overinterpretation-rate: {max: 0.1}\n"


def cut(images, planned=640):
    """What a document says of an audit that ended after so many of its images."""
    why = [] if images == planned else ["somebody stopped it"]
    return {"planned": planned, "images": images, "why": why}


@pytest.mark.parametrize(("found", "n", "limit"), [(0, 1, 0.1), (3, 5, 0.1), (12, 40, 0.2), (2, 90, 0.5), (1, 1, 0.9)])
def test_the_e_process_is_the_likelihood_ratio_mixed_over_larger_shares(found, n, limit):
    def ratio(larger):
        return (larger / limit) ** found * ((1 - larger) / (1 - limit)) ** (n - found) / (1 - limit)

    mixed, _ = quad(ratio, limit, 1)

    assert ever_above(found, n, limit) == pytest.approx(min(1, 1 / mixed))


def test_one_image_that_is_found_raises_the_e_process_as_arithmetic_says():
    """Of shares uniform on (0.5, 1) the mean is 0.75, so one image multiplies the bet by 0.75 / 0.5."""
    assert ever_above(1, 1, 0.5) == pytest.approx(0.5 / 0.75)


@pytest.mark.parametrize(
    ("found", "n", "limit", "p"), [(0, 0, 0.1, 1.0), (5, 5, 1.0, 1.0), (1, 5, 0.0, 0.0), (0, 5, 0.0, 1.0)]
)
def test_no_image_and_limits_at_the_ends_are_decided_without_a_bet(found, n, limit, p):
    assert ever_above(found, n, limit) == p


def test_a_look_at_very_many_images_neither_overflows_nor_decides_by_an_underflow():
    assert ever_above(0, 1_000_000, 0.1) == 1.0
    assert ever_above(1_000_000, 1_000_000, 0.1) == 0.0
    assert 0 < ever_above(101_500, 1_000_000, 0.1) < 0.01


@pytest.mark.parametrize("limit", [0.02, 0.1, 0.5, 0.9])
@pytest.mark.long
def test_whoever_looks_after_every_image_seldom_sees_a_small_p_at_the_limit(limit):
    found = np.cumsum(np.random.default_rng(5).random((2000, 300)) < limit, axis=1)
    smallest = [min(ever_above(int(k), at + 1, limit) for at, k in enumerate(one)) for one in found[:400]]

    assert np.mean(np.array(smallest) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


def test_early_looks_spend_a_fifth_of_the_error_and_the_planned_end_the_rest():
    """9 of 30 above 0.1: the exact test's p is divided by 0.8 at the planned end, the e-process's by 0.2 before."""
    early, exact = ever_above(9, 30, 0.1), p_above(number_of(share(9, 30)), 0.1)

    assert EARLY_PART == 0.2
    assert p_above(number_of(share(9, 30), Looks.EARLY), 0.1) == pytest.approx(early / 0.2)
    assert p_above(number_of(share(9, 30), Looks.LAST), 0.1) == pytest.approx(exact / 0.8)
    assert p_above(number_of(share(9, 30), Looks.ONCE), 0.1) == exact


def test_the_planned_end_keeps_what_early_looks_have_shown():
    assert p_when_looked_at(0.5, 30, 30, 0.1, Looks.LAST) == ever_above(30, 30, 0.1) / EARLY_PART


def test_both_sides_of_a_limit_are_looked_at_alike():
    assert p_below(number_of(share(2, 90), Looks.EARLY), 0.1) == pytest.approx(ever_above(88, 90, 0.9) / EARLY_PART)


def test_limits_on_both_sides_share_the_error():
    number = number_of(share(50, 60), Looks.EARLY)

    assert p_beyond(number, at_most=0.1, at_least=0.05) == 2 * p_above(number, 0.1)
    assert p_within(number, at_most=0.9, at_least=0.1) == max(p_below(number, 0.9), p_above(number, 0.1))


@pytest.mark.parametrize(
    ("found", "images", "outcome"),
    [(30, 96, "FAIL"), (1, 128, "PASS"), (13, 128, "INCONCLUSIVE"), (20, 128, "INCONCLUSIVE"), (40, 640, "PASS")],
)
def test_a_cut_audit_is_judged_by_what_may_be_looked_at_early(found, images, outcome):
    given = verdict(POLICY, document({"overinterpretation_rate": share(found, images)}, stopping=cut(images)))

    assert given.outcome == outcome


def test_a_share_that_fails_when_looked_at_once_may_be_open_when_it_was_cut():
    measures = {"overinterpretation_rate": share(23, 128)}

    assert verdict(POLICY, document(measures)).outcome == "FAIL"
    assert verdict(POLICY, document(measures, stopping=cut(128))).outcome == "INCONCLUSIVE"


def test_the_verdict_names_images_out_of_planned_and_why_it_ended():
    given = verdict(POLICY, document({"overinterpretation_rate": share(1, 128)}, stopping=cut(128, planned=1640)))

    assert given.summary == "PASS: 1 rule of level error within limits, after 128 of 1,640 images"
    assert given.notes[0] == "the audit ended after 128 of 1,640 images: somebody stopped it"
    assert given.as_json()["result"]["stopping"]["images"] == 128


def test_an_audit_that_could_have_been_cut_and_was_not_says_nothing_of_it():
    given = verdict(POLICY, document({"overinterpretation_rate": share(40, 640)}, stopping=cut(640)))

    assert given.summary == "PASS: 1 rule of level error within limits"
    assert given.notes == ()


def test_nothing_is_left_out_of_the_verdict_on_an_audit_that_was_cut():
    preset = "preset: strict\nrules:\n  spot: off\n"

    whole, early = (verdict(preset, document(spots=(), stopping=stopping)) for stopping in (None, cut(0)))

    assert "shortcut-accuracy-excess" in whole.left_out
    assert not early.left_out
    assert early.outcome == "INCONCLUSIVE"


@pytest.mark.parametrize("form", FORMS)
def test_a_verdict_without_a_result_passes_nothing_and_has_every_form(form):
    given = unmeasured(policy_of(f"version: 1\n{POLICY}", "modicum.yaml", today=TODAY), "the budget of 5s", today=TODAY)

    assert (given.outcome, given.summary) == ("INCONCLUSIVE", "INCONCLUSIVE: the budget of 5s")
    assert {str(one.outcome) for one in given.rules} == {"INCONCLUSIVE"}
    assert FORMS[form](given.as_json())


def test_a_verdict_without_a_result_fails_by_a_waiver_that_has_expired():
    waiver = "waivers: [{rule: spot, class: cat, reason: r, owner: o, expires: 2026-01-02}]"
    policy = policy_of(f"version: 1\n{POLICY}{waiver}", "modicum.yaml", today=TODAY)

    assert unmeasured(policy, "", today=TODAY).outcome == "FAIL"


CUT_SCORES = {"planned": 200, "images": 200, "why": ["the budget of 10m was spent"], "cut": ["counterfactual", "spot"]}


def test_a_spot_test_that_was_cut_is_inconclusive_and_the_verdict_says_why():
    given = verdict("preset: recommended\n", document(spots=(), stopping=CUT_SCORES))

    (rule,) = [one for one in given.rules if one.rule.id == "spot"]
    assert given.outcome == rule.outcome == "INCONCLUSIVE"
    assert rule.checks[0].reason == "the spot test was left out: the budget of 10m was spent"
    assert given.notes[0] == (
        "the audit ended after 200 of 200 images: the budget of 10m was spent; left out: the "
        "counterfactual set, the spot test"
    )


def test_a_rule_of_what_was_cut_is_not_left_out_as_if_it_had_never_been_asked_for():
    whole, cut_short = (
        verdict("preset: recommended\n", document(spots=(), **more)) for more in ({}, {"stopping": CUT_SCORES})
    )

    assert "counterfactual-accuracy-loss" in whole.left_out
    assert "counterfactual-accuracy-loss" not in cut_short.left_out


def stopping(text):
    return stopping_of(policy_of(f"version: 1\n{text}", "modicum.yaml", today=TODAY))


def test_a_policy_of_shares_alone_ends_an_audit_by_each_of_its_limits():
    given = stopping(
        "require: {eligible_images: 50, images: 70}\nerror_budget: 0.02\nrules:\n  spot: off\n"
        "  accuracy: {min: 0.8}\n  overinterpretation-rate: {max: 0.1}\n"
    )

    assert {(one.measure, one.at_most, one.at_least, one.error) for one in given.limits} == {
        ("accuracy", None, 0.8, 0.01),
        ("overinterpretation_rate", 0.1, None, 0.01),
    }
    assert (given.within_ends, given.least_eligible_images) == (True, 70)


@pytest.mark.parametrize(
    "other",
    [
        "  spot: error\n",
        "  spot: off\n  random: {expect: [THESE_PIXELS]}\n",
        "  spot: off\n  eligible-share: {min: 0.5, classes: all}\n",
        "  spot: off\n  eligible-share: {min: 0.5, search: 1}\n",
        "  spot: off\n  eligible-share: {min: 0.5, dataset: other}\n",
    ],
)
def test_a_policy_that_requires_more_than_shares_ends_an_audit_only_where_it_fails(other):
    given = stopping(f"rules:\n  accuracy: {{min: 0.8}}\n{other}")

    assert [one.measure for one in given.limits] == ["accuracy"]
    assert not given.within_ends


@pytest.mark.parametrize(
    "rule",
    [
        "class-targeted-size-ratio-median: {min: 1.5}",
        "class-targeted-size-ratio-median: {min: 0.9}",
        "shortcut-accuracy-excess: {level: error, min: -0.5, max: 0.02}",
        "shortcut-accuracy-excess: {level: error, max: 0.02}",
        "overinterpretation-rate: {max: 1}",
        "overinterpretation-rate: {min: 0, max: 0.5}",
        "subset-size-median: {max: 400}",
    ],
)
def test_what_is_not_a_share_within_0_and_1_is_not_looked_at_before_the_end(rule):
    assert stopping(f"rules:\n  spot: off\n  {rule}\n") == Stopping()
    both = stopping(f"rules:\n  spot: off\n  accuracy: {{min: 0.8}}\n  {rule}\n")
    assert ([one.measure for one in both.limits], both.within_ends) == (["accuracy"], False)


def test_a_rule_of_named_classes_gives_each_its_part_of_the_error():
    given = stopping("error_budget: 0.02\nrules:\n  spot: off\n  accuracy: {min: 0.8, classes: [cat, dog]}\n")

    assert [(one.class_label, one.at_least, one.error) for one in given.limits] == [
        ("cat", 0.8, 0.01),
        ("dog", 0.8, 0.01),
    ]
    assert given.within_ends


def test_a_rule_of_pooled_classes_is_one_of_all_images():
    given = stopping("rules:\n  spot: off\n  accuracy: {min: 0.8, classes: pooled}\n")

    assert [(one.class_label, one.at_least) for one in given.limits] == [("", 0.8)]
    assert given.within_ends


def test_a_class_is_settled_by_its_own_share_and_by_none_while_it_has_no_images():
    cat = replace(ONE, class_label="cat")
    both = Stopping(limits=(cat, replace(ONE, class_label="dog")), within_ends=True)

    assert settled(both, [[share(20, 60)], [None]]) == ("accuracy of cat lies beyond its limit (20 of 60)",)
    assert settled(both, [[share(60, 60)], [None]]) == ()
    assert settled(both, [[share(60, 60)], [share(60, 60)]]) == ("every share lies within its limits",)


def test_a_waived_rule_ends_no_audit():
    waiver = "waivers: [{rule: accuracy, reason: r, owner: o, expires: 2026-12-24, class: cat}]"

    assert stopping(f"rules:\n  spot: off\n  accuracy: {{min: 0.8}}\n{waiver}").limits == ()


ONE = ShareLimit(measure="accuracy", at_least=0.8, error=0.01)


@pytest.mark.parametrize(
    ("measured", "why"),
    [
        ([[share(20, 60)]], ("accuracy lies beyond its limit (20 of 60)",)),
        ([[share(60, 60)]], ("every share lies within its limits",)),
        ([[share(60, 60), share(50, 60)]], ()),
        ([[share(60, 60), None]], ()),
        ([[share(0, 0)]], ()),
        ([[difference(0.9, 0.99)]], ()),
    ],
)
def test_limits_settle_an_audit_where_one_is_broken_or_all_are_kept(measured, why):
    assert settled(Stopping(limits=(ONE,), within_ends=True), measured) == why


def test_failed_images_leave_a_broken_limit_alone_to_settle_an_audit():
    limits = Stopping(limits=(ONE,), within_ends=True)

    assert settled(limits, [[share(60, 60)]], many_failed=True) == ()
    assert settled(limits, [[share(20, 60)]], many_failed=True) == ("accuracy lies beyond its limit (20 of 60)",)


def test_versions_share_the_error_of_a_limit():
    """34 of 60 is beyond 0.8 with a p of 0.0058: for one version at 0.01, and not for two."""
    limits = Stopping(limits=(ONE,))

    assert settled(limits, [[share(34, 60)]])
    assert not settled(limits, [[share(34, 60), share(60, 60)]])


@pytest.mark.parametrize(
    ("planned", "images"), [(1, 32), (640, 32), (2048, 32), (2049, 64), (10_000, 160), (100_000, 1568)]
)
def test_looks_follow_after_32_images_and_there_are_at_most_64(planned, images):
    assert look_images(planned) == images
    assert planned / images <= 64


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("overinterpretation-rate<=0.1", ShareLimit(measure="overinterpretation_rate", at_most=0.1)),
        (" accuracy >= .85 ", ShareLimit(measure="accuracy", at_least=0.85)),
    ],
)
def test_a_limit_is_written_as_a_comparison(text, limit):
    assert share_limit(text) == limit


@pytest.mark.parametrize("text", ["accuracy", "accuracy=0.5", "accuracy<=0", "accuracy<=1", "<=0.5", "accuracy<=half"])
def test_anything_else_is_no_limit(text):
    with pytest.raises(InvalidArgument, match="stopping: expected MEASURE<=SHARE or MEASURE>=SHARE"):
        share_limit(text)
