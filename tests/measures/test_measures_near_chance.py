"""A summary begins with a doubt where the model is right no more often than guessing."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from modicum_server.domain.searches import TargetRule
from modicum_server.measures import near_chance

from tests.measures.example_audit import SEARCH


@dataclass
class Seen:
    """What the rule reads of an audit."""

    correct: np.ndarray
    labelled: np.ndarray
    eligible: np.ndarray
    predicted: np.ndarray
    level: float = 0.95
    search = replace(SEARCH, target_rule=TargetRule.RANDOM_OTHER)


def doubt(right, of=120, classes=10, *, eligible=True):
    correct = np.arange(of) < right
    every = np.full(of, fill_value=True)
    return near_chance.doubt(Seen(correct, every, every & eligible, np.zeros(of)), classes)


def test_labels_that_are_rotated_are_told_first():
    assert doubt(2) == [
        (
            "The model is right on 2 of 120 labelled images, no better than guessing. Check --input (size, mean, std, "
            "bounds) and the order of the names in --class-labels first; until then the figures below say little. "
            "On a terminal, modicum audit draws the first pictures as the model sees them."
        )
    ]


@pytest.mark.parametrize(
    "facts",
    [{"right": 12}, {"right": 100}, {"right": 0, "of": 3}, {"right": 2, "classes": 0}, {"right": 2, "eligible": False}],
)
def test_nothing_is_said_where_accuracy_may_be_better_or_chance_is_unknown(facts):
    assert doubt(**facts) == []
