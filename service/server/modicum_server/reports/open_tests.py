"""What the tests of a first screen leave open where no spot was found, and what would settle it. Judges nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modicum.gate.class_rules import DROP, EXCESS, SMALLEST_SIDE
from modicum.gate.counterfactual_rule import CounterfactualOutcome

from modicum_server.measures.measure import Measured
from modicum_server.measures.shortcut import OUTSIDE, reacting_classes
from modicum_server.measures.shortcut_words import class_losses_text, place_text

EDGE_IS_CLEAR = frozenset({"NONE_SEEN", "CLEAR"})
"""Outcomes of the test of edge and background that leave nothing open. CLEAR is that of older results."""
NO_EDGE = "The edge and the background were not tested."
ASK_FOR_EDGE = (
    "To test the edge and the background, add the control “shortcut” and use labelled images of at least "
    f"{SMALLEST_SIDE} by {SMALLEST_SIDE} pixels."
)
MORE_FOR_EDGE = "For the edge and the background, audit more labelled images."
NO_PAIRS = "No counterfactual set was given, so a texture or a colour cast was not tested."
ASK_FOR_PAIRS = (
    "For a texture or a colour cast, audit with a counterfactual set: the same pictures without what you suspect."
)
OPEN_PAIRS = "The counterfactual set does not settle whether accuracy falls."
MORE_PAIRS = "For the counterfactual set, give more labelled pairs."
NOTHING_FOUND = "These tests found nothing to mend."

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OpenTests:
    """What is open, a sentence for each test, and for each the step that would test it."""

    said: tuple[str, ...]
    steps: tuple[str, ...]

    @property
    def next_step(self) -> str:
        """What would test the rest; where nothing is open, that nothing was found."""
        return " ".join(self.steps) or NOTHING_FOUND


def open_tests(edge: Entry | None, measured: Measured, pairs: Entry | None) -> OpenTests:
    """Return what the tests beside the spot test leave open.

    Args:
        edge: the reading of the test of edge and background; None where it did not run.
        measured: what was measured of the version, with its losses by class where that test ran.
        pairs: what the document has of its counterfactual set; None without one.
    """
    found = [one for one in (_of_edge(edge, measured), _of_pairs(pairs)) if one is not None]
    return OpenTests(tuple(said for said, _ in found), tuple(step for _, step in found))


def _of_edge(edge: Entry | None, measured: Measured) -> tuple[str, str] | None:
    if edge is None:
        return NO_EDGE, ASK_FOR_EDGE
    if edge["outcome"] in EDGE_IS_CLEAR:
        return None
    why = (edge.get("conclusion") or edge["text"]).rstrip(".")
    return f"The test of edge and background is open: {why}.{_losses(measured)}", MORE_FOR_EDGE


def _losses(measured: Measured) -> str:
    """The classes that clearly lose accuracy, with a space before it; empty where none does."""
    if DROP not in measured or EXCESS not in measured:
        return ""
    classes = reacting_classes(measured)
    if not classes:
        return ""
    outside = measured[DROP].parameters["region"] == OUTSIDE
    return f" Filling {place_text(outside=outside)} costs {class_losses_text(classes, outside=outside)}."


def _of_pairs(pairs: Entry | None) -> tuple[str, str] | None:
    if pairs is None:
        return NO_PAIRS, ASK_FOR_PAIRS
    return None if pairs["outcome"] == CounterfactualOutcome.ACCURACY_HOLDS else (OPEN_PAIRS, MORE_PAIRS)
