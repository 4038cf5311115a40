"""The interface between a search and the run that uses it. A new search is one new file.

A search proposes masks; only verification decides. See docs/method.md, "The searches".
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

from modicum_sis.findings import Narrowing, Trace
from modicum_sis.model.classifier import Canvas
from modicum_sis.scoring.mask_scorer import MaskScorer

FIXED_PASSES = 2
"""Forward passes that every searched image costs before its search: the whole image and the bare fill."""
VERIFICATIONS = 2
"""Forward passes that a search with a budget reserves: for the smallest mask, and for one with a safe margin."""


@dataclass(frozen=True, slots=True, eq=False)
class AdmittedImage:
    """An image that needs a search, placed in a row of the scorer. It is not baseline-confident.

    Attributes:
        row: its row in the scorer, until its proposal is taken.
        whole_margin: of a plain pass over the whole image.
        baseline_margin: of a plain pass over the bare fill.
        digest: the image's name, from which its random numbers are drawn.
        spent: pass-equivalents spent so far: `FIXED_PASSES`, or more if an earlier run is resumed.
        start: (H, W), the verified subset of the earlier run, if it is smaller than the image; otherwise None. The
            finding will never be larger than it.
        start_margin: of the masked image under `start`.
    """

    row: int
    whole_margin: float
    baseline_margin: float
    digest: str
    spent: int = FIXED_PASSES
    start: Tensor | None = None
    start_margin: float = float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class SearchTask:
    """The images that wait for a search, and the rows in which they are searched.

    Attributes:
        scorer: scores masks over the images in its rows. Its meter says when to stop.
        threshold: the confidence to keep. It is a little above the run's if the passes of a search are inexact.
        seed: with an image's digest, the source of random numbers.
        admit: admits up to the given number of waiting images; None means as many as rows are free. It returns fewer,
            or none, if no row is free, no image waits, the run was stopped, or the images in work are too far ahead of
            an earlier one.
    """

    scorer: MaskScorer
    threshold: float
    seed: int
    admit: Callable[[int | None], list[AdmittedImage]]


@dataclass(frozen=True, slots=True)
class Proposal:
    """The result of a search for one image, before verification.

    Attributes:
        masks: (H, W) masks that are believed sufficient, the best first. They are verified in turn until one passes.
        trace: see `Finding.trace`.
        stopped: whether the search was stopped before its end.
        narrowing: masks on the way; None if the trace has them, or nothing has.
    """

    masks: Iterator[Tensor]
    trace: Trace | None
    stopped: bool = False
    narrowing: Narrowing | None = None


class Search(Protocol):
    """A way to search for sufficient subsets: a frozen dataclass of its parameters.

    A search that follows gradients has a class attribute `needs_gradient = True`. It then never runs on a module
    without a useful gradient, because it would propose meaningless masks there. If it also has a method
    `without_gradient`, the search that this method returns runs instead, and the findings' parameters say so.
    """

    def planned_passes(self, canvas: Canvas) -> int:
        """The most pass-equivalents that one image on this canvas may cost, verification included."""
        ...

    def propose(self, task: SearchTask) -> Iterator[tuple[int, Proposal]]:
        """Yield a row and its proposal when an image is done. End when no image is in work and none was admitted.

        The row is free for another image as soon as the next proposal is requested. To write a search for one image at
        a time, use `modicum_sis.propose_each`.
        """
        ...


@runtime_checkable
class FallsBack(Protocol):
    """A search by gradients that names a search to run without them."""

    def without_gradient(self) -> Search:
        """The search for modules without a useful gradient, with the same budget."""
        ...
