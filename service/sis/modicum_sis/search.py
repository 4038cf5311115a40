"""The boundary between a search and what runs it: a task goes in, proposals come out. Adding a search is one file.

A search proposes; only verification decides. Its maths is METHOD section 2.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from modicum_sis.classifier import Canvas
from modicum_sis.findings import Trace
from modicum_sis.scoring import MaskScorer

FIXED_PASSES = 2
"""Forward passes that every searched image costs before its search: the whole image and the bare fill."""


@dataclass(frozen=True, slots=True, eq=False)
class SearchTask:
    """Images of one chunk for which subsets are wanted, none of them baseline-confident.

    Attributes:
        scorer: scores masks over them; its meter says when to stop.
        threshold: the confidence to keep.
        whole_margins: (n,) float64 on the CPU, of a plain pass over each whole image.
        baseline_margins: (n,) float64 on the CPU, of a plain pass over each bare fill.
    """

    scorer: MaskScorer
    threshold: float
    whole_margins: Tensor
    baseline_margins: Tensor


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
    module without, where it would propose nonsense in good order.
    """

    def planned_passes(self, canvas: Canvas) -> int:
        """Pass-equivalents one image on this canvas costs at the most, verification included."""
        ...

    def propose(self, task: SearchTask) -> list[Proposal]:
        """One proposal an image, in order."""
        ...
