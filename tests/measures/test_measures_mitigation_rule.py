"""The rule of the ensemble mitigation check, at its limits."""

import pytest
from modicum_server.domain.statistics import Statistics
from modicum_server.measures.mitigation_rule import judge

from tests.measures.ensemble_audit import measure


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
    ("statistics", "verdict"),
    [
        (Statistics(), "MITIGATED"),
        (Statistics(ratio_limit=1.15), "INCONCLUSIVE"),
        (Statistics(ratio_limit=1.19), "INCONCLUSIVE"),
        (Statistics(ratio_limit=1.5), "NOT_MITIGATED"),
        (Statistics(accuracy_limit=-0.01), "INCONCLUSIVE"),
        (Statistics(accuracy_limit=0), "INCONCLUSIVE"),
    ],
)
def test_the_rule_uses_the_requested_limits(statistics, verdict):
    measures = {
        "subset_fraction_ratio": measure(1.2, 1.4),
        "matched_subset_fraction_ratio": measure(1.15, 1.3),
        "accuracy_difference": measure(-0.01, 0.05),
        "ood_accuracy_difference": measure(0.01, 0.05),
    }

    assert judge(measures, {}, statistics)[0] == verdict


def test_reasons_name_the_requested_limits():
    measures = {
        "subset_fraction_ratio": measure(1.2, 1.6),
        "matched_subset_fraction_ratio": measure(1.2, 1.6),
        "accuracy_difference": measure(-0.2, 0.05),
    }

    _, reasons = judge(measures, {}, Statistics(ratio_limit=1.5, accuracy_limit=-0.1))

    assert [reason.rsplit(" ", 1)[1] for reason in reasons[:2]] == ["1.5", "1.5"]
    assert reasons[2] == "the ensemble's accuracy may be 0.1 or more below its members'"


@pytest.mark.parametrize(
    ("statistics", "n", "more"),
    [
        # 1.96^2 * 0.98 / 0.02 = 188.2
        (Statistics(), 188, "; more images are needed: 189 where no prediction differs, and there are 188"),
        (Statistics(), 189, ""),
        # 1.96^2 * 0.95 / 0.05 = 72.99
        (Statistics(accuracy_limit=-0.05), 72, "; more images are needed: 73 where no prediction differs, and there"),
        # 1.645^2 * 0.98 / 0.02 = 132.6
        (Statistics(level=0.9), 100, "; more images are needed: 133 where no prediction differs, and there are 100"),
        (Statistics(accuracy_limit=0), 100, ""),
    ],
)
def test_too_few_images_for_the_accuracy_condition_are_counted(statistics, n, more):
    measures = {
        "subset_fraction_ratio": measure(1.2, 1.6),
        "matched_subset_fraction_ratio": measure(1.2, 1.6),
        "accuracy_difference": measure(-0.2, 0.05, n=n),
        "ood_accuracy_difference": measure(-0.2, 0.05, n=n),
    }

    _, reasons = judge(measures, {}, statistics)

    said = f"the ensemble's accuracy may be {abs(statistics.accuracy_limit):g} or more below its members'"
    assert reasons[0].startswith(said + more)
    assert reasons[1].startswith(f"on out-of-distribution images {said}{more}")
    assert all(("more images" in reason) == bool(more) for reason in reasons)


@pytest.mark.parametrize(
    ("matched", "said"), [((0.88, 1.08), "the ratio's interval lies below 1.1"), ((0.9, 1.2), "not clearly above 1.1")]
)
def test_a_matched_ratio_that_is_low_is_not_told_as_open(matched, said):
    measures = {
        "subset_fraction_ratio": measure(0.83, 1.03, n=28),
        "matched_subset_fraction_ratio": measure(*matched, n=28),
        "accuracy_difference": measure(-0.01, 0.05),
    }

    verdict, reasons = judge(measures, {})

    assert verdict == "INCONCLUSIVE"
    assert reasons[0].endswith("(28)")
    assert reasons[1].startswith("at matched temperatures")
    assert reasons[1].endswith(said)
