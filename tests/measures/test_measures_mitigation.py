"""The ensemble mitigation check: its estimand, its images, and what prevents a verdict."""

from dataclasses import replace

import numpy as np
import pytest
from modicum_server.domain.models import Ensemble
from modicum_server.domain.statistics import DEFAULTS

from tests.measures.ensemble_audit import BOTH, COUNT, LARGER, MATCHED, ONE, TWO, audit_of, checked, checks
from tests.measures.example_audit import INPUT, SEARCH, document_and_rows, finding, not_eligible


def test_the_ratio_is_that_to_the_geometric_mean_of_the_members():
    check = checked(audit_of(LARGER))

    assert check["measures"]["subset_fraction_ratio"]["value"] == pytest.approx(12 / np.sqrt(4 * 9))
    assert check["measures"]["matched_subset_fraction_ratio"]["value"] == pytest.approx(12 / np.sqrt(5 * 9))
    assert check["measures"]["subset_fraction_ratio"]["n"] == COUNT
    assert (check["ensemble"], check["members"]) == (BOTH, [ONE, TWO])


def test_an_ensemble_with_larger_subsets_at_matched_temperatures_too_mitigates():
    check = checked(audit_of(LARGER), matched_temperatures={"1": {ONE: 1.4, TWO: 0.9}})

    assert (check["verdict"], check["reasons"], check["stamp"]) == ("MITIGATED", [], "no out-of-distribution data set")
    assert check["temperatures"] == {ONE: 1.4, TWO: 0.9}
    assert [one["pass_milliseconds"] for one in check["versions"].values()] == [2.5, 2.5, 2.5]
    assert check["passes_of_members_a_pass"] == 2


def test_forty_images_with_equal_predictions_do_not_show_that_accuracy_is_no_lower():
    check = checked(audit_of(LARGER, count=40))

    difference = check["measures"]["accuracy_difference"]
    assert (difference["value"], difference["n"], difference["parameters"]) == (0.0, 40, {"differing": 0})
    assert difference["interval"]["method"] == "square and add"
    assert difference["interval"]["low"] == pytest.approx(-0.0876, abs=1e-4)
    assert check["verdict"] == "INCONCLUSIVE"
    (reason,) = check["reasons"]
    assert reason == (
        "the ensemble's accuracy may be 0.02 or more below its members'; more images are needed: 189 where no "
        "prediction differs, and there are 40"
    )


def test_a_mitigated_verdict_is_about_this_search_and_says_where_the_rate_does_not_move():
    check = checked(audit_of(LARGER))

    assert check["cautions"][0] == (
        "the ensemble needs larger subsets under this search; another search may say otherwise"
    )
    assert check["cautions"][1] == "the overinterpretation rate is not clearly lower than the members'"


def test_subsets_that_are_no_larger_do_not_mitigate():
    check = checked(audit_of({**LARGER, (BOTH, 0): 6}))

    assert (check["verdict"], check["reasons"]) == ("NOT_MITIGATED", [])


def test_an_effect_of_softer_logits_alone_is_inconclusive():
    check = checked(audit_of({**LARGER, (ONE, 1): 12, (TWO, 1): 12}))

    assert check["verdict"] == "INCONCLUSIVE"
    assert "matched temperatures" in check["reasons"][0]


def test_without_matched_searches_there_is_no_mitigated_verdict():
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
        ({"spread": lambda place: 30 * (place % 2), "count": 160}, "contains 1.1"),
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

    difference = check["measures"]["overinterpretation_rate_difference"]
    assert difference["value"] == pytest.approx(-0.5)
    assert (difference["parameters"]["alpha"], difference["parameters"]["threshold"]) == (0.05, SEARCH.threshold)


def test_the_change_in_the_rate_uses_the_requested_alpha():
    check = checked(audit_of(LARGER), statistics=replace(DEFAULTS, alpha=0.15))

    difference = check["measures"]["overinterpretation_rate_difference"]
    assert difference["parameters"]["alpha"] == 0.15


def test_versions_whose_mean_fills_differ_are_a_caution():
    check = checked(audit_of(LARGER), inputs={TWO: replace(INPUT, fill_mean=(0.25, 0.25, 0.25))})

    assert check["verdict"] == "MITIGATED"
    assert check["cautions"][2:] == [
        "the mean fill is not the same: 0.5 with both, version 1; 0.5 with one, version 1; 0.25 with two, version 1"
    ]


def test_searches_with_different_verdicts_are_a_caution_beside_each():
    stricter = replace(SEARCH, threshold=0.99)
    sizes = {**LARGER, (ONE, 2): 8, (TWO, 2): 8, (BOTH, 2): 8, (ONE, 3): 8, (TWO, 3): 8}
    searches = (SEARCH, MATCHED, stricter, replace(stricter, matched=True))

    first, second = checks(audit_of(sizes), searches=searches)

    assert (first["verdict"], second["verdict"]) == ("MITIGATED", "NOT_MITIGATED")
    assert (
        first["cautions"][-1]
        == second["cautions"][-1]
        == (
            "the searches disagree: MITIGATED with threshold 0.9, mask_optimization, mean fill, 600 passes; "
            "NOT_MITIGATED with threshold 0.99, mask_optimization, mean fill, 600 passes"
        )
    )


def test_searches_with_one_verdict_are_no_caution():
    stricter = replace(SEARCH, threshold=0.99)
    sizes = {**LARGER, **{(name, index + 2): size for (name, index), size in LARGER.items()}}
    searches = (SEARCH, MATCHED, stricter, replace(stricter, matched=True))

    first, second = checks(audit_of(sizes), searches=searches)

    assert not any("disagree" in caution for caution in (*first["cautions"], *second["cautions"]))


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
