"""The boundary between a search and what runs it: images come in, proposals go out. Adding a search is one file.

A search proposes; only verification decides. Its maths is METHOD section 2.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

from modicum_sis.findings import Trace
from modicum_sis.model.classifier import Canvas
from modicum_sis.scoring.mask_scorer import MaskScorer

FIXED_PASSES = 2
"""Forward passes that every searched image costs before its search: the whole image and the bare fill."""
VERIFICATIONS = 2
"""Forward passes that a search with a budget keeps back: for the smallest mask, and for one with margin to spare."""


@dataclass(frozen=True, slots=True, eq=False)
class AdmittedImage:
    """An image for which a subset is wanted, not baseline-confident, now in a row of the scorer.

    Attributes:
        row: where it is until its proposal has been taken.
        whole_margin: of a plain pass over the whole image.
        baseline_margin: of a plain pass over the bare fill.
        digest: the image's name in every seed.
        spent: pass-equivalents so far; `FIXED_PASSES` unless an earlier run is resumed.
        start: (H, W), the verified subset of the earlier run, smaller than the image; the finding will be no larger,
            wherever the search begins. None where there is none.
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
    """Images that wait to be searched, and the rows in which that happens.

    Attributes:
        scorer: scores masks over the images in its rows; its meter says when to stop.
        threshold: the confidence to keep; a little above the run's where the passes of a search are inexact.
        seed: with an image's digest, the source of random numbers.
        admit: lets at most so many waiting images in, or as many as there are free rows; fewer, or none, when no row
            is free, when no image waits or the run was stopped, or when those let in are too far ahead of the rest.
    """

    scorer: MaskScorer
    threshold: float
    seed: int
    admit: Callable[[int | None], list[AdmittedImage]]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a search offers for one image.

    Attributes:
        masks: (H, W) masks believed sufficient, the best first; each is verified until one holds.
        trace: see `Finding.trace`.
        stopped: whether the search was stopped before its end.
    """

    masks: Iterator[Tensor]
    trace: Trace | None
    stopped: bool = False


class Search(Protocol):
    """A way of looking for sufficient subsets: a frozen dataclass of its parameters.

    One that follows gradients says so with a class attribute `needs_gradient = True`; it is then never let loose on a
    module without, where it would propose nonsense in good order. Where it also has a method `without_gradient`, the
    search that this returns, of the same budget, runs instead, and the findings' parameters say so.
    """

    def planned_passes(self, canvas: Canvas) -> int:
        """Pass-equivalents one image on this canvas costs at the most, verification included."""
        ...

    def propose(self, task: SearchTask) -> Iterator[tuple[int, Proposal]]:
        """A row and its proposal whenever one is done; ends when none is in work and none was let in.

        The row is free for another image as soon as the next proposal is asked for. A search that is written for one
        image becomes one for many by `modicum_sis.propose_each`.
        """
        ...


@runtime_checkable
class FallsBack(Protocol):
    """A search by gradients that knows what to do without."""

    def without_gradient(self) -> Search:
        """The search to run on a module without a useful gradient, of the same budget."""
        ...
