"""The ensemble mitigation check: its estimand and its verdict by the rule."""

from dataclasses import replace

import numpy as np
import pytest
from example_audit import SEARCH, document_and_rows, failed, finding, not_eligible
from modicum_server.domain.findings import FindingReason
from modicum_server.domain.models import Ensemble, InputDropout, ModelCheck, OutputKind
from modicum_server.domain.statistics import Statistics
from modicum_server.measures.checked_versions import CheckedVersion, latency_ratio
from modicum_server.measures.intervals import Interval
from modicum_server.measures.matched_eligibility import MatchedEligibility
from modicum_server.measures.measure import Measure
from modicum_server.measures.mitigation_rule import judge
from modicum_server.measures.out_of_distribution import Answers, OutOfDistribution

ONE, TWO, BOTH = (f"projects/default/models/{name}/versions/1" for name in ("one", "two", "both"))
MATCHED = replace(SEARCH, matched=True)
CHECK = ModelCheck(3, OutputKind.LOGITS, useful_gradient=True, pass_milliseconds=2.5)
COUNT = 160
"""Enough images for accuracy to count as not lower where all versions predict alike."""


def checked(findings, *, searches=(SEARCH, MATCHED), second=None, **parameters):
    """The only check of an audit of two members and their ensemble."""
    document, _ = document_and_rows(
        findings,
        versions=(ONE, TWO, BOTH),
        searches=searches,
        sources={BOTH: Ensemble((ONE, TWO))},
        check=CHECK,
        second=second,
        **parameters,
    )
    (check,) = document["mitigation"]
    return check


def audit_of(sizes, *, count=COUNT, spread=lambda place: 0, **changes):
    """Findings of `count` images: a size for each (version, search), `spread` pixels more for some images."""
    return [
        finding(place, size + spread(place), model_version=name, search_index=index, **changes)
        for place in range(count)
        for (name, index), size in sizes.items()
    ]


LARGER = {(ONE, 0): 4, (TWO, 0): 9, (BOTH, 0): 12, (ONE, 1): 5, (TWO, 1): 9}


def test_the_ratio_is_that_to_the_geometric_mean_of_the_members():
    check = checked(audit_of(LARGER))

    assert check["measures"]["subset_fraction_ratio"]["value"] == pytest.approx(12 / np.sqrt(4 * 9))
    assert check["measures"]["matched_subset_fraction_ratio"]["value"] == pytest.approx(12 / np.sqrt(5 * 9))
    assert check["measures"]["subset_fraction_ratio"]["n"] == COUNT
    assert (check["ensemble"], check["members"]) == (BOTH, [ONE, TWO])


def test_an_ensemble_that_needs_more_at_matched_temperatures_too_mitigates():
    check = checked(audit_of(LARGER), matched_temperatures={"1": {ONE: 1.4, TWO: 0.9}})

    assert (check["verdict"], check["reasons"], check["stamp"]) == ("MITIGATED", [], "no OOD set")
    assert check["temperatures"] == {ONE: 1.4, TWO: 0.9}
    assert [one["pass_milliseconds"] for one in check["versions"].values()] == [2.5, 2.5, 2.5]
    assert check["passes_of_members_a_pass"] == 2


def test_forty_images_that_all_predict_alike_mitigate_with_a_caution():
    check = checked(audit_of(LARGER, count=40))

    difference = check["measures"]["accuracy_difference"]
    assert (difference["value"], difference["n"], difference["interval"]["low"]) == (0.0, 40, 0.0)
    assert difference["interval"]["method"] == "bootstrap"
    assert difference["parameters"]["differing"] == 0
    assert difference["parameters"]["with_two_images_added"]["low"] == pytest.approx(-3 / 42)
    assert (check["verdict"], check["reasons"]) == ("MITIGATED", [])
    (caution,) = check["cautions"]
    assert caution == (
        "of 40 images only 0 differ in accuracy, and a bootstrap knows of no others: with two images added the "
        "interval is -0.071 to 0.071, which holds -0.02"
    )


def test_so_many_images_that_predict_alike_need_no_caution():
    assert checked(audit_of(LARGER))["cautions"] == []


def test_subsets_that_are_no_larger_do_not_mitigate():
    check = checked(audit_of({**LARGER, (BOTH, 0): 6}))

    assert (check["verdict"], check["reasons"]) == ("NOT_MITIGATED", [])


def test_what_softer_logits_alone_explain_is_inconclusive():
    check = checked(audit_of({**LARGER, (ONE, 1): 12, (TWO, 1): 12}))

    assert check["verdict"] == "INCONCLUSIVE"
    assert "matched temperatures" in check["reasons"][0]


def audit_with_fewer_eligible(fewer, *, search_index=1, **changes):
    """The findings of `LARGER`, but that member TWO is eligible on so many fewer images under that search."""
    return [
        not_eligible(one.position, model_version=TWO, search_index=search_index)
        if (one.model_version, one.search_index) == (TWO, search_index) and one.position < fewer
        else one
        for one in audit_of({**LARGER, **changes.pop("sizes", {})}, **changes)
    ]


def test_eligible_images_of_ensemble_and_members_at_matched_temperatures_are_counted():
    check = checked(audit_with_fewer_eligible(1))

    assert check["matched_eligibility"] == {
        ONE: {"member": COUNT, "ensemble": COUNT, "scored_by_both": COUNT},
        TWO: {"member": COUNT - 1, "ensemble": COUNT, "scored_by_both": COUNT},
    }
    assert (check["verdict"], check["reasons"]) == ("MITIGATED", [])


def test_a_member_that_is_eligible_on_two_images_fewer_is_not_matched_and_the_reason_names_it():
    check = checked(audit_with_fewer_eligible(2))

    assert check["verdict"] == "INCONCLUSIVE"
    (reason,) = check["reasons"]
    assert reason == (
        "at its matched temperature two, version 1 is eligible on 158 images and the ensemble on 160 of the same 160, "
        "which is not as many within 1"
    )


def test_a_member_that_is_eligible_on_two_images_more_is_not_matched_either():
    findings = [
        not_eligible(one.position, model_version=BOTH) if one.model_version == BOTH and one.position < 2 else one
        for one in audit_of(LARGER)
    ]

    check = checked(findings)

    assert check["verdict"] == "INCONCLUSIVE"
    assert [reason.split(" which")[0] for reason in check["reasons"]] == [
        f"at its matched temperature {name}, version 1 is eligible on 160 images and the ensemble on 158 of the same "
        "160,"
        for name in ("one", "two")
    ]


def test_an_image_that_only_one_of_the_two_scored_does_not_count_against_a_match():
    findings = [
        replace(failed(one.position), model_version=TWO, search_index=1)
        if (one.model_version, one.search_index) == (TWO, 1) and one.position < 3
        else one
        for one in audit_of(LARGER)
    ]

    check = checked(findings)

    assert check["matched_eligibility"][TWO] == dict.fromkeys(("member", "ensemble", "scored_by_both"), COUNT - 3)
    assert check["verdict"] == "MITIGATED"


def test_an_image_whose_fill_cannot_be_made_counts_as_eligible_for_a_match():
    findings = [
        replace(one, subset=None, trace=None, reason=FindingReason.FILL_UNAVAILABLE)
        if (one.model_version, one.search_index) == (TWO, 1) and one.position < 3
        else one
        for one in audit_of(LARGER)
    ]

    assert checked(findings)["matched_eligibility"][TWO] == dict.fromkeys(
        ("member", "ensemble", "scored_by_both"), COUNT
    )


def test_a_ratio_that_is_low_does_not_mitigate_whatever_was_matched():
    check = checked(audit_with_fewer_eligible(5, sizes={(BOTH, 0): 6}))

    assert (check["verdict"], check["reasons"]) == ("NOT_MITIGATED", [])


def test_without_matched_searches_no_eligible_images_are_counted():
    sizes = {key: size for key, size in LARGER.items() if key[1] == 0}

    assert checked(audit_of(sizes), searches=(SEARCH,))["matched_eligibility"] == {}


@pytest.mark.parametrize(("member", "holds"), [(38, False), (39, True), (40, True), (41, True), (42, False)])
def test_a_member_is_matched_within_one_image(member, holds):
    assert MatchedEligibility(member, 40, 50).holds is holds


def test_without_matched_searches_nothing_is_said_to_be_mitigated():
    sizes = {key: size for key, size in LARGER.items() if key[1] == 0}

    check = checked(audit_of(sizes), searches=(SEARCH,))

    assert check["verdict"] == "INCONCLUSIVE"
    assert check["reasons"] == ["the members were not searched at matched temperatures"]
    assert check["measures"]["matched_subset_fraction_ratio"]["value"] is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"count": 29}, "fewer than 30 images"),
        ({"label": None}, "no labels"),
        ({"spread": lambda place: 30 * (place % 2)}, "holds 1.1"),
    ],
)
def test_too_few_images_no_labels_or_a_wide_interval_are_inconclusive(changes, reason):
    sizes = {**LARGER, (BOTH, 0): 7} if "spread" in changes else LARGER

    check = checked(audit_of(sizes, **changes))

    assert check["verdict"] == "INCONCLUSIVE"
    assert any(reason in one for one in check["reasons"]), check["reasons"]


def test_too_few_images_are_inconclusive_also_where_the_ratio_is_low():
    check = checked(audit_of({**LARGER, (BOTH, 0): 6}, count=12))

    assert check["verdict"] == "INCONCLUSIVE"


def test_an_ensemble_that_is_less_accurate_does_not_mitigate():
    worse = [
        replace(one, predicted_class=1) if one.model_version == BOTH and one.position < COUNT / 5 else one
        for one in audit_of(LARGER)
    ]

    check = checked(worse)

    assert check["measures"]["accuracy_difference"]["value"] == pytest.approx(-0.2)
    assert check["verdict"] == "INCONCLUSIVE"
    assert "accuracy" in check["reasons"][0]


def test_images_that_are_not_searched_with_all_are_left_out():
    findings = audit_of(LARGER)
    findings = [
        not_eligible(one.position, model_version=TWO) if one.model_version == TWO and one.position < 5 else one
        for one in findings
        if not (one.model_version == TWO and one.position < 5 and one.search_index == 1)
    ]

    check = checked(findings)

    assert check["measures"]["subset_fraction_ratio"]["n"] == COUNT - 5


def test_the_change_in_the_rate_is_over_the_same_images():
    check = checked(audit_of({(ONE, 0): 3, (TWO, 0): 9, (BOTH, 0): 12, (ONE, 1): 3, (TWO, 1): 9}))

    assert check["measures"]["overinterpretation_rate_difference"]["value"] == pytest.approx(-0.5)


def test_an_ensemble_without_its_members_is_not_checked():
    document, _ = document_and_rows(
        [finding(0, model_version=name) for name in (ONE, BOTH)],
        versions=(ONE, BOTH),
        sources={BOTH: Ensemble((ONE, TWO))},
    )

    assert document["mitigation"] == []


def test_a_matched_search_has_results_of_the_members_only():
    document, _ = document_and_rows(
        audit_of(LARGER, count=1),
        versions=(ONE, TWO, BOTH),
        searches=(SEARCH, MATCHED),
        sources={BOTH: Ensemble((ONE, TWO))},
    )

    assert [len(model["searches"]) for model in document["models"]] == [2, 2, 1]
    compared = [(pair["first"], pair["second"], pair["search_index"]) for pair in document["comparisons"]]
    assert [one for one in compared if one[2] == 1] == [(ONE, TWO, 1)]


def measure(low, high, n=100, value=1.0):
    return Measure(value, "ratio", n, Interval(low, high, "bootstrap", n))


@pytest.mark.parametrize(
    ("ratio", "matched", "accuracy", "verdict"),
    [
        ((1.2, 1.4), (1.15, 1.3), (-0.01, 0.05), "MITIGATED"),
        ((1.2, 1.4), (1.05, 1.3), (-0.01, 0.05), "INCONCLUSIVE"),
        ((1.2, 1.4), (1.15, 1.3), (-0.03, 0.05), "INCONCLUSIVE"),
        ((1.0, 1.2), (1.15, 1.3), (-0.01, 0.05), "INCONCLUSIVE"),
        ((0.9, 1.05), (1.15, 1.3), (-0.01, 0.05), "NOT_MITIGATED"),
        ((0.9, 1.1), (1.15, 1.3), (-0.01, 0.05), "INCONCLUSIVE"),
        ((1.1, 1.3), (1.15, 1.3), (-0.01, 0.05), "INCONCLUSIVE"),
    ],
)
def test_the_verdict_follows_the_rule(ratio, matched, accuracy, verdict):
    measures = {
        "subset_fraction_ratio": measure(*ratio),
        "matched_subset_fraction_ratio": measure(*matched),
        "accuracy_difference": measure(*accuracy, value=0.01),
    }

    said, reasons = judge(measures, {})

    assert said == verdict
    assert bool(reasons) == (verdict == "INCONCLUSIVE")


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        (Statistics(), "MITIGATED"),
        (Statistics(ratio_limit=1.15), "INCONCLUSIVE"),
        (Statistics(ratio_limit=1.19), "INCONCLUSIVE"),
        (Statistics(ratio_limit=1.5), "NOT_MITIGATED"),
        (Statistics(accuracy_limit=-0.01), "INCONCLUSIVE"),
        (Statistics(accuracy_limit=0), "INCONCLUSIVE"),
    ],
)
def test_the_rule_goes_by_the_limits_that_were_asked_for(asked, verdict):
    measures = {
        "subset_fraction_ratio": measure(1.2, 1.4),
        "matched_subset_fraction_ratio": measure(1.15, 1.3),
        "accuracy_difference": measure(-0.01, 0.05),
        "ood_accuracy_difference": measure(0.01, 0.05),
    }

    assert judge(measures, {}, asked)[0] == verdict


def test_reasons_name_the_limits_that_were_asked_for():
    measures = {
        "subset_fraction_ratio": measure(1.2, 1.6),
        "matched_subset_fraction_ratio": measure(1.2, 1.6),
        "accuracy_difference": measure(-0.2, 0.05),
    }

    _, reasons = judge(measures, {}, Statistics(ratio_limit=1.5, accuracy_limit=-0.1))

    assert [reason.rsplit(" ", 1)[1] for reason in reasons] == ["1.5", "1.5", "-0.1"]


def test_beside_the_verdict_stand_rate_accuracy_passes_and_time_of_each_version():
    findings = [
        replace(one, predicted_class=1) if one.model_version == TWO and one.position < COUNT / 5 else one
        for one in audit_of({**LARGER, (ONE, 0): 3})
    ]

    check = checked(findings)

    beside = check["versions"]
    assert list(beside) == [BOTH, ONE, TWO]
    rates = [beside[name]["measures"]["overinterpretation_rate"]["value"] for name in beside]
    accuracies = [beside[name]["measures"]["accuracy"]["value"] for name in beside]
    assert (rates, accuracies) == ([0.0, 1.0, 0.0], [1.0, 1.0, 0.8])
    differences = [
        check["measures"][name]["value"] for name in ("overinterpretation_rate_difference", "accuracy_difference")
    ]
    assert differences == pytest.approx([-0.5, 0.1])
    assert [beside[name]["plain_passes"] for name in beside] == [2, 1, 1]
    assert {beside[name]["pass_milliseconds"] for name in beside} == {2.5}
    assert (beside[ONE]["timed"], check["latency_ratio"]) == ("forward and backward", 1.0)


def test_the_shares_beside_the_verdict_are_of_the_images_that_all_have():
    findings = [one for one in audit_of(LARGER) if one.model_version != TWO or one.position >= 5]

    beside = checked(findings)["versions"]

    assert {one["measures"][name]["n"] for one in beside.values() for name in one["measures"]} == {COUNT - 5}


def test_a_pass_of_a_wrapper_in_an_ensemble_is_as_many_as_it_has_masks():
    document, _ = document_and_rows(
        audit_of(LARGER),
        versions=(ONE, TWO, BOTH),
        searches=(SEARCH, MATCHED),
        sources={BOTH: Ensemble((ONE, TWO)), TWO: InputDropout("projects/default/models/m/versions/1", 0.8, 16, 0)},
    )

    (check,) = document["mitigation"]
    assert [one["plain_passes"] for one in check["versions"].values()] == [17, 1, 16]
    assert check["passes_of_members_a_pass"] == 2


@pytest.mark.parametrize(
    ("ensemble", "members", "ratio"),
    [
        ((6.0, True), ((2.0, True), (4.0, True)), 2.0),
        ((6.0, False), ((2.0, False), (4.0, False)), 2.0),
        ((6.0, True), ((2.0, True), (4.0, False)), None),
        ((None, False), ((2.0, False), (4.0, False)), None),
        ((6.0, True), ((None, True), (4.0, True)), None),
        ((6.0, True), ((0.0, True), (4.0, True)), None),
    ],
)
def test_times_are_compared_where_all_were_measured_alike(ensemble, members, ratio):
    def timed(milliseconds, backward):
        return CheckedVersion({}, 1, milliseconds, backward)

    assert latency_ratio(timed(*ensemble), [timed(*member) for member in members]) == ratio


def outside(**wrong) -> OutOfDistribution:
    """Forty labelled images of fifty; so many of the first are wrong, a version."""
    everyone = np.ones(40, dtype=bool)
    answers = {
        name: Answers(everyone, np.arange(40) >= wrong.get(key, 0))
        for key, name in (("one", ONE), ("two", TWO), ("both", BOTH))
    }
    return OutOfDistribution("projects/default/datasets/others", "9" * 64, 50, answers)


def test_an_ensemble_that_holds_its_accuracy_outside_too_mitigates_without_a_stamp():
    check = checked(audit_of(LARGER), second=outside(one=20, two=20, both=4))

    assert (check["verdict"], check["reasons"], check["stamp"]) == ("MITIGATED", [], "")
    assert check["measures"]["ood_accuracy_difference"]["value"] == pytest.approx(0.4)
    beside = {name: one["measures"]["ood_accuracy"] for name, one in check["versions"].items()}
    assert {name: (one["value"], one["n"]) for name, one in beside.items()} == {
        BOTH: (0.9, 40),
        ONE: (0.5, 40),
        TWO: (0.5, 40),
    }
    told = check["out_of_distribution"]
    assert (told["item_count"], told["labelled"], told["used"], told["failed"]) == (50, 40, 40, 0)


def test_an_ensemble_that_is_less_accurate_outside_alone_does_not_mitigate_and_the_reason_says_where():
    check = checked(audit_of(LARGER), second=outside(both=8))

    assert check["verdict"] == "INCONCLUSIVE"
    (reason,) = check["reasons"]
    assert "on out-of-distribution images" in reason


def test_an_image_outside_that_one_of_them_could_not_be_asked_about_is_left_out_and_counted():
    some = np.arange(40) >= 3
    given = outside()
    one_less = OutOfDistribution(
        given.dataset, given.manifest_digest, 50, {**given.answers, TWO: Answers(some, np.ones(40, dtype=bool))}
    )

    check = checked(audit_of(LARGER), second=one_less)

    assert check["measures"]["ood_accuracy_difference"]["n"] == 37
    assert (check["out_of_distribution"]["used"], check["out_of_distribution"]["failed"]) == (37, 3)


def test_no_prediction_outside_is_no_evidence_that_accuracy_holds():
    nobody = Answers(np.zeros(40, dtype=bool), np.zeros(40, dtype=bool))
    nothing = OutOfDistribution(
        "projects/default/datasets/others", "9" * 64, 50, dict.fromkeys((ONE, TWO, BOTH), nobody)
    )

    check = checked(audit_of(LARGER), second=nothing)

    assert check["verdict"] == "INCONCLUSIVE"
    assert check["reasons"] == [
        "no labelled out-of-distribution image has a prediction of the ensemble and all members"
    ]


def test_where_no_prediction_differs_no_difference_is_left():
    third = f"{ONE[:-1]}2"
    document, _ = document_and_rows(
        [
            replace(finding(place, model_version=name), predicted_class=int(place % 3 == 0 and name != BOTH))
            for place in range(20)
            for name in (ONE, TWO, third, BOTH)
        ],
        versions=(ONE, TWO, third, BOTH),
        sources={BOTH: Ensemble((ONE, TWO, third))},
    )

    (check,) = document["mitigation"]
    assert check["measures"]["overinterpretation_rate_difference"]["value"] == 0.0


@pytest.mark.parametrize(
    ("second", "verdict"),
    [((-0.01, 0.05), "MITIGATED"), ((-0.02, 0.05), "INCONCLUSIVE"), ((-0.3, -0.1), "INCONCLUSIVE")],
)
def test_accuracy_outside_is_held_to_the_same_limit(second, verdict):
    measures = {
        "subset_fraction_ratio": measure(1.2, 1.4),
        "matched_subset_fraction_ratio": measure(1.15, 1.3),
        "accuracy_difference": measure(-0.01, 0.05),
        "ood_accuracy_difference": measure(*second),
    }

    assert judge(measures, {})[0] == verdict


@pytest.mark.parametrize(
    ("few", "reason"),
    [
        ("accuracy_difference", "fewer than 30 images have a label (10)"),
        ("ood_accuracy_difference", "predicted by all"),
    ],
)
def test_ten_images_do_not_show_that_accuracy_holds(few, reason):
    measures = {
        "subset_fraction_ratio": measure(1.2, 1.4),
        "matched_subset_fraction_ratio": measure(1.15, 1.3),
        "accuracy_difference": measure(0.0, 0.0),
        "ood_accuracy_difference": measure(0.0, 0.0),
    }
    assert judge(measures, {})[0] == "MITIGATED"

    verdict, (said,) = judge({**measures, few: replace(measures[few], n=10)}, {})

    assert verdict == "INCONCLUSIVE"
    assert reason in said


def test_subsets_that_are_no_larger_do_not_mitigate_whatever_the_accuracy_outside():
    measures = {
        "subset_fraction_ratio": measure(0.9, 1.05),
        "matched_subset_fraction_ratio": measure(0.9, 1.05),
        "accuracy_difference": measure(-0.01, 0.05),
        "ood_accuracy_difference": measure(-0.3, -0.1),
    }

    assert judge(measures, {}) == ("NOT_MITIGATED", ())
