"""The summary of a version: what it says in which situation."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest
from modicum.gate.counterfactual_rule import CounterfactualOutcome
from modicum.gate.spot_rule import SpotOutcome
from modicum_server.domain.spots import SpotKind, SpotOutcomes, SpotPlace
from modicum_server.measures import counterfactuals
from modicum_server.measures.counterfactual_pairs import CounterfactualTest
from modicum_server.measures.judged_spots import JudgedRow, SpotTest
from modicum_server.measures.measure import Measure
from modicum_server.measures.summary import (
    EDGE_STEP,
    LOSS_STEP,
    NEXT_STEP,
    OUTSIDE_STEP,
    SHORTCUT_STEP,
    WITHOUT_A_PLACE,
    summary_of,
    summary_without_search,
)

from tests.measures.sentences import crowded
from tests.measures.summary_facts import RIVAL, drop, earning, failed, paired, rate, row, spot_test

CAT_FALLS = (
    "Accuracy falls from 95% to 3.0% on class cat when the picture is replaced by its counterfactual: a loss of 92 "
    "percentage points over 100 pairs."
)
CAT_LOST = paired(CounterfactualOutcome.ACCURACY_FALLS, after=3)
CAT_IS_LOST = f"The counterfactual set shows a loss for cat, so this is called a shortcut. {LOSS_STEP}"
ALL_ARE_LOST = f"The counterfactual set shows a loss over all pairs, so this is called a shortcut. {LOSS_STEP}"
UNSETTLED = (
    "These 100 pairs do not settle whether accuracy falls when the picture is replaced by its counterfactual: it goes "
    "from 95% to 85%."
)
NEITHER = (
    "Not tested: whether a small spot decides (the control was not asked for) and what the counterfactual set leaves "
    "unchanged."
)
UNCHANGED = "Not tested: what the counterfactual set leaves unchanged."
EVERYONE = row(None, "all classes together", SpotOutcome.NONE_FOUND, sources=300)
CAT = row(3, "cat", SpotOutcome.DECISIVE, followed=0.6)
WHERE = "a spot of 10x10 pixels (4 from the top, 3 from the left)"
BRINGS = (
    "copied, it makes 60% of 30 other pictures cat, and a random spot of its size 0% of them. The difference is 60 "
    "percentage points (95% interval 40 to 79) over 30 pictures that were copied from."
)
COVERED = (
    "When it is covered, 60% of the pictures lose cat (0% with a random spot of its size): a difference of 60 "
    "percentage points (95% interval 40 to 79) over 30 pictures."
)
CAT_FOLLOWS = f"The decision for cat follows {WHERE}: {BRINGS} {COVERED}"
OUTSIDE_IS_ENOUGH = f"The decision for cat can be made by {WHERE}, as far as it lies outside the objects: {BRINGS}"
INSIDE = (
    "It lies inside the objects: 90% of the smaller one lies in the other (95% interval 81% to 91%), over 30 "
    "pictures whose objects are known."
)
SUFFICE = "the search found that 5% of the pixels or fewer suffice, with the rest filled in."
MORE = "A stronger search may find more."
MANY = f"For 90% of 100 searched images (95% interval 83% to 94%), {SUFFICE} {MORE}"
FEW = f"For 5 of 6 searched images, {SUFFICE} {MORE}"
NONE_BRINGS = (
    "Pasted onto other pictures, no tested spot turns 20 percentage points more of them into its class than a random "
    "spot of its size does (with 95% confidence for each spot, one-sided)."
)
ANY = (
    f"For 90% of 100 searched images (95% interval 83% to 94%), {SUFFICE} Such subsets exist "
    "for other classes as well, which says more about what masks can do than about what this model learned."
)
OTHERS = "other backgrounds and cues without a place."
NOT_TESTED = f"Not tested: {OTHERS}"
NOT_ASKED = f"Not tested: whether a small spot decides (the control was not asked for), {OTHERS}"


ALL_FOLLOW = (
    CAT_FOLLOWS.replace("The decision for cat", "With all classes pooled, a decision")
    .replace("pictures cat", "pictures the class that it came from")
    .replace("lose cat", "lose their class")
)
TWO_PLACES = CAT_FOLLOWS.replace(
    f"{WHERE}: copied", f"{WHERE} or, for the other half of the pictures, {WHERE.replace('4', '20')}: copied"
).replace("copied from.", "copied from. By itself the first makes 100% of 15 of them, and the second 20% of 15.")
RING_FOLLOWS = CAT_FOLLOWS.replace(WHERE, "the ring of 2 pixels at the edge").replace(
    "a random spot of its size", "a band of about its area nearer the middle"
)


def two_places() -> JudgedRow:
    """Cats of which each half chose another place: the first brings all of 15 pictures, the second 3 of 15."""
    halves = [
        replace(
            CAT.row.trials[0], half=half, place=replace(RIVAL, top=top), **dict.fromkeys(("pasted", "covered"), one)
        )
        for half, top, one in ((0, 4, outcomes_of(range(15), 15)), (1, 20, outcomes_of(range(15, 30), 3)))
    ]
    tested = replace(CAT.row, trials=tuple(halves))
    return replace(CAT, row=tested, places=earning(CAT.outcome, tested), outside=())


def outcomes_of(sources, followed) -> SpotOutcomes:
    here = tuple(place < followed for place in range(len(sources)))
    zeros = (0,) * len(sources)
    return SpotOutcomes(tuple(sources), tuple(sources)[::-1], here, (False,) * len(sources), zeros, zeros)


def ring() -> JudgedRow:
    tested = replace(CAT.row, trials=(replace(CAT.row.trials[0], place=SpotPlace(SpotKind.RING, 2, 2)),))
    return replace(CAT, row=tested, places=earning(CAT.outcome, tested), outside=())


@dataclass(frozen=True)
class Situation:
    """What was measured, and what the summary says of it."""

    says: tuple[str, ...]
    test: SpotTest | None = None
    outcomes: Mapping[str, str] = field(default_factory=dict)
    measured: Mapping[str, Measure] = field(default_factory=lambda: rate(90, 100))
    asked: bool = True
    counterfactual: CounterfactualTest | None = None


RING_COSTS = (
    "Filling the ring at the edge with the mean costs 40 percentage points of accuracy (95% interval 30 to 50). "
    "Filling a band of about its area further in costs 4.0, and the difference is 36 percentage points (95% interval "
    f"30 to 50). The model needs {EDGE_STEP}"
)
SURROUNDINGS_COST = (
    "Filling everything outside the objects with the mean costs 40 percentage points of accuracy (95% interval 30 to "
    "50). Filling the objects costs 4.0, and the difference is 36 percentage points (95% interval 30 to 50). "
    f"The model needs {OUTSIDE_STEP}"
)
TOO_FEW = f"Not tested: whether a small spot decides (this needs at least 30 images of two predicted classes), {OTHERS}"
FEW_FOLLOW = (
    f"The decision for cat can be made by {WHERE}: copied, it makes 8 of 9 other pictures cat, and a random spot of "
    "its size 0 of them. The difference is 89 percentage points (95% interval 50 to 100) over 9 pictures that were "
    "copied from."
)


TAKES_45 = "About 45 images of a class would settle that no spot decides, if they are like these."
SITUATIONS = {
    "an audit without the spot test opens with its subsets": Situation((MANY, NOT_ASKED), asked=False),
    "few images are counted": Situation((FEW, NOT_ASKED), measured=rate(5, 6), asked=False),
    "all of few images are counted": Situation(
        (f"For 6 of 6 searched images, {SUFFICE}", NOT_ASKED), measured=rate(6, 6), asked=False
    ),
    "no image was searched": Situation(
        ("Nothing is known about small subsets: no image is eligible.", NOT_ASKED), measured=rate(0, 0), asked=False
    ),
    "subsets of any class": Situation((ANY, NOT_ASKED), outcomes={"class_targeted": "ANY_CLASS"}, asked=False),
    "a shortcut comes before the subsets": Situation(
        (
            RING_COSTS,
            MANY,
            NOT_ASKED,
        ),
        outcomes={"shortcut": "SHORTCUT"},
        measured={**rate(90, 100), **drop("ring")},
        asked=False,
    ),
    "a shortcut comes before that no spot was found": Situation(
        (
            RING_COSTS,
            "No spot that decides was found in all classes together, over 300 images.",
            NONE_BRINGS,
            MANY,
            NOT_TESTED,
        ),
        spot_test(EVERYONE),
        outcomes={"shortcut": "SHORTCUT"},
        measured={**rate(90, 100), **drop("ring")},
    ),
    "a shortcut outside the objects is compared with the objects": Situation(
        (SURROUNDINGS_COST, MANY, NOT_ASKED),
        outcomes={"shortcut": "SHORTCUT"},
        measured={**rate(90, 100), **drop("outside the objects")},
        asked=False,
    ),
    "too few images for the spot test that was asked for": Situation(
        (
            MANY,
            TOO_FEW,
        ),
    ),
    "a class that follows a spot comes first, with what to do next": Situation(
        (CAT_FOLLOWS, NEXT_STEP, MANY, NOT_TESTED), spot_test(EVERYONE, CAT)
    ),
    "a spot of few images is counted": Situation(
        (
            FEW_FOLLOW,
            NEXT_STEP,
            MANY,
            NOT_TESTED,
        ),
        spot_test(EVERYONE, row(3, "cat", SpotOutcome.SUFFICIENT, followed=0.9, sources=9)),
    ),
    "a spot on the objects is said to be inside": Situation(
        (
            f"{CAT_FOLLOWS} {INSIDE}",
            NEXT_STEP,
            MANY,
            NOT_TESTED,
        ),
        spot_test(EVERYONE, row(3, "cat", SpotOutcome.DECISIVE, followed=0.6, share=0.9)),
    ),
    "what decides outside the objects is a shortcut and needs no person": Situation(
        (OUTSIDE_IS_ENOUGH, SHORTCUT_STEP, MANY, NOT_TESTED),
        spot_test(
            EVERYONE, row(3, "cat", SpotOutcome.DECISIVE, followed=0.6, share=0.3, outside=SpotOutcome.SUFFICIENT)
        ),
    ),
    "a shortcut comes before what a person must judge": Situation(
        (
            OUTSIDE_IS_ENOUGH.replace("cat", "dog"),
            SHORTCUT_STEP,
            CAT_FOLLOWS,
            NEXT_STEP,
            MANY,
            NOT_TESTED,
        ),
        spot_test(EVERYONE, CAT, row(4, "dog", SpotOutcome.NONE_FOUND, followed=0.6, outside=SpotOutcome.SUFFICIENT)),
    ),
    "nothing found names what was looked through": Situation(
        ("No spot that decides was found in 10 classes, over 300 images.", NONE_BRINGS, MANY, NOT_TESTED),
        spot_test(EVERYONE, *(row(place, f"class {place}", SpotOutcome.NONE_FOUND) for place in range(10))),
    ),
    "nothing found in all classes together": Situation(
        (
            "No spot that decides was found in all classes together, over 300 images.",
            NONE_BRINGS,
            MANY,
            NOT_TESTED,
        ),
        spot_test(EVERYONE),
    ),
    "classes with too few images are not tested": Situation(
        (
            "No spot that decides was found in all classes together, over 300 images.",
            NONE_BRINGS,
            MANY,
            f"Not tested: whether a small spot decides for 9 classes (fewer than 8 images each), {OTHERS}",
        ),
        replace(spot_test(EVERYONE), untested=9),
    ),
    "the other classes are told of beside what was found": Situation(
        (
            CAT_FOLLOWS,
            NEXT_STEP,
            "No spot was found for 1 other class; the test is inconclusive for deer.",
            MANY,
            NOT_TESTED,
        ),
        spot_test(
            EVERYONE, CAT, row(4, "dog", SpotOutcome.NONE_FOUND), row(5, "deer", SpotOutcome.INCONCLUSIVE, needed=45)
        ),
    ),
    "what is not settled says how many images would": Situation(
        ("These 300 images do not settle whether a spot decides for cat.", TAKES_45, MANY, NOT_TESTED),
        spot_test(EVERYONE, row(3, "cat", SpotOutcome.INCONCLUSIVE, needed=45)),
    ),
    "what such images may find first is said beside how many would settle it": Situation(
        (
            "These 300 images do not settle whether a spot decides for cat and dog.",
            f"{TAKES_45} For dog, more images may instead show that a spot decides.",
            MANY,
            NOT_TESTED,
        ),
        spot_test(
            EVERYONE,
            row(3, "cat", SpotOutcome.INCONCLUSIVE, needed=45, followed=0.1),
            row(4, "dog", SpotOutcome.INCONCLUSIVE, needed=40, followed=0.15),
        ),
    ),
    "a class of which no number of such images would settle it is named": Situation(
        (
            "These 300 images do not settle whether a spot decides for cat and dog.",
            f"{TAKES_45} For dog, more images like these would not show that no spot decides.",
            MANY,
            NOT_TESTED,
        ),
        spot_test(
            EVERYONE,
            row(3, "cat", SpotOutcome.INCONCLUSIVE, needed=45),
            row(4, "dog", SpotOutcome.INCONCLUSIVE, needed=None),
        ),
    ),
    "a spot that is called a shortcut comes before the loss that it was called so for": Situation(
        (CAT_FOLLOWS, CAT_IS_LOST, CAT_FALLS, counterfactuals.NEXT_STEP, MANY, UNCHANGED),
        spot_test(EVERYONE, replace(CAT, lost=CAT_LOST.measures)),
        counterfactual=CAT_LOST,
    ),
    "a spot of a class that the counterfactual set does not lose is left to a person": Situation(
        (CAT_FALLS, counterfactuals.NEXT_STEP, CAT_FOLLOWS.replace("cat", "dog"), NEXT_STEP, MANY, UNCHANGED),
        spot_test(EVERYONE, row(4, "dog", SpotOutcome.DECISIVE, followed=0.6)),
        counterfactual=CAT_LOST,
    ),
    "a spot of all classes together is called a shortcut where accuracy falls over all pairs": Situation(
        (ALL_FOLLOW, ALL_ARE_LOST, CAT_FALLS, counterfactuals.NEXT_STEP, MANY, UNCHANGED),
        spot_test(replace(row(None, "all", SpotOutcome.DECISIVE, followed=0.6), lost=CAT_LOST.measures)),
        counterfactual=CAT_LOST,
    ),
    "a loss without a spot is no shortcut": Situation(
        (
            CAT_FALLS,
            counterfactuals.NEXT_STEP,
            "No spot that decides was found in 1 class, over 300 images.",
            NONE_BRINGS,
            MANY,
            UNCHANGED,
        ),
        spot_test(EVERYONE, replace(row(3, "cat", SpotOutcome.NONE_FOUND), lost=CAT_LOST.measures)),
        counterfactual=CAT_LOST,
    ),
    "objects say more than the counterfactual set": Situation(
        (OUTSIDE_IS_ENOUGH, SHORTCUT_STEP, CAT_FALLS, counterfactuals.NEXT_STEP, MANY, UNCHANGED),
        spot_test(
            EVERYONE,
            replace(
                row(3, "cat", SpotOutcome.DECISIVE, followed=0.6, share=0.3, outside=SpotOutcome.SUFFICIENT),
                lost=CAT_LOST.measures,
            ),
        ),
        counterfactual=CAT_LOST,
    ),
    "a place that each half chose for itself has figures of its own": Situation(
        (TWO_PLACES, NEXT_STEP, MANY, NOT_TESTED), spot_test(EVERYONE, two_places())
    ),
    "a ring is compared with a band": Situation(
        (RING_FOLLOWS, NEXT_STEP, MANY, NOT_TESTED), spot_test(EVERYONE, ring())
    ),
    "accuracy that holds on a counterfactual set comes after the spots": Situation(
        (
            "No spot that decides was found in all classes together, over 300 images.",
            NONE_BRINGS,
            "Accuracy holds when the picture is replaced by its counterfactual: it goes from 95% to 94%.",
            MANY,
            UNCHANGED,
        ),
        spot_test(EVERYONE),
        counterfactual=paired(CounterfactualOutcome.ACCURACY_HOLDS, after=94),
    ),
    "pairs that settle nothing say so": Situation(
        (
            UNSETTLED,
            MANY,
            NEITHER,
        ),
        asked=False,
        counterfactual=paired(CounterfactualOutcome.INCONCLUSIVE, after=85),
    ),
    "rows that failed are not tested, and the others are said": Situation(
        (
            "No spot that decides was found in 1 class, over 300 images.",
            NONE_BRINGS,
            MANY,
            f"Not tested: whether a small spot decides for dog (the model's process failed), {OTHERS}",
        ),
        spot_test(EVERYONE, row(3, "cat", SpotOutcome.NONE_FOUND), failed(4, "dog")),
    ),
    "a spot test that failed as a whole is not tested": Situation(
        (MANY, f"Not tested: whether a small spot decides (the model's process failed), {OTHERS}"),
        spot_test(failed(None, "all classes together"), failed(4, "dog")),
    ),
}


@pytest.mark.parametrize("name", SITUATIONS)
def test_the_summary_says_what_its_situation_is(name):
    situation = SITUATIONS[name]

    said = summary_of(
        situation.measured,
        situation.outcomes,
        situation.test,
        situation.counterfactual,
        spot_asked=situation.asked,
    )

    assert tuple(said) == (*situation.says, WITHOUT_A_PLACE)
    assert [one for text in said for one in crowded(text)] == []


def test_more_classes_than_fit_are_counted():
    found = [row(place, f"class {place}", SpotOutcome.SUFFICIENT, followed=0.6) for place in range(5)]

    sentences = summary_of(rate(90, 100), {}, spot_test(EVERYONE, *found), spot_asked=True)

    assert sentences[3:5] == ["A spot was found for 2 further classes, too.", NEXT_STEP]


def test_a_search_for_other_classes_alone_says_what_it_does_not_tell():
    fallen = paired(CounterfactualOutcome.ACCURACY_FALLS, after=3)

    assert summary_without_search(None)[-1] == WITHOUT_A_PLACE
    assert summary_without_search(fallen)[0].startswith("Accuracy falls from 95% to 3.0% on class cat")
