"""An end to a run by time or by passes: give it as `should_stop=` and the images in work end with their best so far.

It reads a clock, and the caller may bring another. Must not end anything by itself.
"""

import time
from collections.abc import Callable

from modicum_sis.errors import ParameterError
from modicum_sis.progress import Progress


class Limit:
    """Says stop after so many seconds, or so many pass-equivalents over all images, whatever comes first.

    Time begins when it is first asked. Runs that are given the same limit share it. The step under way is finished, so
    a run ends a batch, and the verification of what is in work, beyond its limit.

    Args:
        seconds: None: no limit of time.
        passes: pass-equivalents; None: no limit.
        clock: returns seconds.

    Raises:
        ParameterError: neither is given, or one is not positive.
    """

    def __init__(
        self, *, seconds: float | None = None, passes: int | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        given = [limit for limit in (seconds, passes) if limit is not None]
        if not given or not all(limit > 0 for limit in given):
            raise ParameterError(f"expected positive seconds or passes, or both; got {seconds} and {passes}")
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
        """A `progress=` that counts the passes of one more run and tells them on; `find_subsets` sees to it."""
        before = self._passes_done

        def follow(snapshot: Progress) -> None:
            self._passes_done = before + snapshot.passes_done
            if progress is not None:
                progress(snapshot)

        return follow
