"""The rule of the counterfactual set, on losses that can be counted, and how often it is wrong."""

import numpy as np
import pytest
from modicum.gate.counterfactual_rule import (
    ALL,
    CLASS_LIMIT,
    HOLDS_LIMIT,
    LOSS_LIMIT,
    CounterfactualOutcome,
    judge_losses,
    judge_network,
)
from modicum_server.measures.comparisons import difference_of

FALLS, HOLDS, OPEN = (
    CounterfactualOutcome.ACCURACY_FALLS,
    CounterfactualOutcome.ACCURACY_HOLDS,
    CounterfactualOutcome.INCONCLUSIVE,
)


def told(values):
    """Losses as a document has them."""
    return {key: difference_of(one, empty="no pair").as_json() for key, one in values.items()}


def losses(pairs: int, *, lost: int = 0, gained: int = 0):
    """Losses of so many pairs."""
    values = np.zeros(pairs)
    values[:lost], values[pairs - gained :] = 1, -1
    return values


def together(**classes):
    """The losses of classes "c0", "c1" and so on, and of all pairs."""
    values = {int(name[1:]): one for name, one in classes.items()}
    return {ALL: np.concatenate([*values.values()]), **values}


def judged(*, accuracy: float = 0.9, **classes) -> tuple[CounterfactualOutcome, dict]:
    given = told(together(**classes))
    outcomes = judge_losses(given)
    return judge_network(outcomes, given, accuracy), outcomes


def test_one_class_in_ten_that_loses_its_accuracy_is_a_finding_although_the_whole_loses_little():
    whole, outcomes = judged(c0=losses(30, lost=25), **{f"c{place}": losses(30) for place in range(1, 10)})

    assert whole is FALLS
    assert {key for key, one in outcomes.items() if one is FALLS} == {0}


def test_a_small_loss_of_every_class_is_a_finding_of_the_whole_alone():
    whole, outcomes = judged(**{f"c{place}": losses(30, lost=5) for place in range(10)})

    assert whole is FALLS
    assert {key for key, one in outcomes.items() if one is FALLS} == {ALL}


def test_accuracy_holds_where_nearly_nothing_is_lost_overall_and_in_each_class():
    assert judged(**{f"c{place}": losses(30, lost=1, gained=1) for place in range(10)})[0] is HOLDS


@pytest.mark.parametrize(
    ("classes", "accuracy"),
    [
        pytest.param({"c0": losses(9, lost=9)}, 0.9, id="fewer than ten pairs, all of them lost"),
        pytest.param({"c0": losses(30)}, 0.9, id="no loss, but too few pairs to say so of the whole"),
        pytest.param({"c0": losses(300), "c1": losses(30, lost=5)}, 0.9, id="one class is open"),
        pytest.param({"c0": losses(300)}, 0.4, id="the originals are mostly wrong"),
        pytest.param({"c0": np.zeros(0)}, 0.0, id="no labels"),
    ],
)
def test_what_is_not_settled_is_inconclusive_and_never_a_pass(classes, accuracy):
    assert judged(accuracy=accuracy, **classes)[0] is OPEN


def test_a_class_of_few_pairs_does_not_keep_the_whole_open():
    whole, outcomes = judged(c0=losses(300), c1=losses(3, lost=1))

    assert (whole, outcomes[1]) == (HOLDS, OPEN)


def drawn(source: np.random.Generator, *, loss: float, back: float, pairs: int):
    """Losses of pairs of which a share `back` is gained, and `loss` more than that lost."""
    return source.choice([1.0, -1.0, 0.0], pairs, p=[loss + back, back, 1 - loss - 2 * back])


@pytest.mark.long_after(1)
@pytest.mark.parametrize("pairs", [10, 30, 100])
@pytest.mark.parametrize("back", [0.0, 0.03, 0.1])
def test_ten_classes_at_the_limit_are_called_fallen_seldom(pairs, back):
    source = np.random.default_rng(0)

    fallen = [
        judged(**{f"c{place}": drawn(source, loss=LOSS_LIMIT, back=back, pairs=pairs) for place in range(10)})[0]
        is FALLS
        for _ in range(400)
    ]

    # 5% is the level; 400 networks leave an interval of 2% on either side
    assert np.mean(fallen) <= 0.075


@pytest.mark.parametrize(("limit", "pairs"), [(HOLDS_LIMIT, 300), (CLASS_LIMIT, 30)])
def test_a_loss_at_the_limit_is_seldom_said_to_hold(limit, pairs):
    source = np.random.default_rng(1)
    key = ALL if limit == HOLDS_LIMIT else 0

    every = [told({key: drawn(source, loss=limit, back=0.03, pairs=pairs)}) for _ in range(400)]
    held = [judge_losses(one)[key] is HOLDS for one in every]

    assert np.mean(held) <= 0.075
