"""What a running search says about itself, and how it is asked to stop. Holds no clock: a `Limit` does."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """A snapshot of a running `find_subsets`.

    Passes are pass-equivalents (a forward pass counts 1, a backward pass 2), summed over the images. `passes_planned`
    falls when an image turns out to need no search. `mean_fraction` is that of the subsets found so far, None before
    the first.
    """

    passes_done: int
    passes_planned: int
    images_done: int
    images_total: int
    mean_fraction: float | None


class Meter:
    """Adds up the passes, tells the caller at every step, and remembers that it was asked to stop."""

    def __init__(
        self,
        *,
        images_total: int,
        passes_planned: int,
        progress: Callable[[Progress], None] | None,
        should_stop: Callable[[], bool] | None,
    ) -> None:
        self._progress, self._should_stop = progress, should_stop
        self._images_total, self._images_done = images_total, 0
        self._passes_planned, self._passes_done = passes_planned, 0
        self._fractions_sum, self._fractions_count = 0.0, 0
        self._stopped = False

    def add_passes(self, equivalents: int) -> None:
        """Count work just done, and say so."""
        self._passes_done += equivalents
        self._tell()

    def finish_image(self, *, planned: int, spent: int, fraction: float | None) -> None:
        """Count an image as done; what it did not spend of its plan leaves the plan."""
        self._images_done += 1
        self._passes_planned += spent - planned
        if fraction is not None:
            self._fractions_sum += fraction
            self._fractions_count += 1
        self._tell()

    def stopped(self) -> bool:
        """Ask the caller, once a step, whether to stop; a yes is final."""
        if not self._stopped and self._should_stop is not None:
            self._stopped = bool(self._should_stop())
        return self._stopped

    def _tell(self) -> None:
        if self._progress is None:
            return
        mean = self._fractions_sum / self._fractions_count if self._fractions_count else None
        self._progress(
            Progress(
                passes_done=self._passes_done,
                passes_planned=max(self._passes_planned, self._passes_done),
                images_done=self._images_done,
                images_total=self._images_total,
                mean_fraction=mean,
            )
        )
