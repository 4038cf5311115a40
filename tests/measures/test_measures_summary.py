"""The summary of a version: what it says in which situation."""

import pytest
from modicum_server.domain.spots import SpotKind, SpotOutcomes, SpotPlace, SpotRow, SpotTrial
from modicum_server.measures.measure import Measure
from modicum_server.measures.spot_rule import SpotOutcome
from modicum_server.measures.spots import JudgedRow, SpotTest, _tested_places
from modicum_server.measures.summary import NEXT_STEP, NOT_TESTED, summary_of

RATE = {"overinterpretation_rate": Measure(0.9, "share", 100, parameters={"alpha": 0.05})}
RIVAL = SpotPlace(SpotKind.WINDOW, 10, 10, 4, 3)


def row(target_class, label, outcome, *, followed=0.0, needed=None, sources=30) -> JudgedRow:
    here = tuple(place < round(followed * sources) for place in range(sources))
    places = tuple(range(sources))
    outcomes = SpotOutcomes(places, places[::-1], here, (False,) * sources, places, places)
    tested = SpotRow(target_class, sources, (SpotTrial(0, RIVAL, pasted=outcomes, covered=outcomes),))
    return JudgedRow(tested, label, outcome, _tested_places(tested, 0.95), needed)


def spot_test(*rows: JudgedRow, outcome: SpotOutcome) -> SpotTest:
    return SpotTest("version", 0, outcome, rows, 0, {})


def summary(test=None, outcomes=None, *, measured=RATE, spot_asked=True) -> list[str]:
    return summary_of(measured, outcomes or {}, test, spot_asked=spot_asked)


EVERYONE = row(None, "all classes together", SpotOutcome.NONE_FOUND, sources=300)


def test_a_class_that_follows_a_spot_comes_first_with_what_to_do_next():
    cat = row(3, "cat", SpotOutcome.DECISIVE, followed=0.6)

    first, second, *_, last = summary(spot_test(EVERYONE, cat, outcome=SpotOutcome.DECISIVE))

    assert first == (
        "The decision for cat follows a spot of 10x10 pixels (4 from the top, 3 from the left): copied onto other "
        "pictures it makes 60% of them cat (0% with a random place; 30 pictures were copied from)."
    )
    assert (second, last) == (NEXT_STEP, NOT_TESTED)


def test_more_classes_than_fit_are_counted():
    found = [row(place, f"class {place}", SpotOutcome.SUFFICIENT, followed=0.6) for place in range(5)]

    sentences = summary(spot_test(EVERYONE, *found, outcome=SpotOutcome.SUFFICIENT))

    assert sentences[3:5] == ["2 further classes follow a spot, too.", NEXT_STEP]


def test_none_found_names_what_was_looked_through_and_never_says_that_there_is_none():
    classes = [row(place, f"class {place}", SpotOutcome.NONE_FOUND) for place in range(10)]

    first, *_, last = summary(spot_test(EVERYONE, *classes, outcome=SpotOutcome.NONE_FOUND))

    assert first == "No spot that decides was found in 10 classes with 300 images."
    assert last == NOT_TESTED


def test_what_is_not_settled_says_how_many_images_would():
    open_row = row(3, "cat", SpotOutcome.INCONCLUSIVE, needed=45)

    first, *_ = summary(spot_test(EVERYONE, open_row, outcome=SpotOutcome.INCONCLUSIVE))

    assert first == (
        "These 300 images do not settle whether a spot decides for cat. About 45 images of each would settle it."
    )


@pytest.mark.parametrize(
    ("asked", "said"), [(True, "that takes 30 images of two predicted classes"), (False, "was not asked for")]
)
def test_a_spot_test_that_did_not_run_says_why(asked, said):
    assert said in summary(spot_asked=asked)[0]


def test_a_shortcut_and_subsets_of_any_class_are_said():
    measured = {**RATE, "shortcut_accuracy_drop": Measure(0.4, "difference", 100, parameters={"region": "ring"})}

    sentences = summary(outcomes={"shortcut": "SHORTCUT", "class_targeted": "ANY_CLASS"}, measured=measured)

    assert sentences[1] == "Filling the ring at the edge with the mean costs 40% of the accuracy: a shortcut."
    assert sentences[2].startswith(
        "For 90% of the searched images, 5% of the pixels or fewer suffice. Such subsets exist"
    )


def test_without_a_searched_image_nothing_is_said_of_subsets():
    nothing = {"overinterpretation_rate": Measure(None, "share", 0, unavailable="none")}

    assert len(summary(measured=nothing)) == 2
