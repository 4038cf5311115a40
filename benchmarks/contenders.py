"""What is compared: anything that finds a verified subset of each image of a subject, for a number of passes."""

import math
from dataclasses import dataclass
from typing import Protocol

from modicum_sis import BatchedGradient, Search, find_subsets
from modicum_sis.search import FIXED_PASSES

from benchmarks.subjects import Subject

VERIFICATION = 1
"""Forward passes that verifying costs unless low bits interfere, which they hardly ever do."""
GRADIENT_COST = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """Kept pixels of one image's verified subset, and the pass-equivalents that they cost."""

    size: int
    passes: int


class Contender(Protocol):
    """A method with its setting. `budget` is set where it was chosen to cost that many passes, for comparisons."""

    @property
    def method(self) -> str: ...  # noqa: D102

    @property
    def setting(self) -> str: ...  # noqa: D102

    @property
    def budget(self) -> int | None: ...  # noqa: D102

    def outcomes(self, subject: Subject) -> list[Outcome]:
        """One an image, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Searched:
    """A search of `modicum_sis`, or one that fits its protocol."""

    method: str
    setting: str
    search: Search
    budget: int | None = None

    def outcomes(self, subject: Subject) -> list[Outcome]:
        """Run `find_subsets`; a search that found nothing smaller keeps the whole image."""
        findings = find_subsets(
            subject.classifier, subject.images, threshold=subject.source.threshold, search=self.search
        )
        return [
            Outcome(finding.subset.size if finding.subset else subject.pixels, finding.passes.equivalents)
            for finding in findings
        ]


def batched_gradient_for(budget: int, pixels: int) -> BatchedGradient:
    """batched_gradient with as few pixels a step as the budget in pass-equivalents allows."""
    steps = max(1, (budget - FIXED_PASSES - VERIFICATION) // GRADIENT_COST)
    return BatchedGradient(pixels_per_step=math.ceil(pixels / steps))
