"""The pixel-subsets control in rows, measures and reading, on findings that can be counted by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest
from modicum_server.codec.findings import finding_message, finding_value
from modicum_server.domain.documents import FINDING, value_of
from modicum_server.domain.findings import FindingControls, Passes, PixelSubsetFinding, Trace
from modicum_server.domain.pixel_subsets import FEWEST_PASSES, Descent, descent_within, kept_pixels
from modicum_server.domain.searches import Canvas, SearchMethod
from modicum_server.measures import finding_row
from modicum_server.measures.intervals import bootstrap_mean, bootstrap_means
from modicum_server.measures.observation_builder import ObservationBuilder

from tests.measures.example_audit import CANVAS, SEARCH, document_and_rows, failed, finding, not_eligible, subset

LABEL, OTHER = 0, 1
ANSWER = PixelSubsetFinding(
    subset=subset(4),
    confidence=0.75,
    predicted_class=LABEL,
    random_confidence=0.25,
    random_predicted_class=OTHER,
    trace=Trace((64, 32, 0), (1.0, 0.5, 0.0)),
    passes=Passes(70, 64),
)


def descended(*, kept: bool = True, by_chance: bool = False, **changes) -> FindingControls:
    """Whether the last pixels keep class 0, and whether random pixels do."""
    result = replace(ANSWER, predicted_class=OTHER - kept, random_predicted_class=OTHER - by_chance, **changes)
    return FindingControls(pixel_subset=result)


def measured_and_reading(findings):
    document, _ = document_and_rows(findings)
    search = document["models"][0]["searches"][0]
    readings = {reading["control"]: reading for reading in search["readings"]}
    return search["measures"], readings.get("pixel_subsets")


def test_the_result_survives_its_row_and_its_message():
    original = finding(controls=FindingControls(pixel_subset=ANSWER))

    assert value_of(FINDING, json.loads(json.dumps(finding_row(original)))) == original
    assert finding_value(finding_message(original), original.position) == original


def test_where_it_did_not_run_there_is_no_measure_and_no_reading():
    row = finding_row(finding())
    del row["controls"]["pixel_subset"]

    assert value_of(FINDING, row).controls.pixel_subset is None
    measures, reading = measured_and_reading([finding()])
    assert not [name for name in measures if name.startswith("pixel_subsets")]
    assert reading is None


def test_accuracies_are_of_the_same_labelled_images_whether_eligible_or_not():
    measures, _ = measured_and_reading(
        [
            finding(0, controls=descended(kept=True)),
            not_eligible(1, controls=descended(kept=False)),
            not_eligible(2, label=OTHER, controls=descended(kept=False, by_chance=True)),
            finding(3, label=None, controls=descended(kept=True)),
            finding(4),
            replace(failed(5), controls=descended()),
        ]
    )

    values = {name.removeprefix("pixel_subsets_"): (one["value"], one["n"]) for name, one in measures.items()}
    # whole: right, right, wrong; last pixels: right, wrong, right; random ones: wrong, wrong, wrong
    assert values["whole_accuracy"] == (pytest.approx(2 / 3), 3)
    assert values["accuracy"] == (pytest.approx(2 / 3), 3)
    assert values["random_accuracy"] == (0, 3)
    assert values["accuracy_gain"] == (pytest.approx(2 / 3), 3)
    assert values["accuracy_drop"] == (0, 3)
    assert values["class_kept_share"] == (0.5, 4)
    assert values["random_class_kept_share"] == (0.25, 4)
    assert values["class_kept_gain"] == (0.25, 4)
    assert values["confidence_mean"] == (0.75, 4)
    assert values["random_confidence_mean"] == (0.25, 4)
    assert measures["pixel_subsets_accuracy"]["parameters"]["kept_pixels"] == 4


def test_without_labels_the_accuracies_say_so():
    measures, reading = measured_and_reading([finding(0, label=None, controls=descended())])

    assert measures["pixel_subsets_accuracy"]["unavailable"] == "no image with a pixel subset has a label"
    assert "accuracy" not in reading["text"]


def test_the_curve_is_the_mean_over_images_on_one_grid():
    steep = Trace((64, 16, 0), (1.0, 0.0, 0.0))
    measures, _ = measured_and_reading([finding(0, controls=descended()), finding(1, controls=descended(trace=steep))])

    curve = {point["kept_share"]: point for point in measures["pixel_subsets_confidence_mean"]["parameters"]["curve"]}
    assert len(curve) == 41
    assert curve[1.0]["confidence"] == 1.0
    assert curve[0.5]["confidence"] == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert curve[0.0] == {"kept_share": 0.0, "confidence": 0.0, "low": None, "high": None}


def test_the_curve_has_an_interval_from_ten_images_on():
    traces = [Trace((64, 0), (1.0, end / 20)) for end in range(20)]
    measures, _ = measured_and_reading(
        [finding(place, controls=descended(trace=trace)) for place, trace in enumerate(traces)]
    )

    bare, *_, whole = measures["pixel_subsets_confidence_mean"]["parameters"]["curve"]
    assert (whole["low"], whole["high"]) == (1.0, 1.0)
    assert bare["low"] < bare["confidence"] < bare["high"]


def test_an_image_with_a_nan_confidence_is_left_out():
    nameless = descended(confidence=float("nan"))
    empty = descended(trace=Trace((64, 32), ()))

    measures, reading = measured_and_reading(
        [finding(0, controls=nameless), finding(1, controls=empty), finding(2, controls=descended()), failed(3)]
    )

    assert measures["pixel_subsets_class_kept_share"]["n"] == 1
    left_out = {
        name: one["parameters"]["left_out"] for name, one in measures.items() if name.startswith("pixel_subsets")
    }
    assert set(left_out.values()) == {3}
    assert " 3 images have no pixel subset." in reading["text"]


def test_images_without_a_descent_are_counted():
    _, reading = measured_and_reading([finding(0, controls=descended()), finding(1)])

    assert "on whole images. 1 image has no pixel subset." in reading["text"]


@pytest.mark.parametrize(
    ("kept", "by_chance", "count", "outcome"),
    [
        pytest.param(True, False, 20, "FEW_PIXELS", id="the last ones keep the class"),
        pytest.param(True, True, 20, "ANY_PIXELS", id="so do random ones"),
        pytest.param(False, False, 20, "MORE_PIXELS", id="none do"),
        pytest.param(True, False, 9, "INCONCLUSIVE", id="nine images"),
    ],
)
def test_the_control_is_read_by_its_rule(kept, by_chance, count, outcome):
    images = [finding(place, controls=descended(kept=kept, by_chance=by_chance)) for place in range(count)]

    _, reading = measured_and_reading(images)

    assert reading["outcome"] == outcome


def test_half_of_the_images_is_inconclusive():
    images = [finding(place, controls=descended(kept=place % 2 == 0)) for place in range(20)]

    _, reading = measured_and_reading(images)

    assert reading["outcome"] == "INCONCLUSIVE"


def test_the_sentence_gives_shares_and_accuracies():
    _, reading = measured_and_reading([finding(place, controls=descended()) for place in range(20)])

    assert reading["text"] == (
        "In the 5% of the pixels that batched_gradient chose, 100% of 20 images (95% interval 84% to 100%) keep their "
        "class: most images keep their class on so few pixels if a search chooses them, and fewer do on random ones. "
        "In as many random pixels 0% (95% interval 0% to 16%) keep it. Accuracy is 100% on the chosen pixels, 0% on "
        "the random ones and 100% on whole images."
    )


def test_the_pixels_of_the_optimiser_have_no_curve_and_its_name_in_the_sentence():
    optimised = descended(method=SearchMethod.MASK_OPTIMIZATION, trace=Trace((), ()))

    measures, reading = measured_and_reading([finding(place, controls=optimised) for place in range(20)])

    assert measures["pixel_subsets_accuracy"]["value"] == 1
    assert measures["pixel_subsets_accuracy"]["parameters"]["method"] == "mask_optimization"
    assert "curve" not in measures["pixel_subsets_confidence_mean"]["parameters"]
    assert reading["text"].startswith("In the 5% of the pixels that mask_optimization chose, 100% of 20 images")
    assert reading["outcome"] == "FEW_PIXELS"


def test_a_row_of_0_1_0_is_read_as_a_descent():
    row = finding_row(finding(controls=descended()))
    del row["controls"]["pixel_subset"]["method"]

    measures, _ = measured_and_reading([value_of(FINDING, row)])

    assert measures["pixel_subsets_accuracy"]["parameters"]["method"] == "batched_gradient"


def test_its_passes_are_in_those_of_the_audit():
    with_control, _ = document_and_rows([finding(controls=descended())])
    without, _ = document_and_rows([finding()])

    assert with_control["passes"]["equivalents"] - without["passes"]["equivalents"] == 70 + 2 * 64
    assert descended().passes == Passes(70, 64)


def test_resampling_all_columns_equals_resampling_one():
    values = np.random.default_rng(3).random((40, 3))

    together = bootstrap_means(values)

    for column, interval in zip(values.T, together, strict=True):
        alone = bootstrap_mean(column)
        assert (interval.low, interval.high) == (pytest.approx(alone.low), pytest.approx(alone.high))
    assert bootstrap_means(values[:9]) is None


def test_a_builder_allocates_nothing_for_images_without_a_descent():
    builder = ObservationBuilder(SEARCH, CANVAS)
    for one in (finding(0), finding(1, controls=descended()), finding(2)):
        builder.add(one)

    descents = builder.observations().descents

    assert descents.place.tolist() == [1]
    assert descents.curve.shape == (1, 41)


@pytest.mark.parametrize("side", [8, 32, 224])
def test_a_budget_buys_the_fewest_pixels_a_step_that_stay_within_it(side):
    canvas = Canvas(3, side, side)

    for passes in (FEWEST_PASSES, 17, 100, 1000, 5000):
        descent = descent_within(passes, canvas)
        assert descent.passes <= passes
        finer = descent.pixels_per_step - 1
        assert finer == 0 or Descent(canvas, finer).passes > passes
    assert kept_pixels(Canvas(3, 32, 32)) == 52
