"""The spot rule: what a spot test says of each class, and places that a policy accepts."""

import pytest

from tests.gate.documents import (
    CLEAN,
    PLANTED,
    document,
    outcomes,
    place,
    row,
    verdict,
)


def test_a_clean_network_passes_the_spot_rule():
    given = verdict("", document())

    assert (given.outcome, outcomes(given)) == ("PASS", {"spot": "PASS"})
    assert given.left_out == dict.fromkeys(
        ("shortcut-accuracy-excess", "counterfactual-accuracy-loss"), "the result has no figure for it"
    )


def test_a_planted_spot_fails_and_names_its_class():
    given = verdict("", document(spots=PLANTED))

    assert given.outcome == "FAIL"
    assert given.rules[0].worst.subject == "cat"
    assert given.summary == "FAIL: spot (1 of 1 rule of level error)"


def test_a_spot_outside_the_objects_fails_although_the_whole_images_show_none():
    beside = (CLEAN[0], row(0, place((0, 60)), place((60, 0), outside=True), label="cat"), CLEAN[2])

    given = verdict("", document(spots=beside))

    assert (given.outcome, given.rules[0].worst.subject) == ("FAIL", "cat")


def test_a_spot_that_is_called_a_shortcut_says_why_and_so_does_one_that_was_accepted():
    why = "the counterfactual set shows a loss for cat"
    cats = row(0, place((60, 0)), label="cat") | {"shortcut": why}
    accepted = """
rules: {spot: error}
accept:
  - {rule: spot, class: cat, place: {top: 8, left: 8, height: 4, width: 4}, reason: scar, owner: me}
"""

    found, passed = (verdict(policy, document(spots=(CLEAN[0], cats, CLEAN[2]))) for policy in ("", accepted))

    assert (found.outcome, passed.outcome) == ("FAIL", "PASS")
    assert found.rules[0].worst.reason.endswith(f"decides; called a shortcut: {why}")
    assert any(check.reason.endswith(f"called a shortcut: {why}") for check in passed.rules[0].checks)


def test_what_is_not_settled_outside_the_objects_keeps_no_class_from_passing():
    beside = (CLEAN[0], row(0, place((0, 60)), place((0, 9), outside=True), label="cat"), CLEAN[2])

    assert verdict("", document(spots=beside)).outcome == "PASS"


def test_a_spot_found_at_5_percent_alone_is_inconclusive_and_says_so():
    weak = (CLEAN[0], row(0, place((6, 6)), label="cat"), CLEAN[2])

    given = verdict("", document(spots=weak))

    worst = given.rules[0].worst
    assert (given.outcome, worst.subject) == ("INCONCLUSIVE", "cat")
    assert worst.reason == (
        "a spot of 4x4 pixels (8 from the top and 8 from the left) decides; found by a test at 5%, but not by one "
        "within the policy's error budget"
    )


@pytest.mark.parametrize(("pairs", "outcome"), [(4, "INCONCLUSIVE"), (5, "FAIL")])
def test_a_spot_that_a_fifth_of_the_pictures_carry_fails_where_it_is_told_which_do(pairs, outcome):
    carried = (CLEAN[0], row(0, place((12, 48), pairs=pairs), label="cat"), CLEAN[2])

    given = verdict("", document(spots=carried))

    reason = given.rules[0].worst.reason
    assert (given.outcome, given.rules[0].worst.subject) == (outcome, "cat")
    says = (
        "decides; in 12 of 60 pictures of the class, the pixels there turn at least 50 percentage points more of the "
        "other pictures into the class than pixels from elsewhere"
    )
    assert reason.endswith(says) is (outcome == "FAIL")


def test_pictures_that_were_copied_too_seldom_are_not_among_those_that_carry():
    carried, seldom = place((12, 46), pairs=5), place((0, 2), pairs=4)
    both = {**carried, "pasted": [*carried["pasted"], *seldom["pasted"]]}

    given = verdict("", document(spots=(CLEAN[0], row(0, both, label="cat"), CLEAN[2])))

    assert (
        "in 12 of 58 pictures of the class that were copied 5 times or more, the pixels" in given.rules[0].worst.reason
    )


@pytest.mark.parametrize("matched", [True, False])
def test_a_spot_outside_the_objects_of_an_earlier_result_fails_and_says_how_it_was_compared(matched):
    beside = {**place((30, 10), outside=True), **({"matched": True} if matched else {})}

    given = verdict("", document(spots=(CLEAN[0], row(0, place((0, 40)), beside, label="cat"), CLEAN[2])))

    assert given.outcome == "FAIL"
    assert ("may have moved fewer pixels; audit again" in given.rules[0].worst.reason) is not matched


def test_classes_without_a_row_of_their_own_are_inconclusive_where_they_hold_too_many_images():
    given = verdict("", document(spots=CLEAN[:2], untested=3))

    assert given.outcome == "INCONCLUSIVE"
    assert given.rules[0].worst.reason == (
        "at least 90% are needed; 3 classes have too few images for a row of their own"
    )
    assert verdict("rules:\n  spot: {classes: pooled}", document(spots=CLEAN[:2], untested=3)).outcome == "PASS"


def test_a_row_of_all_classes_that_a_rule_names_and_the_result_lacks_is_inconclusive():
    rule = "rules:\n  spot: {classes: [cat, all classes together]}"

    with_it, without = (verdict(rule, document(spots=rows)) for rows in (CLEAN, CLEAN[1:]))

    assert (with_it.outcome, without.outcome) == ("PASS", "INCONCLUSIVE")
    assert without.rules[0].worst.subject == "all classes together"


def test_images_that_the_spot_test_did_not_take_count_as_neither_assessed_nor_missing():
    assert verdict("", document(counts={"images": 5000})).outcome == "PASS"


def test_a_result_without_a_spot_test_is_inconclusive():
    assert verdict("", document(spots=())).outcome == "INCONCLUSIVE"


@pytest.mark.parametrize("places", [(), (place((4, 0)),)], ids=["no place", "four sources"])
def test_a_row_that_cannot_be_judged_is_inconclusive_and_never_fails(places):
    given = verdict("", document(spots=(CLEAN[0], row(0, *places, label="cat"), CLEAN[2])))

    assert (given.outcome, given.rules[0].worst.subject) == ("INCONCLUSIVE", "cat")


TAKES_40 = "; about 40 images of it would pass, if they are like these"


@pytest.mark.parametrize(
    ("sources", "needed", "told"),
    [
        ((0, 8), 40, TAKES_40),
        ((6, 34), 40, f"{TAKES_40}, unless they show first that a spot decides"),
        ((10, 30), None, "; more images like these would not pass either"),
    ],
    ids=["none follow", "15% follow", "25% follow"],
)
def test_an_open_class_says_whether_more_images_like_these_would_settle_it(sources, needed, told):
    open_class = {**row(1, place(sources), label="dog"), "sources_needed": needed}

    given = verdict("rules:\n  spot: {classes: [dog]}", document(spots=(*CLEAN[:2], open_class)))

    assert given.rules[0].worst.reason == f"not settled with 100 images{told}"


def test_an_open_class_whose_interval_lies_above_the_limit_says_why_that_does_not_fail():
    """Alone, the place would be found; tested beside all others, it may be chance."""
    lone = row(1, place((8, 23)), label="dog")
    interval = {"low": 0.11, "high": 0.4, "level": 0.95, "method": "t"}
    lone["places"][0]["measures"]["spot_pasted_difference"]["interval"] = interval

    given = verdict("", document(spots=(*CLEAN[:2], lone)))

    assert given.outcome == "INCONCLUSIVE"
    assert given.rules[0].worst.reason.startswith(
        "not settled with 100 images: the interval is only for this place, and with 3 tested places it may be chance"
    )


ACCEPT = """accept:
  - {{rule: spot, class: {}, place: {{top: {}, left: 0, height: 20, width: 20}}, reason: the lesion, owner: us}}
"""


@pytest.mark.parametrize(
    ("class_label", "top", "outcome"), [("cat", 0, "PASS"), ("dog", 0, "FAIL"), ("cat", 9, "FAIL")]
)
def test_a_place_inside_an_accepted_box_of_its_class_passes_and_is_shown(class_label, top, outcome):
    given = verdict(ACCEPT.format(class_label, top), document(spots=PLANTED))

    assert given.outcome == outcome
    place_words = "for class cat, a spot of 4x4 pixels (8 from the top and 8 from the left)"
    assert (f"accepted by us: {place_words}; reason: the lesion" in given.notes) == (outcome == "PASS")


WHOLE = "{top: 0, left: 0, height: 64, width: 64}"
MOVES = "a spot at a place chosen for each picture"


def accepting(*places, label="cat"):
    entries = (f"{{rule: spot, class: {label}, place: {one}, reason: its shape, owner: us}}" for one in places)
    return f"accept: [{', '.join(entries)}]"


def with_cats(*places):
    return document(spots=(CLEAN[0], row(0, *places, label="cat"), CLEAN[2]))


MOVING, FIXED = place((24, 0), own=True), place((20, 4))


@pytest.mark.parametrize(
    ("policy", "places", "outcome"),
    [
        (accepting("moving"), [MOVING], "PASS"),
        (accepting("moving"), [MOVING, place((0, 60))], "PASS"),
        (accepting("moving", label="dog"), [MOVING], "FAIL"),
        (accepting("moving"), [MOVING, FIXED], "FAIL"),
        (accepting("moving"), [place((24, 0), own=True, outside=True)], "FAIL"),
        (accepting(WHOLE), [MOVING], "FAIL"),
        (accepting(WHOLE), [MOVING, FIXED], "FAIL"),
        (accepting(WHOLE, "moving"), [MOVING, FIXED], "PASS"),
    ],
)
def test_a_place_that_moves_is_excused_by_an_accept_of_moving_places_of_its_class_alone(policy, places, outcome):
    assert verdict(policy, with_cats(*places)).outcome == outcome


def test_what_was_accepted_is_named_and_what_fails_beside_it_is_another_place():
    given = verdict(accepting(WHOLE), with_cats(MOVING, FIXED))

    fixed = "for class cat, a spot of 4x4 pixels (8 from the top and 8 from the left)"
    assert given.notes == (f"accepted by us: {fixed}; reason: its shape",)
    assert given.rules[0].worst.value == 1.0
    assert given.rules[0].worst.reason == (
        f"{MOVES} decides; it lies in no box, so only an accept with `place: moving` covers it"
    )


def test_an_accepted_place_that_moves_is_shown_where_the_class_passes():
    given = verdict(accepting("moving"), with_cats(MOVING, place((0, 60))))

    assert given.notes == (f"accepted by us: for class cat, {MOVES}; reason: its shape",)
    assert "no spot was found that decides, beside what was accepted" in [one.reason for one in given.rules[0].checks]


def test_an_accepted_place_that_is_not_found_to_decide_is_said_to_be_so():
    given = verdict(accepting("moving"), with_cats(place((4, 20), own=True), place((0, 60))))

    note = f"accepted by us: for class cat, {MOVES}, which does not clearly decide; reason: its shape"
    assert (given.outcome, given.notes) == ("PASS", (note,))


def test_classes_that_the_spot_test_has_no_row_of_are_named():
    knows = document()
    knows["models"][0]["class_labels"] = ["cat", "dog", *(f"animal {n}" for n in range(2, 14))]

    (note,) = verdict("", knows).notes

    assert note.startswith("the spot test judged animal 2, animal 3, ")
    assert note.endswith(
        "animal 11 and 2 more only together with other classes, because fewer than 8 images were predicted as each; "
        "with `classes: all`, that is INCONCLUSIVE"
    )


def test_a_place_at_one_position_is_named_before_own_windows_that_find_it_too():
    both = row(0, place((24, 0), own=True), place((20, 4)), label="cat")
    own_alone = row(1, place((24, 0), own=True), place((0, 24)), label="dog")

    checks = verdict("", document(spots=(CLEAN[0], both, own_alone))).rules[0].checks

    reasons = {check.subject: check.reason for check in checks}
    assert reasons["cat"] == "a spot of 4x4 pixels (8 from the top and 8 from the left) decides"
    assert reasons["dog"] == "a spot at a place chosen for each picture decides"


def test_a_place_at_one_position_that_is_not_found_among_all_is_not_named():
    # 8 of 30 at one position have p 0.03, which Holm's procedure does not find among twenty places
    cats = row(0, place((8, 22)), place((30, 0), own=True), label="cat")
    others = [row(at, place((0, 60)), place((0, 60), own=True), label=f"class {at}") for at in range(1, 10)]

    worst = verdict("", document(spots=(CLEAN[0], cats, *others))).rules[0].worst

    assert worst.subject == "cat"
    assert worst.reason == "a spot at a place chosen for each picture decides"


STRICTER = {"threshold": 0.95, "fill": "mean", "passes": 300, "target_rule": "predicted", "matched": False}


def with_a_second_search(*, tested):
    """A result of two searches, at 0.9 and 0.95, whose spot test ran beside the search of that number."""
    found = document(spots=CLEAN)
    (model,) = found["models"]
    model["searches"].append({**model["searches"][0], "search": STRICTER})
    found["specification"]["searches"].append({**STRICTER, "digest": "34" * 32})
    found["spots"][0]["search_index"] = tested
    return found


@pytest.mark.parametrize(
    ("policy", "tested", "outcome"),
    [
        pytest.param("audit: {threshold: 0.95}", 0, "INCONCLUSIVE", id="the other threshold"),
        pytest.param("audit: {threshold: 0.95}", 1, "PASS", id="the threshold that is asked for"),
        pytest.param("audit: {threshold: 0.9}", 1, "INCONCLUSIVE", id="the first threshold"),
        pytest.param("", 1, "PASS", id="any search"),
        pytest.param("rules: {spot: {search: 1}}", 0, "INCONCLUSIVE", id="another number"),
        pytest.param("rules: {spot: {search: 1}}", 1, "PASS", id="its number"),
    ],
)
def test_the_spot_test_of_the_search_that_the_policy_asks_for_is_judged(policy, tested, outcome):
    given = verdict(policy, with_a_second_search(tested=tested))

    assert given.outcome == outcome
    if outcome == "INCONCLUSIVE":
        assert given.rules[0].worst.reason.startswith(
            f"the rule is about search {1 - tested}, but the spot test ran beside search {tested}; audit with"
        )


def test_the_floors_are_those_of_the_search_beside_which_the_spot_test_ran():
    found = with_a_second_search(tested=1)
    found["models"][0]["searches"][1] |= {"counts": {"images": 200, "failed": 0, "eligible": 20}}

    given = verdict("require: {eligible_images: 100}", found)

    assert given.rules[0].worst.reason == "the policy requires 100 eligible images in all, the result has 20"


def test_a_share_above_the_limit_that_chance_may_give_says_so():
    given = verdict("", with_cats(place((27, 173)), place((0, 60))))

    (cats,) = [one for one in given.rules[0].checks if one.subject == "cat"]
    assert (given.outcome, cats.value, cats.limits.at_most) == ("PASS", 0.135, 0.1)
    assert cats.reason == (
        "no spot was found that decides: the interval is only for this place, and one of 4 tested places may reach it "
        "by chance"
    )
