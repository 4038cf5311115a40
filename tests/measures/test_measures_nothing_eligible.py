"""What a summary says where no image is eligible: why, which threshold would make how many eligible, what to check."""

from dataclasses import replace

import pytest
from modicum.gate.counterfactual_rule import CounterfactualOutcome
from modicum.gate.spot_rule import SpotOutcome
from modicum_server.domain.searches import TargetRule
from modicum_server.measures.summary import summary_of as facts_in_words

from tests.measures.example_audit import SEARCH, document_and_rows, failed, finding, not_eligible
from tests.measures.summary_facts import drop, paired, rate, row, spot_test

LOOK = "On a terminal, modicum audit draws the first pictures as the model sees them."
INPUT = (
    "the input specification (--input: size, channels, mean and standard deviation) is the one used in training, and "
    "that the names in --class-labels have the order of the model's outputs"
)

SPOT = "the spot test"
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
            (
                "None of 5 images reached the threshold of 0.9, so none was searched. "
                "Their highest confidence is 0.620, the median 0.450."
            ),
            ["At a threshold of 0.6, 2 of 5 images would be eligible; at 0.4, 4."],
        ),
        (
            [0.85, 0.84],
            (
                "None of 2 images reached the threshold of 0.9, so none was searched. "
                "Their highest confidence is 0.850, the median 0.845."
            ),
            ["At a threshold of 0.8, 2 of 2 images would be eligible."],
        ),
        (
            [0.3],
            "The only image did not reach the threshold of 0.9, so it was not searched. Its confidence is 0.300.",
            ["At a threshold of 0.3, 1 of 1 image would be eligible."],
        ),
        (
            [0.9 - 1e-9],
            "The only image did not reach the threshold of 0.9, so it was not searched. Its confidence is 0.900.",
            NEXT_BELOW,
        ),
        (
            [0.004, 0.003],
            (
                "None of 2 images reached the threshold of 0.9, so none was searched. "
                "Their highest confidence is 0.004, the median 0.004."
            ),
            [],
        ),
    ],
    ids=["some and half", "half at once", "the threshold itself counts", "just below", "no threshold helps"],
)
def test_the_summary_begins_with_the_confidences_and_the_thresholds_that_would_help(confidences, why, thresholds):
    told = summary_of(unsure(*confidences))

    assert told[0] == why
    assert told[2 : 2 + len(thresholds)] == thresholds
    assert told[1].startswith("Check first that")


@pytest.mark.parametrize(
    ("label", "says"),
    [
        (1, f"Check first that {INPUT}. The predictions are right on 0 of 2 labelled images. {LOOK}"),
        (0, f"Check first that {INPUT}. The predictions are right on 2 of 2 labelled images. {LOOK}"),
        (None, f"Check first that {INPUT}. Without labels it is not known whether the predictions are right. {LOOK}"),
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
    assert not any("so none was searched" in sentence for sentence in summary_of(findings, **more))


def test_an_image_that_failed_is_not_counted():
    told = summary_of([*unsure(0.5, 0.4), failed(2)])

    assert told[0].startswith("None of 2 images reached")


def test_a_threshold_is_not_rounded():
    searches = (replace(SEARCH, threshold=0.9999999999),)

    told = summary_of(unsure(0.98, 0.97), searches=searches)

    assert told[0].startswith("None of 2 images reached the threshold of 0.9999999999, so none was searched.")
    assert told[2] == "At a threshold of 0.95, 2 of 2 images would be eligible."


@pytest.mark.parametrize(
    ("test", "paired_set", "outcomes", "first", "source"),
    [
        (spot_test(row(3, "cat", SpotOutcome.DECISIVE, followed=0.6)), None, {}, "The decision for cat", SPOT),
        (spot_test(row(3, "cat", SpotOutcome.NONE_FOUND)), None, {}, "No spot that decides was found", SPOT),
        (None, paired(CounterfactualOutcome.ACCURACY_FALLS, after=3), {}, "Accuracy falls", "the counterfactual set"),
        (
            spot_test(row(3, "cat", SpotOutcome.NONE_FOUND)),
            None,
            {"shortcut": "SHORTCUT"},
            "Filling the ring",
            f"{SPOT} and the test of edge and background",
        ),
    ],
    ids=["a spot", "no spot", "a loss", "an edge"],
)
def test_what_other_tests_say_stands_first_and_is_said_to_be_all(test, paired_set, outcomes, first, source):
    measured = {**rate(0, 0), **drop("ring")}

    told = facts_in_words(measured, outcomes, test, paired_set, spot_asked=True, advice=["None reached it.", "Check."])

    assert told[0].startswith(first)
    place = told.index("None reached it.")
    assert told[place + 1 : place + 3] == [f"All that is known comes from {source}.", "Check."]
    assert not any("Nothing is known about small subsets" in sentence for sentence in told)


def test_why_nothing_was_searched_comes_first_where_no_other_test_speaks():
    told = facts_in_words(rate(0, 0), {}, None, spot_asked=False, advice=["None reached it.", "Check."])

    assert told[:2] == ["None reached it.", "Check."]
