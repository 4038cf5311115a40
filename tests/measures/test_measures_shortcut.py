"""The shortcut rule and the object share, on findings counted by hand: 8x8 pixels, 28 of them in the ring."""

from dataclasses import replace

import numpy as np
import pytest
from modicum_server.domain.findings import FindingControls, ObjectsFinding, ScoredVariant, Subset
from modicum_server.domain.searches import Canvas
from modicum_server.measures import canonical_json, registry
from modicum_server.measures.observer import observe
from modicum_server.measures.ring import Ring

from tests.measures.example_audit import SEARCH, SIDE, document_and_rows, finding, measures_of, not_eligible

RING = Ring.of(Canvas(3, SIDE, SIDE)).mask
COUNT = 40


def subset_in(mask: np.ndarray, size: int = 4) -> Subset:
    """The first pixels of a mask."""
    kept = np.zeros(SIDE * SIDE, dtype=bool)
    kept[np.flatnonzero(mask.reshape(-1))[:size]] = True
    return Subset(np.packbits(kept).tobytes(), SIDE, SIDE, size)


def filled(variant: str, predicted: int, objects: ObjectsFinding | None = None) -> FindingControls:
    scored = ScoredVariant(variant, 0.6, sufficient=False, predicted_class=predicted)
    return FindingControls(variants=(scored,), objects=objects)


def images(count: int = COUNT, *, in_ring: bool, lost: float = 0.0, wrong: float = 0.0, **changes):
    """Two classes in turn, with shares of images that are lost without the ring and of images that are always wrong."""
    found = []
    for place in range(count):
        label = place % 2
        predicted = 1 - label if place < wrong * count else label
        still = 1 - predicted if place >= (1 - lost) * count else predicted
        found.append(
            finding(
                place,
                4,
                label=label,
                predicted_class=predicted,
                target_class=predicted,
                subset=subset_in(RING if in_ring else ~RING),
                controls=filled("ring_filled", still),
                **changes,
            )
        )
    return found


def with_objects(count: int = COUNT, *, area: float, share: float, lost: float = 0.0, first: int = 0):
    found = []
    for place in range(first, first + count):
        label = place % 2
        still = 1 - label if place - first < lost * count else label
        controls = filled("outside_filled", still, ObjectsFinding(area, share))
        found.append(finding(place, 4, label=label, predicted_class=label, target_class=label, controls=controls))
    return found


def reading_of(findings):
    document, _ = document_and_rows(findings)
    readings = document["models"][0]["searches"][0]["readings"]
    return next((one for one in readings if one["control"] == "shortcut"), None)


RING_CASES = [
    pytest.param(images(in_ring=True, lost=0.5), "SHORTCUT", id="subsets in the ring, and it is missed"),
    pytest.param(images(in_ring=False), "CLEAR", id="subsets elsewhere, and it is not missed"),
    pytest.param(images(in_ring=True), "INCONCLUSIVE", id="subsets in the ring, but it is not missed"),
    pytest.param(images(in_ring=False, lost=0.5), "INCONCLUSIVE", id="subsets elsewhere, but it is missed"),
    pytest.param(images(in_ring=True, lost=0.15), "INCONCLUSIVE", id="the drop's lower end is below the limit"),
    pytest.param(images(in_ring=False, lost=0.05), "INCONCLUSIVE", id="the drop's upper end is above the limit"),
    pytest.param(images(29, in_ring=True, lost=0.5), "INCONCLUSIVE", id="29 eligible images"),
    pytest.param(images(30, in_ring=True, lost=0.5), "SHORTCUT", id="30 eligible images"),
    pytest.param(images(in_ring=False, wrong=0.5), "INCONCLUSIVE", id="accuracy at chance"),
    pytest.param(images(in_ring=False, wrong=0.4), "INCONCLUSIVE", id="accuracy whose interval holds chance"),
    pytest.param(images(in_ring=False, wrong=0.1), "CLEAR", id="accuracy whose interval lies above chance"),
]


@pytest.mark.parametrize(("findings", "outcome"), RING_CASES)
def test_the_ring_is_read_by_the_rule(findings, outcome):
    assert reading_of(findings)["outcome"] == outcome


OBJECT_CASES = [
    pytest.param(with_objects(area=0.4, share=0.0, lost=0.5), "SHORTCUT", id="subsets outside, and that is missed"),
    pytest.param(with_objects(area=0.4, share=0.9), "CLEAR", id="subsets in the objects, and nothing is missed"),
    pytest.param(with_objects(area=0.4, share=0.0), "INCONCLUSIVE", id="subsets outside, but that is not missed"),
    pytest.param(with_objects(area=0.9, share=0.6, lost=0.5), "SHORTCUT", id="40% outside where chance is 10%"),
    pytest.param(with_objects(area=0.9, share=0.75, lost=0.5), "INCONCLUSIVE", id="25% outside where chance is 10%"),
    pytest.param(
        with_objects(area=0.15, share=0.0, lost=0.5), "INCONCLUSIVE", id="small objects, out of the rule's reach"
    ),
    pytest.param(
        images(in_ring=True, lost=0.5) + with_objects(29, area=0.4, share=0.9, first=COUNT),
        "INCONCLUSIVE",
        id="images without objects do not count beside some with",
    ),
    pytest.param(
        images(in_ring=True, lost=0.5) + with_objects(area=0.4, share=0.9, first=COUNT),
        "CLEAR",
        id="the objects take the ring's place",
    ),
    pytest.param(
        with_objects(area=1.0, share=1.0) + with_objects(area=0.4, share=0.0, lost=0.5, first=COUNT),
        "SHORTCUT",
        id="objects that cover everything leave nothing outside",
    ),
]


@pytest.mark.parametrize(("findings", "outcome"), OBJECT_CASES)
def test_objects_are_read_by_the_rule(findings, outcome):
    assert reading_of(findings)["outcome"] == outcome


def test_the_rule_needs_thirty_images_for_every_measure():
    few_labelled = images(10, in_ring=False) + [
        replace(one, label=None, position=100 + one.position) for one in images(in_ring=False)
    ]
    few_searched = [
        replace(one, subset=None, baseline_confident=True) if one.position >= 12 else one
        for one in images(in_ring=False)
    ]

    assert "fewer than 30 labelled images without that region (10)" in reading_of(few_labelled)["text"]
    assert "fewer than 30 images with a subset (12)" in reading_of(few_searched)["text"]


def test_accuracy_is_compared_with_chance_on_the_images_of_the_drop():
    wrong = [replace(one, predicted_class=1 - one.label) for one in with_objects(20, area=0.4, share=0.9, first=20)]
    without_objects = [finding(100 + place, 4) for place in range(200)]

    reading = reading_of(with_objects(20, area=0.4, share=0.9) + wrong + without_objects)

    assert "accuracy is not clearly above chance (50%)" in reading["text"]


@pytest.mark.parametrize(
    ("side", "why"),
    [
        (27, "the shortcut control does not run on canvases below 28x28"),
        (28, "the shortcut control ran on no labelled image"),
    ],
)
def test_without_the_control_there_is_no_verdict_and_a_small_canvas_is_why(side, why):
    canvas = Canvas(3, 28, side)

    measured = registry.measure(observe([], SEARCH, canvas))

    assert measured["shortcut_accuracy_drop"].unavailable == why
    assert reading_of([finding(place, 4) for place in range(COUNT)]) is None


def test_of_few_images_the_document_is_written_without_an_end_of_their_accuracy():
    document, _ = document_and_rows(images(5, in_ring=True, lost=0.5))

    canonical_json(document)  # which no infinite end passes

    drop = document["models"][0]["searches"][0]["measures"]["shortcut_accuracy_drop"]
    assert (drop["n"], drop["parameters"]["accuracy_low"]) == (5, None)
    assert reading_of(images(5, in_ring=True, lost=0.5))["outcome"] == "INCONCLUSIVE"


def test_the_drop_counts_every_labelled_image_eligible_or_not():
    below = [not_eligible(COUNT + place, label=0, controls=filled("ring_filled", 1)) for place in range(10)]

    drop = measures_of(images(in_ring=True) + below)["shortcut_accuracy_drop"]

    assert (drop["n"], drop["value"]) == (50, 0.2)
    assert drop["parameters"] == {
        "region": "ring",
        "eligible": COUNT,
        "accuracy_low": pytest.approx(0.9287, abs=1e-4),  # Wilson, 50 of 50
        "accuracy_filled": 0.8,
        "chance_accuracy": 0.6,
        "differing": 10,
    }
    assert drop["interval"]["method"] == "square and add"


def test_an_image_that_is_right_only_without_its_ring_makes_up_for_one_that_is_lost():
    found = images(in_ring=False, wrong=0.25, lost=0.25)
    gained = [
        finding(COUNT + place, 4, label=0, predicted_class=1, target_class=1, controls=filled("ring_filled", 0))
        for place in range(10)
    ]

    assert measures_of(found + gained)["shortcut_accuracy_drop"]["value"] == 0.0


def test_the_object_share_is_shown_with_its_chance_level():
    shares = [(0.25, 0.5), (0.5, 1.0), (0.75, 0.75)] * 5
    found = [
        finding(place, 4, controls=FindingControls(objects=ObjectsFinding(area, share)))
        for place, (area, share) in enumerate(shares)
    ]
    whole = finding(90, None, budget_exhausted=True, controls=FindingControls(objects=ObjectsFinding(0.1)))

    measured = measures_of([*found, whole, finding(91, 4)])

    assert measured["object_share_median"]["value"] == 0.75
    assert measured["object_share_median"]["n"] == 15
    assert measured["object_share_median"]["parameters"] == {"chance": 0.5}
    assert measured["object_share_excess_median"]["value"] == 0.25
    assert measured["object_share_excess_median"]["interval"]["method"] == "order statistics"


def test_without_objects_the_object_share_says_so():
    measured = measures_of([finding(place, 4) for place in range(12)])

    assert measured["object_share_median"]["unavailable"] == "no item with a subset has boxes or a mask"


def test_the_sentence_gives_share_chance_and_drop():
    assert reading_of(images(in_ring=True, lost=0.5))["text"] == (
        "100% of the median subset lies in the ring at the canvas' edge (chance 44%), and filling it with the mean "
        "costs 50% of accuracy (95% interval 35% to 65%): the decision rests on what lies beside the object."
    )
