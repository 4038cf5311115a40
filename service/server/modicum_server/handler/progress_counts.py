"""How far a task is, added up over several runs of `find_subsets` that may interleave."""

from collections.abc import Callable
from dataclasses import dataclass

from modicum_sis.progress import Progress


@dataclass(slots=True)
class ProgressCounts:
    """How far the task is; written by the thread that computes, read by the pulse."""

    passes_done: int = 0
    phase: str = "loading"

    def follow(self) -> Callable[[Progress], None]:
        """Return a `progress=` callback for one run; its passes are added as they grow."""
        before = 0

        def progress(snapshot: Progress) -> None:
            nonlocal before
            self.passes_done += snapshot.passes_done - before
            before = snapshot.passes_done

        return progress
