"""Counts the progress of a task over several runs of `find_subsets`, which may interleave."""

from collections.abc import Callable
from dataclasses import dataclass

from modicum_sis.progress import Progress


@dataclass(slots=True)
class ProgressCounts:
    """The progress of a task. The computing thread writes it, the pulse reads it."""

    passes_done: int = 0
    phase: str = "loading"

    def follow(self) -> Callable[[Progress], None]:
        """Return a `progress=` callback for one run, which adds its passes."""
        before = 0

        def progress(snapshot: Progress) -> None:
            nonlocal before
            self.passes_done += snapshot.passes_done - before
            before = snapshot.passes_done

        return progress
