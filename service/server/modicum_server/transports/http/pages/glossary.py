"""The words of the pages, for whoever has read no manual. `docs/method.md` defines them exactly."""

from dataclasses import dataclass
from typing import Final

from modicum.gate.outcomes import NONE_IN_ALL


@dataclass(frozen=True, slots=True)
class Word:
    """A word, and what it says in a sentence or two."""

    word: str
    meaning: str

    @property
    def id(self) -> str:
        """Of its element, so that other pages can lead to it."""
        return self.word.lower().replace(" ", "-").replace("_", "-")


MEASURING: Final = (
    Word("Audit", "One examination of one or more versions of models on the pictures of a data set."),
    Word("Canvas", "The grid of pixels on which a model sees a picture, after it was resized and cut."),
    Word("Confidence", "How sure the model is of a class: its softmax probability, from 0 to 1."),
    Word(
        "Threshold",
        "The confidence that makes a decision count as confident. Only pictures that reach it are searched (they are "
        "eligible). Pixels suffice if they reach it without the rest of the picture.",
    ),
    Word(
        "Subset",
        "The smallest set of pixels that the search found to be enough for the same class, with all others painted "
        "over. In full: sufficient input subset.",
    ),
    Word(
        "Fill",
        "What is painted over the pixels that a subset leaves out: usually the mean colour, or black, white, noise, "
        "a blurred copy, or another picture (marginal).",
    ),
    Word(
        "Pass",
        "One evaluation of a model on one picture. Cost is counted in passes. An evaluation with its gradient counts "
        "as three: one for the forward pass, and two for the backward pass.",
    ),
    Word(
        "Slot", "A place in a worker for one piece of work at a time. With more slots or workers, an audit ends sooner."
    ),
    Word(
        "Control",
        "A test that shows how much a subset proves, for example whether as many random pixels suffice, too.",
    ),
    Word(
        "Spot",
        "A small place in a picture that decides for a class. The spot test pastes such places into other pictures, "
        "and covers them in their own.",
    ),
    Word("Overinterpretation rate", "The share of searched pictures for which a small part of the pixels suffices."),
)
OUTCOMES: Final = (
    Word("SHORTCUT", "The model relies on something outside the object, or on the suspected cue."),
    Word("DECISIVE", "A spot turns other pictures into its class, and covering it loses the class."),
    Word(
        "SUFFICIENT",
        "A spot turns other pictures into its class; covering it was not shown to lose the class often enough.",
    ),
    Word(
        "ACCURACY_FALLS",
        "Without the suspected cue, the model is right less often. ACCURACY_HOLDS: it is right about as often.",
    ),
    Word("INCONCLUSIVE", "The pictures do not settle it. That is neither good nor bad; more of them may settle it."),
    Word(
        "NONE_FOUND", "No spot was found among the places that were tried. NONE_SEEN: the same for edge and background."
    ),
    Word(NONE_IN_ALL, "No spot was found in all pictures together, but no class had enough pictures for its own test."),
    Word(
        "MITIGATED",
        "An ensemble needs larger subsets than its members, and is about as often right. NOT_MITIGATED: its "
        "subsets are not larger.",
    ),
)
JUDGING: Final = (
    Word(
        "Policy",
        "The rules that a model must keep. Rules of level error decide; rules of level warn are only shown.",
    ),
    Word(
        "Verdict",
        "The result of judging an audit by a policy: PASS, FAIL or INCONCLUSIVE. An audit by itself has no verdict.",
    ),
    Word("Baseline", "An earlier audit with which rules compare a model, so that it does not become worse."),
    Word(
        "Blind review",
        "People look at subsets without the model's answer, and say what they see. CONFIRMED: they see the class in "
        "whole pictures, but not in subsets. SEEN: they see it in subsets, too.",
    ),
)
