"""`--budget`: how long a command may take in all, from the start of its process, and what happens when it is spent.

Shortly before the end the audit is stopped: searches that have begun are finished, and the result is about the images
that are done. A little later, what follows the searches is cut as far as it is not done. Where even that does not fit,
the budget is spent without a result. A moment is left to write what was decided.
"""

import math
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from types import FrameType

from modicum.cli.interrupts import STARTED
from modicum.errors import InvalidArgument

_TIME = re.compile(r"(\d+(?:\.\d+)?)(s|m|h)", re.ASCII)
_UNIT_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}
#: Share of the budget that is kept for what follows the searches: the spot test, the summary, the verdict.
KEPT_SHARE = 0.25
MOST_KEPT_SECONDS = 120.0
#: Share of the budget that is kept for what follows the cut: the summary, the report and the verdict.
KEPT_FOR_SUMMARY_SHARE = 0.125
MOST_KEPT_FOR_SUMMARY_SECONDS = 30.0
#: Share that is kept for the end of the command itself: to cancel the audit and write the outputs.
LAST_SHARE = 0.2
MOST_LAST_SECONDS = 3.0
#: Of that, what is left to print and exit.
EXIT_SHARE = 0.25
#: A timer of 0 would be none.
LEAST_TIMER_SECONDS = 0.001


class TimeToStop(KeyboardInterrupt):
    """The audit must be stopped now for its result to fit into the budget."""


class TimeToCut(KeyboardInterrupt):
    """What follows the searches must be cut now for the result to fit into the budget."""


class BudgetSpent(KeyboardInterrupt):
    """The budget is spent, and what was being done is not done."""


@dataclass(slots=True)
class Budget:
    """How long a command may take. `doing` is what it does now, in words. It `started` so on the monotonic clock."""

    text: str = ""
    seconds: float = math.inf
    doing: str = "starting"
    started: float = field(default_factory=lambda: STARTED)

    @property
    def limited(self) -> bool:
        """Whether there is a limit."""
        return self.seconds < math.inf

    @property
    def spent(self) -> str:
        """That the budget is spent, and on what."""
        return f"the budget of {self.text} was spent while {self.doing}"

    @property
    def unmeasured(self) -> str:
        """The same, where there is no result."""
        return f"{self.spent}; no measurement was finished"

    @property
    def why(self) -> str:
        """Why an audit was stopped, for its result."""
        return f"the budget of {self.text} was spent"

    @property
    def ends(self) -> float:
        """When the work must have ended, on the monotonic clock."""
        return self.started + self.seconds - self._last_seconds

    @property
    def exits(self) -> float:
        """When the verdict must be stored, on the monotonic clock."""
        return self.started + self.seconds - EXIT_SHARE * self._last_seconds

    @property
    def cuts(self) -> float:
        """When what follows the searches must be cut, on the monotonic clock."""
        return self.ends - min(KEPT_FOR_SUMMARY_SHARE * self.seconds, MOST_KEPT_FOR_SUMMARY_SECONDS)

    @property
    def stops(self) -> float:
        """When the searches must be stopped, on the monotonic clock."""
        return self.ends - min(KEPT_SHARE * self.seconds, MOST_KEPT_SECONDS)

    @contextmanager
    def bounding(self) -> Iterator[None]:
        """Within the block, raise BudgetSpent once the work must end, and again once nothing may be waited for."""
        with self._raising(BudgetSpent, self.ends):
            yield

    @contextmanager
    def bounding_searches(self) -> Iterator[None]:
        """Within the block, which lies within `bounding`, raise TimeToStop once the searches must be stopped."""
        with self._raising(TimeToStop, self.stops, then=self.ends):
            yield

    @contextmanager
    def bounding_scores(self) -> Iterator[None]:
        """Within the block, which lies within `bounding`, raise TimeToCut once no more may follow the searches."""
        with self._raising(TimeToCut, self.cuts, then=self.ends):
            yield

    @contextmanager
    def bounding_exit(self) -> Iterator[None]:
        """Within the block, which follows `bounding`, raise BudgetSpent once the command must exit."""
        with self._raising(BudgetSpent, self.exits):
            yield

    @property
    def _last_seconds(self) -> float:
        return min(LAST_SHARE * self.seconds, MOST_LAST_SECONDS)

    @contextmanager
    def _raising(self, kind: type[KeyboardInterrupt], at: float, *, then: float | None = None) -> Iterator[None]:
        """Raise `kind` within the block at that time. `then` is when the block around it must end."""
        if not self.limited:
            yield
            return

        lasts = True

        def alarm(_number: int, _frame: FrameType | None) -> None:
            if lasts:
                raise kind

        before = signal.signal(signal.SIGALRM, alarm)
        try:
            try:
                self._set_timer(at)
                yield
            finally:
                lasts = False  # an alarm that comes now must not keep the timer from being taken back
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            if then is not None:
                self._set_timer(then)

    def _set_timer(self, at: float) -> None:
        """Let the alarm come then, and again after the time that is left to end what was interrupted."""
        first = max(at - monotonic(), LEAST_TIMER_SECONDS)
        signal.setitimer(signal.ITIMER_REAL, first, self.exits - self.ends)


def budget_of(text: str | None) -> Budget:
    """The budget in `text`, such as 90s, 10m or 1h; one without a limit for None.

    Raises:
        InvalidArgument: it is no time, or this system has no timer.
    """
    if text is None:
        return Budget()
    found = _TIME.fullmatch(text.strip())
    if found is None or not float(found[1]):
        raise InvalidArgument(f"--budget: expected a time above 0 such as 90s, 10m or 1h, got {text!r}")
    if not hasattr(signal, "setitimer"):
        raise InvalidArgument("--budget: this system has no timer for a budget; leave --budget out")
    return Budget(text.strip(), float(found[1]) * _UNIT_SECONDS[found[2]])
