"""What an audit found in one word and the beginning of a sentence, for lists. Must not decide what was found."""

import re
from collections.abc import Iterable, Mapping

#: The controls whose outcome is about the model as a whole, in words.
DECIDING: Mapping[str, str] = {
    "spot": "the spot test",
    "counterfactual": "the counterfactual set",
    "shortcut": "the test of edge and background",
}
#: What they can say, the worst first. What is open comes before what was not found.
WORST_FIRST = (
    "SHORTCUT",
    "ACCURACY_FALLS",
    "DECISIVE",
    "SUFFICIENT",
    "INCONCLUSIVE",
    "NONE_FOUND",
    "ACCURACY_HOLDS",
    "NONE_SEEN",
    "CLEAR",
)
#: What the spot test says of a class that it found a spot for.
WITH_A_SPOT = frozenset({"SHORTCUT", "DECISIVE", "SUFFICIENT"})
#: What ends the beginning of a sentence: what follows are figures.
BEGINNING = re.compile(r"[.:] ")


def badness(outcome: str) -> int:
    """The place of an outcome; one that this release does not know counts as open."""
    return WORST_FIRST.index(outcome if outcome in WORST_FIRST else "INCONCLUSIVE")


def worst(outcomes: Iterable[str]) -> str:
    """The worst of outcomes; empty where there is none."""
    return min(outcomes, key=badness, default="")


def beginning(sentence: str) -> str:
    """What a sentence says before its figures, without a full stop."""
    return BEGINNING.split(sentence, maxsplit=1)[0].rstrip(".")
