"""The spot test in the result document: what lies outside the objects decides whether a spot is a shortcut."""

from dataclasses import replace

import numpy as np
import pytest
from modicum.gate.spot_rule import SpotOutcome
from modicum_server.domain.findings import Prediction, Subset
from modicum_server.domain.searches import Control, ControlPlan
from modicum_server.domain.spots import SpotKind, SpotObjects, SpotOutcomes, SpotPlace, SpotRegion, SpotRow, SpotTrial
from modicum_server.measures.counterfactual_set import CounterfactualSet, Pair
from modicum_server.measures.judged_spots import EXAMPLES, JudgedRow
from modicum_server.measures.number_words import points_number
from modicum_server.measures.spot_objects import Location, location_of, object_overlap
from modicum_server.measures.spots import places_of
from modicum_sis.spots.trials import SHOWN

from tests.measures.example_audit import SIDE, VERSION, document_and_rows, finding

CATS, IMAGES, PAIRS = 20, 40, 5
CORNER = SpotPlace(SpotKind.WINDOW, 2, 3, 1, 4)
FINDINGS = [
    finding(at, predicted_class=int(at >= CATS), target_class=int(at >= CATS), label=int(at >= CATS))
    for at in range(IMAGES)
]
CAT_IMAGES = tuple(range(CATS))
MASK = np.arange(SIDE * SIDE) < 3
REGION = Subset(np.packbits(MASK).tobytes(), SIDE, SIDE, 3)


def trial(*, follow: bool, outside: bool = False, share: float | None = None, regions=()) -> SpotTrial:
    outcomes = SpotOutcomes(
        CAT_IMAGES, tuple(range(CATS, IMAGES)), (follow,) * CATS, (False,) * CATS, (0,) * CATS, (0,) * CATS
    )
    on = SpotObjects() if share is None else SpotObjects(CAT_IMAGES, (share,) * CATS)
    return SpotTrial(0, CORNER, (), outcomes, outcomes, outside, on, regions)


def changed(lost) -> CounterfactualSet:
    """A set that makes owls of the images in `lost` and leaves the classes of the others; all pictures differ."""
    originals = {at: Prediction(at, int(at >= CATS), confidence=0.9) for at in range(IMAGES)}
    predicted = {at: replace(one, predicted_class=2) if at in lost else one for at, one in originals.items()}
    pairs = {at: Pair(f"image-{at}.png", f"{at:064x}", f"{at + 500:064x}") for at in range(IMAGES)}
    return CounterfactualSet("changed", "8" * 64, IMAGES, pairs, (), {VERSION: originals}, {VERSION: predicted})


def spot_test(*trials: SpotTrial, counterfactual=None) -> tuple[dict, dict, str]:
    """The spot test, its row of cats and its reading."""
    rows = {VERSION: [SpotRow(None, IMAGES, ()), SpotRow(0, CATS, trials)]}
    document, _ = document_and_rows(
        FINDINGS, spots=rows, plans=(ControlPlan(Control.SPOT),), counterfactual=counterfactual
    )
    (test,) = document["spots"]
    readings = document["models"][0]["searches"][0]["readings"]
    (said,) = [reading for reading in readings if reading["control"] == "spot"]
    assert said["outcome"] == test["outcome"]
    return test, test["rows"][1], said["text"]


def test_a_spot_that_decides_is_no_shortcut_where_nothing_is_known_of_objects():
    test, cats, said = spot_test(trial(follow=True))

    assert (test["outcome"], cats["outcome"], cats["shortcut"], cats["outside_outcome"]) == (
        "DECISIVE",
        "DECISIVE",
        "",
        None,
    )
    assert cats["places"][0]["location"] is None
    assert cats["shown"] == 0
    assert said.endswith("A person must say whether this spot is evidence.")


@pytest.mark.parametrize(("carriers", "outcome"), [(5, "SUFFICIENT"), (2, "INCONCLUSIVE"), (20, "SUFFICIENT")])
def test_a_spot_that_decides_from_few_pictures_is_found_and_their_number_is_told_if_at_most_half_do(carriers, outcome):
    sources = tuple(at for at in CAT_IMAGES for _ in range(PAIRS))
    others = tuple(range(CATS, IMAGES)) * PAIRS
    none = (False,) * len(sources)
    made = SpotOutcomes(
        sources, others, tuple(at < carriers for at in sources), none, (0,) * len(sources), (0,) * len(sources)
    )

    _, cats, said = spot_test(SpotTrial(0, CORNER, (), made, replace(made, here=none)))

    assert cats["outcome"] == outcome
    told = (
        "In 5 of 20 pictures, the pixels there turn at least 50 percentage points more of the others into cat than a "
        "random spot of its size does."
    )
    assert (told in said) is (carriers == 5)


def test_a_cue_that_all_pictures_hold_but_that_moves_fewer_than_half_is_not_said_to_be_held_by_few():
    """Every second picture moves three of five others, the rest two: all hold what decides."""
    sources = tuple(at for at in CAT_IMAGES for _ in range(PAIRS))
    here = tuple(pair < 2 + source % 2 for source in CAT_IMAGES for pair in range(PAIRS))
    made = SpotOutcomes(
        sources,
        tuple(range(CATS, IMAGES)) * PAIRS,
        here,
        (False,) * len(sources),
        (0,) * len(sources),
        (0,) * len(sources),
    )

    _, _, said = spot_test(SpotTrial(0, CORNER, (), made, made))

    assert "hold it" not in said
    assert "In 10 of 20 pictures, the pixels there turn at least 50 percentage points more" in said


def test_pictures_that_were_copied_too_seldom_are_not_among_those_that_are_counted():
    """Two of the 20 were copied four times alone: of them it is not told whether what they hold moves others."""
    sources = tuple(at for at in CAT_IMAGES for _ in range(PAIRS - (at < 2)))
    here = tuple(2 <= at < 7 for at in sources)
    zeros = (0,) * len(sources)
    made = SpotOutcomes(sources, (CATS,) * len(sources), here, (False,) * len(sources), zeros, zeros)

    _, _, said = spot_test(SpotTrial(0, CORNER, (), made, made))

    assert "In 5 of 18 pictures that were copied 5 times or more, the pixels there turn at least 50" in said


def test_the_reading_gives_the_difference_of_the_copies_with_its_interval():
    _, cats, said = spot_test(trial(follow=True))

    interval = cats["places"][0]["measures"]["spot_pasted_difference"]["interval"]
    low = points_number(interval["low"])
    assert (
        f"makes 100% of them cat (0% with a random spot of its size): a difference of 100 percentage points (95% "
        f"interval {low} to 100) over 20 pictures."
    ) in said


def own_window(*, followed: int, covered: bool = True, share: float | None = None) -> SpotTrial:
    """The test of own windows, which the class follows in so many of its sources."""
    plain = trial(follow=covered, share=share)
    here = tuple(at < followed for at in CAT_IMAGES)
    return replace(plain, place=SpotPlace(SpotKind.OWN, 2, 2), pasted=replace(plain.pasted, here=here))


def test_the_place_that_is_shown_is_one_that_earned_the_outcome_of_its_row():
    copied_alone = replace(trial(follow=True), covered=trial(follow=False).covered)

    test, cats, said = spot_test(copied_alone, own_window(followed=16))

    assert [place["outcome"] for place in cats["places"]] == ["SUFFICIENT", "DECISIVE"]
    assert (cats["outcome"], cats["shown"]) == ("DECISIVE", 1)
    assert "The decision for cat follows a spot of 2x2 pixels at a place chosen for each picture" in said
    assert "When it is covered, 100% of the pictures lose cat" in said
    assert test["measures"]["spot_covered_difference"]["value"] == 1.0


def test_of_places_that_decide_one_at_one_position_is_shown_before_own_windows():
    """Own windows find a cue in a corner, too, and would not say where it is."""
    in_a_corner = trial(follow=True)
    fewer = replace(in_a_corner, pasted=replace(in_a_corner.pasted, here=tuple(at < 16 for at in CAT_IMAGES)))

    _, cats, said = spot_test(own_window(followed=20), fewer)

    assert [(place["own"], place["outcome"]) for place in cats["places"]] == [(False, "DECISIVE"), (True, "DECISIVE")]
    assert cats["shown"] == 0
    assert "a place chosen for each picture" not in said


@pytest.mark.parametrize(
    ("fixed", "own", "shown", "verdict"),
    [
        ("INCONCLUSIVE", "SUFFICIENT", 1, "SUFFICIENT"),
        ("SUFFICIENT", "INCONCLUSIVE", 0, "SHORTCUT"),
        ("SUFFICIENT", "DECISIVE", 0, "SHORTCUT"),
    ],
)
def test_a_place_outside_the_objects_is_a_shortcut_if_it_decides_itself(fixed, own, shown, verdict):
    outside = replace(trial(follow=True), on_objects=SpotObjects(tuple(range(40)), (0.0,) * 40))
    row = SpotRow(0, CATS, (outside, own_window(followed=10, share=0.95)))
    earned = [SpotOutcome(fixed), SpotOutcome(own)]

    places = tuple(replace(one, outcome=said) for one, said in zip(places_of(row, 0.95), earned, strict=True))
    judged = JudgedRow(row, "cat", min(earned, key=list(SpotOutcome).index), places, None)

    assert [place.location for place in places] == [Location.OUTSIDE, Location.INSIDE]
    assert judged.shown is places[shown], "the fixed place is the one that copies follow most surely"
    assert judged.verdict == verdict


def test_a_spot_on_the_objects_is_said_to_be_inside_and_no_shortcut():
    _, cats, said = spot_test(trial(follow=True, share=0.9), trial(follow=False, outside=True))

    assert (cats["outcome"], cats["outside_outcome"]) == ("DECISIVE", "NONE_FOUND")
    assert cats["places"][0]["location"] == "INSIDE"
    assert (
        "It lies inside the objects: 90% of the smaller one lies in the other (95% interval 77% to 91%), over 20"
        in said
    )
    assert "shortcut" not in said


def test_what_decides_outside_the_objects_is_a_shortcut_with_the_reason():
    test, cats, said = spot_test(trial(follow=True, share=0.4), trial(follow=True, outside=True))

    assert (test["outcome"], cats["outcome"], cats["whole_outcome"]) == ("SHORTCUT", "SHORTCUT", "DECISIVE")
    assert cats["shortcut"] == "only what lies outside the objects was copied and covered"
    assert "as far as it lies outside the objects: copied onto other pictures it makes 100% of them cat" in said
    assert said.endswith("That is a shortcut: only what lies outside the objects was copied and covered.")


def test_a_shortcut_is_found_although_the_whole_images_show_nothing():
    test, cats, _ = spot_test(trial(follow=False, share=0.4), trial(follow=True, outside=True))

    assert (test["outcome"], cats["outcome"], cats["whole_outcome"]) == ("SHORTCUT", "SHORTCUT", "NONE_FOUND")


def test_a_place_that_no_object_touches_is_a_shortcut_by_where_it_lies():
    shares = replace(trial(follow=True), on_objects=SpotObjects(tuple(range(40)), (0.0,) * 40))

    _, cats, said = spot_test(shares)

    assert (cats["outcome"], cats["shortcut"]) == ("SHORTCUT", "the place lies outside the objects")
    assert cats["places"][0]["location"] == "OUTSIDE"
    assert "It lies outside the objects: 0% of the smaller one" in said


@pytest.mark.parametrize("share", [None, 0.9], ids=["objects unknown", "inside the objects"])
def test_a_spot_is_called_a_shortcut_where_the_counterfactual_set_shows_a_loss_for_its_class(share):
    test, cats, said = spot_test(trial(follow=True, share=share), counterfactual=changed(lost=range(CATS)))

    assert (test["outcome"], cats["outcome"], cats["whole_outcome"]) == ("SHORTCUT", "SHORTCUT", "DECISIVE")
    assert cats["shortcut"] == "the counterfactual set shows a loss for cat"
    assert said.endswith(
        "It is called a shortcut because the counterfactual set shows a loss for cat, from 100% accuracy to 0%. That "
        "holds if the counterfactual set changes this spot and nothing else, which only its maker knows."
    )


def test_a_loss_of_another_class_makes_no_shortcut():
    test, cats, said = spot_test(trial(follow=True), counterfactual=changed(lost=range(CATS, IMAGES)))

    assert (test["outcome"], cats["outcome"], cats["shortcut"]) == ("DECISIVE", "DECISIVE", "")
    assert "shortcut" not in said


def test_a_loss_makes_no_shortcut_where_no_spot_decides():
    test, cats, _ = spot_test(trial(follow=False), counterfactual=changed(lost=range(CATS)))

    assert (test["outcome"], cats["outcome"], cats["shortcut"]) == ("INCONCLUSIVE", "NONE_FOUND", "")


@pytest.mark.parametrize(("lost", "outcome"), [(range(IMAGES), "SHORTCUT"), (range(4), "DECISIVE")])
def test_a_spot_of_all_classes_together_asks_for_a_loss_over_all_pairs(lost, outcome):
    rows = {VERSION: [SpotRow(None, IMAGES, (trial(follow=True),))]}

    document, _ = document_and_rows(
        FINDINGS, spots=rows, plans=(ControlPlan(Control.SPOT),), counterfactual=changed(lost=lost)
    )

    assert document["spots"][0]["rows"][0]["outcome"] == outcome


def test_each_half_has_its_own_place_and_its_own_counts():
    first, second = (replace(trial(follow=half == 0), half=half) for half in (0, 1))
    moved = SpotOutcomes(CAT_IMAGES[10:], tuple(range(30, 40)), *((False,) * 10,) * 2, *((0,) * 10,) * 2)
    first = replace(first, pasted=replace(moved, sources=CAT_IMAGES[:10], here=(True,) * 10))
    second = replace(second, place=replace(CORNER, top=5), pasted=moved)

    _, cats, said = spot_test(first, second)

    (place,) = cats["places"]
    assert [(one["half"], one["top"], one["pasted"]["pairs"], one["pasted"]["here"]) for one in place["places"]] == [
        (0, 1, 10, 1.0),
        (1, 5, 10, 0.0),
    ]
    assert {(one["half"], one["here"]) for one in place["pasted"]} == {(0, 1), (1, 0)}
    assert "By itself the first makes 100% of 10 of them, and the second 0% of 10." in said


def test_a_pattern_is_named_with_its_pixels_where_it_was_tested_and_in_the_examples():
    place = SpotPlace(SpotKind.PATTERN, 3, 2, 1, 4, b"\x84")

    _, cats, said = spot_test(replace(trial(follow=True), place=place))

    described = {"kind": "PATTERN", "height": 3, "width": 2, "top": 1, "left": 4, "size": 2, "pixels": "hA=="}
    for told in (cats["places"][0]["places"][0], cats["examples"][0]):
        assert {name: told[name] for name in described} == described
    assert "follows a pattern of 2 pixels (within 3x2 pixels, 1 from the top, 4 from the left)" in said
    assert "(0% with the same pattern copied from another class)" in said
    assert "(0% with the same pattern covered from its own class)" in said


def test_a_place_across_the_objects_is_left_to_a_person():
    _, cats, said = spot_test(trial(follow=True, share=0.3))

    assert (cats["outcome"], cats["places"][0]["location"]) == ("DECISIVE", "ACROSS")
    assert "It lies neither clearly inside nor clearly outside the objects: 30% of the smaller one" in said


def test_where_nothing_is_found_the_reading_says_so_of_what_lies_outside():
    everyone = replace(trial(follow=False, share=0.4), half=1)
    beside = trial(follow=False, outside=True)
    rows = {VERSION: [SpotRow(None, IMAGES, (everyone, beside)), SpotRow(0, CATS, (everyone, beside))]}
    document, _ = document_and_rows(FINDINGS, spots=rows, plans=(ControlPlan(Control.SPOT),))

    readings = {one["control"]: one for one in document["models"][0]["searches"][0]["readings"]}

    assert readings["spot"]["outcome"] == "NONE_FOUND"
    assert "No spot was found outside the objects either." in readings["spot"]["text"]


def test_an_unsettled_test_outside_never_reads_as_none_found():
    few = SpotOutcomes(CAT_IMAGES[:9], tuple(range(20, 29)), (False,) * 9, (False,) * 9, (0,) * 9, (0,) * 9)
    beside = SpotTrial(0, CORNER, (), few, few, outside=True)
    plain = trial(follow=False)
    rows = {VERSION: [SpotRow(None, IMAGES, (plain,)), SpotRow(0, CATS, (plain, beside))]}
    document, _ = document_and_rows(FINDINGS, spots=rows, plans=(ControlPlan(Control.SPOT),))

    readings = {one["control"]: one for one in document["models"][0]["searches"][0]["readings"]}

    assert "Whether a spot outside the objects decides is not settled for cat." in readings["spot"]["text"]


def test_the_pictures_that_the_class_follows_most_are_the_first_examples():
    sources = tuple(at for at in CAT_IMAGES for _ in range(PAIRS))
    weak, strong = CAT_IMAGES[:15], CAT_IMAGES[15:]
    here = tuple(at in strong or place % PAIRS == 0 for place, at in enumerate(sources))
    none, zero = (False,) * len(sources), (0,) * len(sources)
    made = SpotOutcomes(sources, tuple(range(CATS, IMAGES)) * PAIRS, here, none, zero, zero)

    _, cats, _ = spot_test(replace(trial(follow=True), pasted=made))

    assert [one["source"] for one in cats["examples"]] == list(strong[:EXAMPLES])
    assert not set(weak) & {one["source"] for one in cats["examples"]}


def test_examples_outside_the_objects_name_the_pixels_that_were_copied():
    regions = (SpotRegion(0, CATS, REGION),)

    _, cats, _ = spot_test(trial(follow=True), trial(follow=True, outside=True, regions=regions))

    assert cats["places"][cats["shown"]]["outside"], "the examples are of this place"
    first, second, *_ = cats["examples"]
    assert (first["source"], first["other"]) == (0, CATS)
    assert "mask" in first
    assert "mask" not in second, "the library keeps the pixels of the pairs that are shown"
    assert EXAMPLES == SHOWN


@pytest.mark.parametrize(
    ("shares", "location"),
    [
        ((0.95,) * 20, Location.INSIDE),
        ((0.0,) * 40, Location.OUTSIDE),
        ((0.0,) * 12, Location.ACROSS),
        ((0.0,) * 20, Location.OUTSIDE),
        ((0.5,) * 20, Location.ACROSS),
        ((1.0,) * 7, Location.ACROSS),
        ((), None),
    ],
)
def test_a_place_lies_where_its_interval_says(shares, location):
    tested = replace(trial(follow=False), on_objects=SpotObjects(tuple(range(len(shares))), shares))

    assert location_of(object_overlap([tested], 0.95)) is location


def test_the_object_overlap_is_the_mean_over_sources_of_both_halves_with_its_interval():
    halves = [
        replace(trial(follow=False), on_objects=SpotObjects((0, 1, 2, 3), shares))
        for shares in ((0.2,) * 4, (0.6,) * 4)
    ]

    share = object_overlap(halves, 0.95)

    assert share.value == pytest.approx(0.4)
    assert share.n == 8
    # with a 0 or a 1 added: means 3.2 / 9 and 4.2 / 9, t of 8 degrees 2.306
    low, high = [*([0.2] * 4), *([0.6] * 4), 0.0], [*([0.2] * 4), *([0.6] * 4), 1.0]
    assert share.interval.low == pytest.approx(np.mean(low) - 2.306 * np.std(low, ddof=1) / 3, abs=1e-3)
    assert share.interval.high == pytest.approx(np.mean(high) + 2.306 * np.std(high, ddof=1) / 3, abs=1e-3)
