"""The table of controls: what each one is to whoever plans it, runs it, counts its passes or reads its result.

A new control is a line here, beside the code that runs it. Must not run or measure anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from modicum_server.domain.pixel_subsets import FEWEST_PASSES as LEAST_DESCENT_PASSES
from modicum_server.domain.searches import LEAST_SEARCH_PASSES, Control, Fill, Search, TargetRule

LEAST_CLIMB_PASSES = 41
"""Least budget of fill_robust at the door: two steps of a climb and one verification by 32 donors. A test compares."""
FINDING_CLIMB_PASSES = 222
"""Budget below which fill_robust finds nothing beside a whole pool of donors, 32 of them verifying. A test compares."""
FILL_ROBUST_IMAGES = 64
"""Images of fill_robust by default: it searches once more, and its measures are medians."""
LEAST_SPOT_IMAGES = 30
"""Fewest images with a prediction for a spot test: with fewer, nothing can be concluded."""
SPOT_IMAGES = 1000
"""Images of the spot test by default: it copies places between images, and more would add little."""


class Images(StrEnum):
    """Which images a control runs on."""

    WITH_SUBSET = "with_subset"
    """Images with a subset that is evidence."""
    LABELLED = "labelled"
    """Labelled images, with or without a subset."""
    SCORED = "scored"
    """All images that could be scored, with or without a subset."""


@dataclass(frozen=True, slots=True)
class ControlFacts:
    """One control.

    Attributes:
        question: what it answers, as a reader would ask it.
        result: the field of `FindingControls` that holds its result; empty if its results are of no single image.
        variants: the variants that it scores, by name, in words.
        images: which images it runs on.
        by_default: whether it runs unless the caller names the controls.
        default_images: on how many images it runs by default; 0 is all.
        least_images: the fewest images that it can be asked to run on.
        default_passes: budget beside a search that has none in passes; 0 where it takes the search's own.
        least_passes: the least budget that it can be given; 0 where it has no search of its own.
        scoring_passes: forward passes on an image, where it has no search of its own.
        uses_donors: whether it draws pixels from other images.
        asks_others: whether other versions of the audit score the subsets.
        after_searches: whether it runs in a stage of its own, when all searches have ended.
        predicted_class_only: whether it runs only in searches for the predicted class.
    """

    question: str
    result: str = ""
    variants: Mapping[str, str] = field(default_factory=dict)
    images: Images = Images.WITH_SUBSET
    by_default: bool = True
    default_images: int = 0
    least_images: int = 1
    default_passes: int = 0
    least_passes: int = 0
    scoring_passes: int = 0
    uses_donors: bool = False
    asks_others: bool = False
    after_searches: bool = False
    predicted_class_only: bool = False

    @property
    def searches(self) -> bool:
        """Whether it has a search of its own."""
        return self.least_passes > 0


CONTROLS: Final[Mapping[Control, ControlFacts]] = {
    Control.CLASS_TARGETED: ControlFacts(
        "Could the same search argue for any class?",
        "class_targeted",
        least_passes=LEAST_SEARCH_PASSES,
        predicted_class_only=True,
    ),
    Control.FILL: ControlFacts(
        "Do the subsets suffice on another fill?", "fills", scoring_passes=len(Fill) - 1, uses_donors=True
    ),
    Control.FILL_ROBUST: ControlFacts(
        "How much is needed when other images are the fill?",
        "fill_robust",
        default_images=FILL_ROBUST_IMAGES,
        default_passes=600,
        least_passes=LEAST_CLIMB_PASSES,
        uses_donors=True,
        predicted_class_only=True,
    ),
    Control.DILATED: ControlFacts(
        "Do the subsets suffice beside their neighbouring pixels?",
        "variants",
        {"dilated": "neighbours added"},
        scoring_passes=1,
    ),
    Control.MASK_ONLY: ControlFacts(
        "Is the shape of the mask the evidence?",
        "variants",
        {"white_on_mean": "shape in white", "black_on_mean": "shape in black"},
        scoring_passes=2,
    ),
    Control.RANDOM: ControlFacts(
        "Would as many random pixels do?", "variants", {"random": "random pixels"}, scoring_passes=1
    ),
    Control.TRANSFER: ControlFacts(
        "Do the other versions see the class in the same pixels?", "transfers", asks_others=True, after_searches=True
    ),
    Control.SHORTCUT: ControlFacts(
        "Does the model need what lies at the edge or outside the objects?",
        "variants",
        {
            "ring_filled": "whole image, ring filled",
            "band_filled": "whole image, band filled",
            "outside_filled": "objects alone",
            "objects_filled": "objects filled",
        },
        images=Images.LABELLED,
        scoring_passes=2,
        predicted_class_only=True,
    ),
    Control.PIXEL_SUBSETS: ControlFacts(
        "Do few pixels keep the class of all images?",
        "pixel_subset",
        images=Images.SCORED,
        by_default=False,
        least_passes=LEAST_DESCENT_PASSES,
        predicted_class_only=True,
    ),
    Control.SPOT: ControlFacts(
        "Does a small spot decide?",
        images=Images.SCORED,
        default_images=SPOT_IMAGES,
        least_images=LEAST_SPOT_IMAGES,
        after_searches=True,
    ),
}

SEARCH_RESULTS: Final = tuple(facts.result for facts in CONTROLS.values() if facts.searches)
"""Fields of `FindingControls` whose results have the passes of a search of their own, and the subset that it found."""
EXTRA: Final = frozenset(control for control, facts in CONTROLS.items() if not facts.by_default)
"""Controls that run only where they are named. They turn no default off, and run beside one search of each version."""
ASKING_OTHERS: Final = frozenset(control for control, facts in CONTROLS.items() if facts.asks_others)
"""Controls that need two versions or more."""
AFTER_SEARCHES: Final = frozenset(control for control, facts in CONTROLS.items() if facts.after_searches)
"""Controls that run in no task of a search."""


def runs_in(search: Search, control: Control) -> bool:
    """Return whether a control runs in the tasks of a search that it is planned beside."""
    return search.target_rule is TargetRule.PREDICTED or not CONTROLS[control].predicted_class_only


def budget_of(control: Control, passes: int, search: Search) -> int:
    """Return the budget of a control beside a search; `passes` is that of its plan, 0 where it has none."""
    return passes or search.passes or CONTROLS[control].default_passes
