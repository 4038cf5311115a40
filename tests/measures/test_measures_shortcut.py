"""The shortcut rule and the object share, on findings counted by hand: 8x8 pixels, 28 of them in the ring."""

from dataclasses import replace

import numpy as np
import pytest
from modicum.gate.variants import COMPARED_WITH
from modicum_server.domain.findings import FindingControls, ObjectsFinding, ScoredVariant, Subset
from modicum_server.domain.searches import Canvas
from modicum_server.measures import canonical_json, registry
from modicum_server.measures.observation_builder import observe
from modicum_server.measures.ring import Ring

from tests.measures.example_audit import SEARCH, SIDE, document_and_rows, finding, measures_of, not_eligible

RING = Ring.of(Canvas(3, SIDE, SIDE)).mask
COUNT = 40


def subset_in(mask: np.ndarray, size: int = 4) -> Subset:
    """The first pixels of a mask."""
    kept = np.zeros(SIDE * SIDE, dtype=bool)
    kept[np.flatnonzero(mask.reshape(-1))[:size]] = True
    return Subset(np.packbits(kept).tobytes(), SIDE, SIDE, size)


def filled(variant: str, still: int, elsewhere: int, objects: ObjectsFinding | None = None) -> FindingControls:
    """Predictions with the region filled, and with the comparison filled."""
    scored = {variant: still, COMPARED_WITH[variant]: elsewhere}
    variants = tuple(ScoredVariant(name, 0.6, sufficient=False, predicted_class=one) for name, one in scored.items())
    return FindingControls(variants=variants, objects=objects)


def images(
    count: int = COUNT, *, in_ring: bool, lost: float = 0.0, elsewhere: float = 0.0, wrong: float = 0.0, **changes
):
    """Two classes in turn, with shares of images that are lost without the ring, without the band, and always wrong."""
    found = []
    for place in range(count):
        label = place % 2
        predicted = 1 - label if place < wrong * count else label
        still = 1 - predicted if place >= (1 - lost) * count else predicted
        inside = 1 - predicted if place >= (1 - elsewhere) * count else predicted
        found.append(
            finding(
                place,
                4,
                label=label,
                predicted_class=predicted,
                target_class=predicted,
                subset=subset_in(RING if in_ring else ~RING),
                controls=filled("ring_filled", still, inside),
                **changes,
            )
        )
    return found


def with_objects(
    count: int = COUNT, *, area: float, share: float, lost: float = 0.0, elsewhere: float = 0.0, first: int = 0
):
    found = []
    for place in range(first, first + count):
        label = place % 2
        still = 1 - label if place - first < lost * count else label
        without_objects = 1 - label if place - first < elsewhere * count else label
        controls = filled("outside_filled", still, without_objects, ObjectsFinding(area, share))
        found.append(finding(place, 4, label=label, predicted_class=label, target_class=label, controls=controls))
    return found


def reading_of(findings):
    document, _ = document_and_rows(findings)
    readings = document["models"][0]["searches"][0]["readings"]
    return next((one for one in readings if one["control"] == "shortcut"), None)


RING_CASES = [
    pytest.param(images(in_ring=True, lost=0.5), "SHORTCUT", id="subsets in the ring, and it is missed"),
    pytest.param(images(in_ring=False), "NONE_SEEN", id="subsets elsewhere, and it is not missed"),
    pytest.param(images(in_ring=True), "NONE_SEEN", id="subsets in the ring, but it is not missed"),
    pytest.param(images(in_ring=False, lost=0.5), "SHORTCUT", id="subsets elsewhere, but it is missed"),
    pytest.param(images(in_ring=True, lost=0.15), "INCONCLUSIVE", id="the drop's lower end is below the limit"),
    pytest.param(images(in_ring=False, lost=0.05), "INCONCLUSIVE", id="the drop's upper end is above the limit"),
    pytest.param(images(29, in_ring=True, lost=0.5), "INCONCLUSIVE", id="29 images"),
    pytest.param(images(30, in_ring=True, lost=0.5), "SHORTCUT", id="30 images"),
    pytest.param(
        images(in_ring=True, lost=0.5, elsewhere=0.5), "INCONCLUSIVE", id="the band costs as much as the ring"
    ),
    pytest.param(
        images(in_ring=True, lost=0.5, elsewhere=0.35), "INCONCLUSIVE", id="the excess's lower end is below the limit"
    ),
    pytest.param(images(in_ring=True, lost=0.5, elsewhere=0.1), "SHORTCUT", id="the band costs clearly less"),
    pytest.param(images(in_ring=False, elsewhere=0.5), "NONE_SEEN", id="the band is missed, and the ring is not"),
    pytest.param(images(in_ring=False, wrong=0.5), "INCONCLUSIVE", id="accuracy at chance"),
    pytest.param(images(in_ring=False, wrong=0.4), "INCONCLUSIVE", id="accuracy whose interval holds chance"),
    pytest.param(images(in_ring=False, wrong=0.1), "NONE_SEEN", id="accuracy whose interval lies above chance"),
]


@pytest.mark.parametrize(("findings", "outcome"), RING_CASES)
def test_the_ring_is_read_by_the_rule(findings, outcome):
    assert reading_of(findings)["outcome"] == outcome


OBJECT_CASES = [
    pytest.param(with_objects(area=0.4, share=0.0, lost=0.5), "SHORTCUT", id="subsets outside, and that is missed"),
    pytest.param(with_objects(area=0.4, share=0.9), "NONE_SEEN", id="subsets in the objects, and nothing is missed"),
    pytest.param(with_objects(area=0.4, share=0.0), "NONE_SEEN", id="subsets outside, but that is not missed"),
    pytest.param(with_objects(area=0.15, share=0.0, lost=0.5), "SHORTCUT", id="small objects, and the rest is missed"),
    pytest.param(
        with_objects(area=0.4, share=0.0, lost=0.5, elsewhere=0.5),
        "INCONCLUSIVE",
        id="the objects are missed as much as the rest",
    ),
    pytest.param(
        images(in_ring=True, lost=0.5) + with_objects(29, area=0.4, share=0.9, first=COUNT),
        "INCONCLUSIVE",
        id="images without objects do not count beside some with",
    ),
    pytest.param(
        images(in_ring=True, lost=0.5) + with_objects(area=0.4, share=0.9, first=COUNT),
        "NONE_SEEN",
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


def test_the_rule_needs_thirty_labelled_images_and_no_subset():
    few_labelled = images(10, in_ring=False) + [
        replace(one, label=None, position=100 + one.position) for one in images(in_ring=False)
    ]
    without_subsets = [replace(one, subset=None, baseline_confident=True) for one in images(in_ring=False)]

    assert "fewer than 30 labelled images without that region (10)" in reading_of(few_labelled)["text"]
    assert (
        reading_of(without_subsets).items()
        >= {
            "control": "shortcut",
            "outcome": "NONE_SEEN",
            "text": "Filling the ring at the edge with the mean costs 0 percentage points of accuracy (95% "
            "interval -8.8 to 8.8): no reliance on the ring was seen. Filling a band of about its area further in "
            "costs 0, and the difference is 0 percentage points (95% interval -8.8 to 8.8). "
            "No subset was found, so where it lies is not known.",
        }.items()
    )


def of_classes(counts, lost, elsewhere=None):
    """Images that are all right: so many of each class, of them lost without the ring, and lost without the band."""
    found, inside = [], elsewhere or [0] * len(counts)
    for label, (count, gone) in enumerate(zip(counts, lost, strict=True)):
        for place in range(count):
            other = (label + 1) % len(counts)
            still, kept = (other if place < many else label for many in (gone, inside[label]))
            controls = filled("ring_filled", still, kept)
            named = {"label": label, "predicted_class": label, "target_class": label}
            found.append(finding(len(found), 4, subset=subset_in(~RING), controls=controls, **named))
    return found


CLASS_CASES = [
    pytest.param([30] * 10, [0] * 9 + [27], "SHORTCUT", id="one class in ten rests on the ring"),
    pytest.param([30] * 10, [0] * 9 + [12], "SHORTCUT", id="two fifths of one class in ten"),
    pytest.param([30] * 10, [0] * 9 + [8], "INCONCLUSIVE", id="too few of one class in ten to tell"),
    pytest.param([30] * 10, [1] * 10, "NONE_SEEN", id="3% of every class"),
    pytest.param([150, 10], [0, 10], "SHORTCUT", id="a class of ten images"),
    pytest.param([150, 9], [0, 9], "INCONCLUSIVE", id="a class of nine images is not judged, but the drop is open"),
]


@pytest.mark.parametrize(("counts", "lost", "outcome"), CLASS_CASES)
def test_every_class_is_read_by_itself(counts, lost, outcome):
    assert reading_of(of_classes(counts, lost))["outcome"] == outcome


def test_a_class_that_loses_as_much_without_the_band_does_not_rest_on_the_ring():
    ships = of_classes([30] * 10, [0] * 9 + [14], [0] * 9 + [12])

    reading = reading_of(ships)

    assert reading["outcome"] == "INCONCLUSIVE"
    assert (
        "Where the model predicts class 9, filling the ring costs 47 percentage points (95% interval 27 to 64), and "
        "filling the band 40." in reading["text"]
    )
    assert (
        ": filling the ring does not clearly cost 10 percentage points more than filling a band of about its area "
        "further in, so the loss may be that of any fill. " in reading["text"]
    )


@pytest.mark.parametrize("findings", [images(in_ring=True, lost=0.5), of_classes([30] * 10, [0] * 9 + [27])])
def test_without_a_comparison_nothing_is_called_a_shortcut(findings):
    alone = [replace(one, controls=replace(one.controls, variants=one.controls.variants[:1])) for one in findings]

    reading = reading_of(alone)

    assert reading["outcome"] == "INCONCLUSIVE"
    assert "no labelled image was scored with the comparison filled, so the loss may be" in reading["text"]
    assert measures_of(alone)["shortcut_accuracy_excess"]["unavailable"]


def test_the_excess_says_what_the_comparison_costs_over_all_images_and_by_class():
    excess = measures_of(of_classes([30] * 10, [0] * 9 + [27], [0] * 9 + [6]))["shortcut_accuracy_excess"]

    assert (excess["value"], excess["n"]) == (pytest.approx(0.07), 300)
    assert excess["parameters"] == {
        "region": "ring",
        "compared_with": "a band further in",
        "elsewhere": 0.02,
        "differing": 21,
    }
    assert excess["groups"]["9"]["value"] == 0.7
    assert excess["groups"]["9"]["parameters"].items() >= {"label": "class 9", "elsewhere": 0.2}.items()


@pytest.mark.parametrize("findings", [*(case.values[0] for case in RING_CASES), of_classes([30] * 10, [0] * 9 + [12])])
def test_the_rule_at_the_results_own_tail_gives_its_own_outcome(findings):
    reading = reading_of(findings)

    assert dict(map(tuple, reading["outcomes"]))[0.025] == reading["outcome"]


def test_a_class_that_rests_on_the_ring_is_found_at_the_tails_that_its_share_of_the_error_allows():
    strong, weak = (
        dict(map(tuple, reading_of(of_classes([30] * 10, [0] * 9 + [lost]))["outcomes"])) for lost in (27, 12)
    )

    assert (strong[0.025], strong[1e-4]) == ("SHORTCUT", "SHORTCUT")
    assert (weak[0.025], weak[1e-4]) == ("SHORTCUT", "INCONCLUSIVE")


def test_the_sentence_names_the_classes_that_rest_on_the_ring():
    text = reading_of(of_classes([30] * 10, [27, 0, *[0] * 7, 28]))["text"]

    costs = "percentage points (95% interval 75 to 98), and filling the band 0. Where the model predicts cat, filling "
    assert f"Where the model predicts class 9, filling the ring costs 93 {costs}" in text
    assert "on a band of about its area further in; a person must say whether there is evidence in the ring. " in text


def test_a_loss_of_one_class_is_not_said_of_all_decisions():
    text = reading_of(of_classes([30] * 10, [0] * 9 + [27]))["text"]

    assert ": decisions for these classes rest on the ring more than on a band" in text


def test_the_sentence_names_three_classes_and_bounds_the_losses_of_the_others():
    text = reading_of(of_classes([30] * 10, [27, 28, 29, 26, 25, *[0] * 5]))["text"]

    assert "It costs at most as much where it predicts one of 2 more." in text


def test_classes_with_too_few_images_to_tell_say_what_was_filled():
    text = reading_of(of_classes([100, 10], [0, 3]))["text"]

    assert ": filling the ring costs 30 percentage points " in text
    assert "on too few images to tell. " in text


def test_the_sentence_counts_classes_with_too_few_images():
    text = reading_of(of_classes([60, 60, 9, 3], [0] * 4))["text"]

    assert "no reliance on the ring was seen; 2 classes have too few images to be looked at alone. " in text


def test_a_class_must_stand_out_among_all_classes():
    drop = measures_of(of_classes([30] * 10, [0] * 9 + [9]))["shortcut_accuracy_drop"]

    last = drop["groups"]["9"]
    assert last["interval"]["low"] > 0.10 > last["parameters"]["low_over_classes"]
    assert last["parameters"]["label"] == "class 9"
    assert (last["value"], last["n"]) == (0.3, 30)


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
    below = [not_eligible(COUNT + place, label=0, controls=filled("ring_filled", 1, 0)) for place in range(10)]

    drop = measures_of(images(in_ring=True) + below)["shortcut_accuracy_drop"]

    assert (drop["n"], drop["value"]) == (50, 0.2)
    assert drop["parameters"] == {
        "region": "ring",
        "accuracy_low": pytest.approx(0.9287, abs=1e-4),  # Wilson, 50 of 50
        "accuracy_filled": 0.8,
        "chance_accuracy": 0.6,
        "differing": 10,
    }
    assert drop["interval"]["method"] == "square and add"


def test_an_image_that_is_right_only_without_its_ring_makes_up_for_one_that_is_lost():
    found = images(in_ring=False, wrong=0.25, lost=0.25)
    gained = [
        finding(COUNT + place, 4, label=0, predicted_class=1, target_class=1, controls=filled("ring_filled", 0, 1))
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


def test_the_sentence_gives_drop_share_and_chance():
    assert reading_of(images(in_ring=True, lost=0.5))["text"] == (
        "Filling the ring at the edge with the mean costs 50 percentage points of accuracy (95% interval 33 to 65): "
        "decisions rest on the ring more than on a band of about its area further in; a person must say whether there "
        "is evidence in the ring. Filling a band of about its area further in costs 0, and the difference is 50 "
        "percentage points (95% interval 33 to 65). Where the model predicts cat, filling the ring costs 50 percentage "
        "points (95% interval 24 to 70), and filling the band 0. Where the model predicts dog, filling the ring costs "
        "50 percentage points (95% interval 24 to 70), and filling the band 0. 100% of the median subset lies in the "
        "ring (chance 44%)."
    )


def test_the_sentence_says_on_how_many_images_both_fills_were_tried():
    some = images(in_ring=True, lost=0.5)
    ring_alone = [replace(one.controls, variants=one.controls.variants[:1]) for one in some[:10]]
    without = [replace(one, controls=controls) for one, controls in zip(some, ring_alone, strict=False)]

    text = reading_of([*without, *some[10:]])["text"]

    assert f"over the {len(some) - 10} images with both fills" in text


def test_the_sentence_about_what_lies_outside_compares_it_with_the_objects():
    text = reading_of(with_objects(area=0.4, share=0.0, lost=0.5, elsewhere=0.1))["text"]

    assert text.startswith(
        "Filling everything outside the objects with the mean costs 50 percentage points of accuracy"
    )
    assert ". Filling the objects costs 10, and the difference is 40 percentage points (95% interval" in text
    assert ": decisions rest on what lies outside the objects more than on the objects. " in text
