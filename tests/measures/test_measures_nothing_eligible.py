"""What a summary says where no image is eligible: why, which threshold would make how many eligible, what to check."""

from dataclasses import replace

import pytest
from modicum_server.domain.searches import TargetRule

from tests.measures.example_audit import SEARCH, document_and_rows, failed, finding, not_eligible

INPUT = "the input specification (size, channels, mean and standard deviation) is that of the training"

NEXT_BELOW = ["At a threshold of 0.8, 1 of 1 image would be eligible."]


def unsure(*confidences, **changes):
    return [replace(not_eligible(place, **changes), confidence=one) for place, one in enumerate(confidences)]


def summary_of(findings, **more):
    return document_and_rows(findings, **more)[0]["models"][0]["summary"]


@pytest.mark.parametrize(
    ("confidences", "why", "thresholds"),
    [
        (
            [0.62, 0.61, 0.45, 0.41, 0.35],
            "reaches the threshold of 0.9 on none of 5 images. Its highest is 0.620, its median 0.450.",
            ["At a threshold of 0.6, 2 of 5 images would be eligible; at 0.4, 4."],
        ),
        (
            [0.85, 0.84],
            "reaches the threshold of 0.9 on none of 2 images. Its highest is 0.850, its median 0.845.",
            ["At a threshold of 0.8, 2 of 2 images would be eligible."],
        ),
        (
            [0.3],
            "does not reach the threshold of 0.9 on the only image. It is 0.300.",
            ["At a threshold of 0.3, 1 of 1 image would be eligible."],
        ),
        ([0.9 - 1e-9], "does not reach the threshold of 0.9 on the only image. It is 0.900.", NEXT_BELOW),
        (
            [0.004, 0.003],
            "reaches the threshold of 0.9 on none of 2 images. Its highest is 0.004, its median 0.004.",
            [],
        ),
    ],
    ids=["some and half", "half at once", "the threshold itself counts", "just below", "no threshold helps"],
)
def test_the_summary_begins_with_the_confidences_and_the_thresholds_that_would_help(confidences, why, thresholds):
    told = summary_of(unsure(*confidences))

    assert told[0] == f"No image is eligible: the model's confidence {why}"
    assert told[2 : 2 + len(thresholds)] == thresholds
    assert told[1].startswith("Check first that")


@pytest.mark.parametrize(
    ("label", "says"),
    [
        (1, f"Check first that {INPUT}: the predictions are right on 0 of 2 labelled images."),
        (0, f"Check first that {INPUT}: the predictions are right on 2 of 2 labelled images."),
        (None, f"Check first that {INPUT}: without labels it is not known whether the predictions are right."),
    ],
)
def test_the_input_specification_is_doubted_beside_what_labels_say(label, says):
    assert says in summary_of(unsure(0.5, 0.4, label=label))


@pytest.mark.parametrize(
    ("findings", "more"),
    [
        ([finding(0), *unsure(0.5)[1:]], {}),
        ([failed(0), failed(1)], {}),
        (
            [finding(0, 3, eligible=False, confidence=0.2)],
            {"searches": (replace(SEARCH, target_rule=TargetRule.RANDOM_OTHER),)},
        ),
    ],
    ids=["an image is eligible", "none was scored", "a search for another class needs none"],
)
def test_nothing_is_said_where_the_threshold_is_not_the_reason(findings, more):
    assert not any("No image is eligible:" in sentence for sentence in summary_of(findings, **more))


def test_an_image_that_failed_is_not_counted():
    told = summary_of([*unsure(0.5, 0.4), failed(2)])

    assert "on none of 2 images" in told[0]
