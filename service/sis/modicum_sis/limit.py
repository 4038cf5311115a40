"""A limit on the time or the passes of a run. Give it as `should_stop=`; images in work end with their best result.

It reads a clock, which the caller may replace. It does not stop anything by itself.
"""

import time
from collections.abc import Callable

from modicum_sis.errors import ParameterError
from modicum_sis.progress import Progress


class Limit:
    """Stops a run after a number of seconds or of pass-equivalents over all images, whichever comes first.

    Time starts at the first call. Runs that share a limit share its time and its passes. The current step is always
    finished. A run therefore exceeds its limit by at most one batch and the verification of the images in work.

    Args:
        seconds: the time limit; None for no time limit.
        passes: the limit in pass-equivalents; None for no such limit.
        clock: returns seconds.

    Raises:
        ParameterError: neither limit is given, or one is not positive.
    """

    def __init__(
        self, *, seconds: float | None = None, passes: int | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        given = [limit for limit in (seconds, passes) if limit is not None]
        if not given or not all(limit > 0 for limit in given):
            raise ParameterError(f"a Limit needs positive seconds or passes, or both; got {seconds} and {passes}")
        self._seconds, self._passes, self._clock = seconds, passes, clock
        self._begun: float | None = None
        self._passes_done = 0

    def __call__(self) -> bool:
        """Whether the limit is reached."""
        now = self._clock()
        self._begun = now if self._begun is None else self._begun
        late = self._seconds is not None and now - self._begun >= self._seconds
        return late or (self._passes is not None and self._passes_done >= self._passes)

    def following(self, progress: Callable[[Progress], None] | None) -> Callable[[Progress], None]:
        """A `progress=` callback that counts the passes of one run and calls the caller's. `find_subsets` uses it."""
        before = self._passes_done

        def follow(snapshot: Progress) -> None:
            self._passes_done = before + snapshot.passes_done
            if progress is not None:
                progress(snapshot)

        return follow
