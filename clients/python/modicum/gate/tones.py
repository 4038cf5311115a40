"""The palette of outcomes: a tone and a shape for each, so that none is told by its colour alone. Judges nothing.

The style sheet of reports and pages gives each tone a colour with a contrast of at least 4.5 to 1 in light and dark;
`modicum.notebooks` has its own. An outcome that is not listed here is shown like one that is open.
"""

from dataclasses import dataclass
from enum import StrEnum

from modicum.gate.outcomes import NONE_IN_ALL

NOT_TESTED = "NOT_TESTED"
"""Stands where a test did not run. No result has this outcome."""


class Tone(StrEnum):
    """What an outcome means for the reader. The value is the class in the style sheet."""

    BAD = "bad"
    LOOK = "look"
    GOOD = "good"
    OPEN = "open"


SHAPES = {Tone.BAD: "◆", Tone.LOOK: "▲", Tone.GOOD: "●", Tone.OPEN: "○"}
ONE_SIDED_SHAPES = {"SUFFICIENT": "△"}
"""A place that is enough, but was not seen to be needed, has the outline of the shape of one that decides."""

TONES = {
    Tone.BAD: ("SHORTCUT", "ACCURACY_FALLS", "NOT_MITIGATED", "FAIL"),
    Tone.LOOK: (
        "DECISIVE",
        "SUFFICIENT",
        "ANY_CLASS",
        "ANY_PIXELS",
        "DEPENDS_ON_FILL",
        "DESTROYED",
        "WEAKENED",
        "SHAPE",
        "THE_FILL",
        "FEW_PIXELS",
        "QUIRK",
        "MIXED",
        "WAIVED",
        "CONFIRMED",
    ),
    Tone.GOOD: (
        "NONE_FOUND",
        "NONE_SEEN",
        "CLEAR",
        "ACCURACY_HOLDS",
        "MITIGATED",
        "PASS",
        "THIS_CLASS",
        "SURVIVES",
        "NOT_THE_SHAPE",
        "THESE_PIXELS",
        "MORE_PIXELS",
        "PATTERN",
        "SEEN",
    ),
    Tone.OPEN: ("INCONCLUSIVE", NOT_TESTED, NONE_IN_ALL),
}
_TONE_OF = {outcome: tone for tone, outcomes in TONES.items() for outcome in outcomes}


@dataclass(frozen=True, slots=True)
class Tag:
    """An outcome as it is shown."""

    text: str
    tone: Tone
    shape: str


def tag_of(outcome: str) -> Tag:
    """Return how an outcome is shown."""
    tone = _TONE_OF.get(outcome, Tone.OPEN)
    return Tag(outcome.replace("_", " ").lower(), tone, ONE_SIDED_SHAPES.get(outcome, SHAPES[tone]))
