"""The progress of a running search, and the request to stop it. Nothing here reads a clock; `Limit` does."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """A snapshot of a running `find_subsets`.

    Attributes:
        passes_done: pass-equivalents so far over all images. A forward pass counts 1, a backward pass 2.
        passes_planned: pass-equivalents planned over all images. It falls when an image needs no search.
        images_done: images with a finding.
        images_total: images of the run.
        mean_fraction: the mean fraction of the subsets found so far; None before the first.
    """

    passes_done: int
    passes_planned: int
    images_done: int
    images_total: int
    mean_fraction: float | None


class Meter:
    """Counts the passes, reports progress at every step, and remembers a request to stop."""

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
        """Count passes, and report progress."""
        self._passes_done += equivalents
        self._report()

    def finish_image(self, *, planned: int, spent: int, fraction: float | None) -> None:
        """Count an image as done, and remove its unspent passes from the plan."""
        self._images_done += 1
        self._passes_planned += spent - planned
        if fraction is not None:
            self._fractions_sum += fraction
            self._fractions_count += 1
        self._report()

    def poll_stop(self) -> bool:
        """Ask the caller whether to stop. To be called once in every step; after the first True it stays True."""
        if not self._stopped and self._should_stop is not None:
            self._stopped = bool(self._should_stop())
        return self._stopped

    def _report(self) -> None:
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
