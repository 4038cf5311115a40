"""Each measure on findings that can be counted by hand. On the 8x8 canvas 5% are 3.2 pixels."""

import pytest
from modicum_server.domain.findings import FindingReason
from modicum_server.domain.searches import Canvas, Fill
from modicum_server.measures.observation_builder import observe
from modicum_server.measures.overinterpretation import overinterpretation
from modicum_server.measures.registry import MEASURE_SETS
from modicum_server.measures.ring import Ring

from tests.measures.example_audit import (
    SEARCH,
    controls,
    document_and_rows,
    failed,
    finding,
    measures_of,
    mixed_findings,
    not_eligible,
    subset,
    variants,
)


def test_the_overinterpretation_rate_counts_subsets_of_at_most_five_percent():
    measured = measures_of([finding(0, 2), finding(1, 3), finding(2, 4), finding(3, 40)])

    assert measured["overinterpretation_rate"]["value"] == 0.5
    assert measured["overinterpretation_rate"]["parameters"] == {
        "alpha": 0.05,
        "threshold": 0.9,
        "baseline_confident": 0,
        "successes": 2,
    }


def test_the_rate_says_how_many_images_need_no_pixel_and_a_second_figure_counts_them():
    bare = [finding(20 + place, None, baseline_confident=True) for place in range(5)]

    measured = measures_of(
        [finding(place, 2) for place in range(6)] + [finding(6 + place, 40) for place in range(9)] + bare
    )

    rate = measured["overinterpretation_rate"]
    assert (rate["value"], rate["n"], rate["parameters"]["baseline_confident"]) == (0.4, 15, 5)
    second = measured["overinterpretation_rate_with_baseline_confident"]
    assert (second["value"], second["n"]) == (0.55, 20)


def test_a_subset_of_exactly_five_percent_counts():
    canvas = Canvas(3, 10, 10)

    seen = observe([finding(0, subset=subset(size, side=10)) for size in (5, 6)], SEARCH, canvas)

    assert overinterpretation(seen)["overinterpretation_rate"].value == 0.5


def test_images_that_are_not_eligible_or_failed_or_baseline_confident_stand_outside_the_rate():
    outside = [not_eligible(1), failed(2), finding(3, 0, baseline_confident=True)]

    measured = measures_of([finding(0, 2), *outside])

    assert (measured["overinterpretation_rate"]["value"], measured["overinterpretation_rate"]["n"]) == (1.0, 1)


def test_an_exhausted_budget_counts_as_the_whole_image():
    measured = measures_of([finding(0, 64, budget_exhausted=True), finding(1, None, budget_exhausted=True)])

    assert measured["overinterpretation_rate"]["value"] == 0.0
    assert measured["subset_fraction_median"]["value"] == 1.0


def test_a_finding_that_was_stopped_counts_as_failed_even_with_a_subset():
    measured = measures_of([finding(0, 2, reason=FindingReason.STOPPED), finding(1, 40)])

    assert measured["overinterpretation_rate"]["value"] == 0.0
    assert measured["overinterpretation_rate"]["n"] == 1


def test_the_companion_counts_only_images_on_which_the_control_ran():
    measured = measures_of([finding(0, 2, controls=controls(3)), finding(1, 2, controls=controls(None)), finding(2, 2)])

    companion = measured["overinterpretation_rate_class_targeted"]
    assert (companion["value"], companion["n"]) == (0.5, 2)


def test_another_class_that_the_bare_fill_argues_for_is_found_and_has_no_ratio():
    measured = measures_of([finding(0, 2, controls=controls(0)), finding(1, 2, controls=controls(3))])

    assert (measured["class_targeted_found_share"]["value"], measured["class_targeted_found_share"]["n"]) == (1.0, 2)
    assert measured["class_targeted_baseline_confident_share"]["value"] == 0.5
    ratio = measured["class_targeted_size_ratio_median"]
    assert (ratio["value"], ratio["n"]) == (1.5, 1)
    assert measured["overinterpretation_rate_class_targeted"]["n"] == 1


def test_where_the_bare_fill_argues_for_every_other_class_there_is_no_companion_and_it_says_why():
    measured = measures_of([finding(place, 2, controls=controls(0)) for place in range(12)])

    assert measured["class_targeted_baseline_confident_share"]["value"] == 1.0
    for name in ("overinterpretation_rate_class_targeted", "class_targeted_size_ratio_median"):
        assert measured[name]["unavailable"] == (
            "wherever the class_targeted control ran, the bare fill alone reaches the threshold for the other class"
        )


def test_accuracy_is_taken_over_labelled_images_with_a_prediction_eligible_or_not():
    measured = measures_of([finding(0), finding(1, label=2), not_eligible(2), finding(3, label=None), failed(4)])

    assert (measured["accuracy"]["value"], measured["accuracy"]["n"]) == (2 / 3, 3)


def test_eligible_and_baseline_confident_shares():
    measured = measures_of([finding(0), finding(1, 0, baseline_confident=True), not_eligible(2), failed(3)])

    assert measured["eligible_share"]["value"] == pytest.approx(2 / 3)
    assert measured["baseline_confident_share"]["value"] == 0.5


def test_subset_fraction_median_and_quartiles():
    measured = measures_of([finding(place, size) for place, size in enumerate([2, 4, 8, 16])])

    assert measured["subset_fraction_median"]["value"] == 6 / 64
    assert measured["subset_fraction_lower_quartile"]["value"] == 3 / 64
    assert measured["subset_fraction_upper_quartile"]["value"] == 12 / 64
    assert measured["subset_size_median"]["value"] == 6


def test_subset_fraction_by_correctness_and_by_class():
    findings = [finding(0, 2), finding(1, 8, label=1), finding(2, 4, predicted_class=1, target_class=1, label=None)]

    measured = measures_of(findings)

    assert measured["subset_fraction_median_correct"]["value"] == 2 / 64
    assert measured["subset_fraction_median_incorrect"]["value"] == 8 / 64
    groups = measured["subset_fraction_median"]["groups"]
    assert {name: group["value"] for name, group in groups.items()} == {"0": 5 / 64, "1": 4 / 64}


def test_border_share_stands_beside_its_chance_level():
    measured = measures_of([finding(0, 16)])

    border = measured["border_share_median"]
    assert border["value"] == 10 / 16
    assert border["parameters"] == {"chance": 28 / 64, "ring_width": 1}


def test_a_whole_image_has_no_border_share():
    measured = measures_of([finding(0, 64, budget_exhausted=True)])

    assert measured["border_share_median"]["unavailable"] == "no subset was found"


@pytest.mark.parametrize(
    ("side", "width", "chance"),
    [(8, 1, 28 / 64), (32, 2, 240 / 1024), (224, 12, 10176 / 50176), (1, 1, 1.0), (2, 1, 1.0)],
)
def test_the_ring_is_the_narrowest_with_a_fifth_of_the_area(side, width, chance):
    ring = Ring.of(Canvas(3, side, side))

    assert (ring.width, ring.chance) == (width, pytest.approx(chance))
    assert ring.chance >= 0.2


def test_the_median_size_ratio_counts_searches_that_found_nothing_as_larger_than_all():
    three = [
        finding(0, 2, controls=controls(4)),
        finding(1, 2, controls=controls(6)),
        finding(2, 2, controls=controls(None)),
    ]

    ratio = measures_of(three)["class_targeted_size_ratio_median"]

    assert ratio["value"] == 3.0
    assert ratio["parameters"] == {"censored": 1, "passes": 600, "searched_passes": 600}


def test_a_median_among_searches_that_found_nothing_is_unavailable():
    ratio = measures_of([finding(0, 2, controls=controls(None))])["class_targeted_size_ratio_median"]

    assert ratio["value"] is None
    assert "found nothing" in ratio["unavailable"]


def test_fill_survival_is_a_measure_for_each_other_fill_and_says_where_nothing_was_scored():
    two = [
        finding(0, 2, controls=controls(4, black=True)),
        finding(1, 2, controls=controls(4, black=False)),
        finding(2, 2),
    ]

    measured = measures_of(two)

    assert measured["fill_survival_black"]["value"] == 0.5
    others = {name: measure for name, measure in measured.items() if name.startswith("fill_survival_")}
    assert others.keys() == {f"fill_survival_{fill}" for fill in Fill if fill is not Fill.MEAN}
    assert others["fill_survival_marginal"]["unavailable"] == "no subset was scored on the marginal fill"
    assert not [name for name in measures_of([finding(0, 2)]) if name.startswith("fill_survival_")]


def test_variants_of_the_subsets_have_a_share_and_a_median():
    some = [
        finding(0, controls=variants(sufficient=True, confidence=0.95)),
        finding(1, controls=variants(sufficient=False, confidence=0.25)),
        finding(2, controls=variants(sufficient=False, confidence=0.5)),
        finding(3),
    ]

    measured = measures_of(some)

    for name in ("dilated", "mask_only_white_on_mean", "mask_only_black_on_mean", "random"):
        assert measured[f"{name}_sufficient_share"]["value"] == pytest.approx(1 / 3)
        assert measured[f"{name}_confidence_median"]["value"] == 0.5
        assert measured[f"{name}_confidence_median"]["n"] == 3


def test_a_variant_of_a_whole_image_is_not_counted():
    measured = measures_of([finding(0, None, budget_exhausted=True, controls=variants())])

    assert measured["dilated_sufficient_share"]["value"] is None
    assert measured["random_accuracy"]["unavailable"] == "no random subset of a labelled image was scored"


def test_accuracy_on_random_subsets_is_over_labelled_images():
    some = [
        finding(0, label=0, controls=variants(predicted=0)),
        finding(1, label=0, controls=variants(predicted=1)),
        finding(2, label=None, controls=variants(predicted=0)),
    ]

    assert measures_of(some)["random_accuracy"]["value"] == 0.5
    assert measures_of(some)["random_accuracy"]["n"] == 2


def test_below_ten_images_the_measure_says_that_it_has_no_interval():
    rate = measures_of([finding(place) for place in range(9)])["overinterpretation_rate"]

    assert rate["interval"] is None
    assert rate["no_interval"] == "no interval below n = 10; here n = 9"


def test_from_ten_images_on_the_interval_has_its_method_level_and_n():
    rate = measures_of([finding(place) for place in range(10)])["overinterpretation_rate"]

    assert {name: rate["interval"][name] for name in ("method", "level", "n")} == {
        "method": "wilson",
        "level": 0.95,
        "n": 10,
    }


def without_fill(position, **changes):
    """An image with a prediction but without a fill to search it on."""
    return finding(position, None, reason=FindingReason.FILL_UNAVAILABLE, trace=None, **changes)


def test_an_image_whose_fill_cannot_be_made_is_eligible_and_counts_in_the_accuracy():
    findings = [finding(0), finding(1, 0, baseline_confident=True), not_eligible(2), without_fill(3), failed(4)]

    measured = measures_of(findings)

    assert (measured["eligible_share"]["value"], measured["eligible_share"]["n"]) == (0.75, 4)
    assert (measured["accuracy"]["value"], measured["accuracy"]["n"]) == (1.0, 4)
    assert (measured["baseline_confident_share"]["value"], measured["baseline_confident_share"]["n"]) == (0.5, 2)
    assert measured["overinterpretation_rate"]["n"] == 1


def test_the_counts_of_an_audit_cover_every_image():
    document, _ = document_and_rows([finding(0), not_eligible(1), without_fill(2), without_fill(3), failed(4)])

    counts = document["models"][0]["searches"][0]["counts"]
    assert {name: counts[name] for name in ("images", "eligible", "not_eligible", "failed", "with_subset")} == {
        "images": 5,
        "eligible": 3,
        "not_eligible": 1,
        "failed": 3,
        "with_subset": 1,
    }


@pytest.mark.parametrize("findings", [[], [failed(0)], [not_eligible(0)], mixed_findings()], ids=str)
def test_a_measure_without_a_value_says_why(findings):
    for name, measure in measures_of(findings).items():
        assert (measure["value"] is None) == bool(measure.get("unavailable")), name


def test_registered_measures_have_different_names():
    measured = measures_of(mixed_findings())

    assert len(measured) == 42
    assert len(MEASURE_SETS) == len(set(map(id, MEASURE_SETS)))
