"""What is compared: anything that finds a verified subset of each image for a number of passes."""

import math
from dataclasses import dataclass
from typing import Protocol

from modicum_sis import BatchedGradient, Search, find_subsets
from modicum_sis.scoring.score_requests import GRADIENT_COST
from modicum_sis.searches.protocol import FIXED_PASSES

from benchmarks.subjects import Subject

OURS, GRADIENT = "mask_optimization", "batched_gradient"
"""Methods that the page compares with others by name."""
PAPER = "as the paper"
"""How a setting ends that is the paper's own."""
VERIFICATION = 1
"""Forward passes that verifying costs unless low bits interfere, which they hardly ever do."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The pixels kept in one image's verified subset, and the pass-equivalents that they cost."""

    size: int
    passes: int


class Contender(Protocol):
    """A method and its setting. `budget` is set if the setting was chosen to cost that many passes, for comparisons."""

    @property
    def method(self) -> str: ...  # noqa: D102

    @property
    def setting(self) -> str: ...  # noqa: D102

    @property
    def budget(self) -> int | None: ...  # noqa: D102

    def outcomes(self, subject: Subject) -> list[Outcome]:
        """Outcomes, one per image, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Searched:
    """A search of `modicum_sis`, or one with its protocol."""

    method: str
    setting: str
    search: Search
    budget: int | None = None

    def outcomes(self, subject: Subject) -> list[Outcome]:
        """Run `find_subsets`. A search that found nothing smaller keeps the whole image."""
        findings = find_subsets(
            subject.classifier, subject.images, threshold=subject.source.threshold, search=self.search
        )
        return [
            Outcome(finding.subset.size if finding.subset else subject.pixels, finding.passes.equivalents)
            for finding in findings
        ]


def batched_gradient_for(budget: int, pixels: int) -> BatchedGradient:
    """batched_gradient with the pixels per step whose pass-equivalents are closest to the budget."""
    around = GRADIENT_COST * pixels / (budget - FIXED_PASSES - VERIFICATION)

    def distance(per_step: int) -> int:
        return abs(FIXED_PASSES + GRADIENT_COST * math.ceil(pixels / per_step) + VERIFICATION - budget)

    return BatchedGradient(pixels_per_step=min(max(1, math.floor(around)), math.ceil(around), key=distance))
