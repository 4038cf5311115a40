"""The order of a summary's classes: the first sentence is about the class that the outcome beside it is of."""

import pytest
from modicum.gate.outcomes import headline_of
from modicum.gate.spot_rule import SpotOutcome
from modicum_server.measures.summary import summary_of

from tests.measures.summary_facts import rate, row, spot_test

EVERYONE = row(None, "all classes together", SpotOutcome.NONE_FOUND, sources=300)
WHERE = "a spot of 10x10 pixels (4 from the top, 3 from the left)"
POOLED = row(None, "all", SpotOutcome.DECISIVE, followed=0.6)
CAT_FOLLOWS, DOG_FOLLOWS = (f"The decision for {label} follows {WHERE}" for label in ("cat", "dog"))
CAT_IS_ENOUGH, DOG_IS_ENOUGH = (f"The decision for {label} can be made by {WHERE}" for label in ("cat", "dog"))
OUTSIDE = ", as far as it lies outside the objects"


def cat(outcome, followed=0.6, **more):
    return row(3, "cat", outcome, followed=followed, **more)


def dog(outcome, followed=0.6, **more):
    return row(4, "dog", outcome, followed=followed, **more)


@pytest.mark.parametrize(
    ("rows", "first", "second"),
    [
        ([EVERYONE, cat(SpotOutcome.SUFFICIENT, 0.9), dog(SpotOutcome.DECISIVE)], DOG_FOLLOWS, CAT_IS_ENOUGH),
        ([EVERYONE, cat(SpotOutcome.DECISIVE, 0.5), dog(SpotOutcome.DECISIVE)], DOG_FOLLOWS, CAT_FOLLOWS),
        ([EVERYONE, cat(SpotOutcome.DECISIVE), dog(SpotOutcome.DECISIVE)], CAT_FOLLOWS, DOG_FOLLOWS),
        (
            [
                EVERYONE,
                *(
                    one(SpotOutcome.NONE_FOUND, followed, outside=SpotOutcome.SUFFICIENT)
                    for one, followed in ((cat, 0.5), (dog, 0.6))
                ),
            ],
            f"{DOG_IS_ENOUGH}{OUTSIDE}",
            f"{CAT_IS_ENOUGH}{OUTSIDE}",
        ),
        (
            [POOLED, cat(SpotOutcome.SUFFICIENT)],
            f"With all classes pooled, a decision follows {WHERE}",
            CAT_IS_ENOUGH,
        ),
    ],
    ids=["by outcome", "the surest", "alike", "shortcuts", "all classes where they alone decide"],
)
def test_the_class_that_the_outcome_is_of_is_told_first(rows, first, second):
    test = spot_test(*rows)

    sentences = summary_of(rate(90, 100), {}, test, spot_asked=True)

    assert headline_of({"spot": test.verdict}, sentences) == first
    assert sentences[1].startswith(f"{second}:")
