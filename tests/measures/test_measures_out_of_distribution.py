"""Accuracy of an ensemble and its members on out-of-distribution images, and how the verdict uses it."""

from dataclasses import replace

import numpy as np
import pytest
from modicum_server.domain.models import Ensemble
from modicum_server.measures.mitigation_rule import judge
from modicum_server.measures.out_of_distribution import OutOfDistribution, VersionPredictions

from tests.measures.ensemble_audit import BOTH, LARGER, ONE, TWO, audit_of, checked, measure
from tests.measures.example_audit import document_and_rows, finding


def outside(**wrong) -> OutOfDistribution:
    """Forty labelled images of fifty. For each version, this many of the first ones are wrong."""
    everyone = np.ones(40, dtype=bool)
    predictions = {
        name: VersionPredictions(everyone, np.arange(40) >= wrong.get(key, 0))
        for key, name in (("one", ONE), ("two", TWO), ("both", BOTH))
    }
    return OutOfDistribution("projects/default/datasets/others", "9" * 64, 50, predictions)


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
    entry = check["out_of_distribution"]
    assert (entry["item_count"], entry["labelled"], entry["used"], entry["failed"]) == (50, 40, 40, 0)


def test_an_ensemble_that_is_less_accurate_outside_alone_does_not_mitigate_and_the_reason_says_where():
    check = checked(audit_of(LARGER), second=outside(both=8))

    assert check["verdict"] == "INCONCLUSIVE"
    (reason,) = check["reasons"]
    assert "on out-of-distribution images" in reason


def test_an_image_outside_without_a_prediction_of_every_version_is_left_out_and_counted():
    some = np.arange(40) >= 3
    given = outside()
    one_less = OutOfDistribution(
        given.dataset,
        given.manifest_digest,
        50,
        {**given.predictions, TWO: VersionPredictions(some, np.ones(40, dtype=bool))},
    )

    check = checked(audit_of(LARGER), second=one_less)

    assert check["measures"]["ood_accuracy_difference"]["n"] == 37
    assert (check["out_of_distribution"]["used"], check["out_of_distribution"]["failed"]) == (37, 3)


def test_no_prediction_outside_is_no_evidence_that_accuracy_holds():
    nobody = VersionPredictions(np.zeros(40, dtype=bool), np.zeros(40, dtype=bool))
    nothing = OutOfDistribution(
        "projects/default/datasets/others", "9" * 64, 50, dict.fromkeys((ONE, TWO, BOTH), nobody)
    )

    check = checked(audit_of(LARGER), second=nothing)

    assert check["verdict"] == "INCONCLUSIVE"
    assert check["reasons"] == [
        "no labelled out-of-distribution image has a prediction of the ensemble and all members"
    ]


def test_equal_predictions_have_no_difference():
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
