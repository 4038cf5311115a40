"""What an audit found in one word and the beginning of a sentence, for lists. Must not decide what was found."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from modicum.gate.counting import counted

#: The controls whose outcome is about the model as a whole, in words.
DECIDING: Mapping[str, str] = {
    "spot": "the spot test",
    "counterfactual": "the counterfactual set",
    "shortcut": "the test of edge and background",
}
#: Stands where no spot was found in all classes together, and no class was tested by itself. No result has it.
NONE_IN_ALL = "NONE_FOUND_WITH_CLASSES_POOLED"
NO_CLASS_TESTED = "No small spot was found, but no class was tested by itself."
EDGE_FALLS = "Accuracy falls when the edge or the background is covered."
#: What they can say, the worst first. What is open comes before what was not found.
WORST_FIRST = (
    "SHORTCUT",
    "ACCURACY_FALLS",
    "DECISIVE",
    "SUFFICIENT",
    "INCONCLUSIVE",
    NONE_IN_ALL,
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


def spot_rows(document: Mapping[str, Any], version: str) -> list[Mapping[str, Any]]:
    """The rows of the spot test of a version in a result document; none where it did not run."""
    return [row for test in document.get("spots", ()) if test["model_version"] == version for row in test["rows"]]


def spot_outcome(outcome: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """The outcome of a spot test as it is shown: one that found nothing says whether a class was tested by itself."""
    tested = [row for row in rows if row.get("reason") is None]
    pooled = bool(tested) and all(row["target_class"] is None for row in tested)
    return NONE_IN_ALL if outcome == "NONE_FOUND" and pooled else outcome


def shown_outcomes(found: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The outcomes of the controls that decide, by control, as they are shown; `rows` are those of the spot test."""
    told = {control: found[control] for control in DECIDING if found.get(control)}
    return {control: spot_outcome(one, rows) if control == "spot" else one for control, one in told.items()}


def headline_of(outcomes: Mapping[str, str], summary: Sequence[str]) -> str:
    """The beginning of a sentence about the test that has the worst outcome, without a full stop.

    The summary begins with the worst outcome of the spot test or the counterfactual set. A worse one of another test
    has a sentence of its own.
    """
    outcome = worst(outcomes.values())
    control = next((control for control, one in outcomes.items() if one == outcome), "spot")
    if outcome == NONE_IN_ALL:
        return beginning(NO_CLASS_TESTED)
    if control == "shortcut" and outcomes.get("spot") in WITH_A_SPOT:
        return beginning(EDGE_FALLS)
    if control != "spot" and outcome == "INCONCLUSIVE":
        return f"{DECIDING[control].capitalize()} is open"
    return beginning(next(iter(summary), ""))


def not_eligible(counts: Mapping[str, int]) -> int:
    """The images whose confidence is below the threshold. Older documents do not count them by themselves."""
    return counts.get("not_eligible", counts["images"] - counts["eligible"] - counts["failed"])


def unsearched(too_few: int, images: int) -> str:
    """Says how many images could not be searched for want of confidence, where that is most of them; else empty."""
    verb = "was" if too_few == 1 else "were"
    said = f"{too_few:,} of {counted(images, 'image')} {verb} not confident enough to be searched"
    return said if 2 * too_few > images else ""


def beginning(sentence: str) -> str:
    """What a sentence says before its figures, without a full stop."""
    return BEGINNING.split(sentence, maxsplit=1)[0].rstrip(".")
