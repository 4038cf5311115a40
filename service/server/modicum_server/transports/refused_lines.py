"""How many lines of the log a caller's refused and abandoned calls may have, so that no caller fills the log."""

import time
from collections import Counter
from collections.abc import Callable

import grpc
import structlog

from modicum_server.transports.calls import Call

MOST_LINES = 300
"""Of one caller in each period. Calls beyond it are counted, in the metrics too."""
MOST_CALLERS = 100
"""Callers that are counted apart; the others share one count."""
PERIOD_SECONDS = 60.0
CHEAP = frozenset({grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.CANCELLED, grpc.StatusCode.RESOURCE_EXHAUSTED})
"""How calls end that no limit on calls a second has admitted."""
OTHERS = ""

log = structlog.get_logger("modicum.rpc")


class RefusedLines:
    """Counts lines by caller, and says at the start of a period how many calls of the last one have none."""

    def __init__(self, *, most: int = MOST_LINES, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._began = clock()
        self._calls: Counter[str] = Counter()

    def admit(self, caller: str) -> bool:
        """Return whether this caller may have one more line."""
        if self._clock() - self._began >= PERIOD_SECONDS:
            self._begin_again()
        known = caller in self._calls or len(self._calls) < MOST_CALLERS
        counted = caller if known else OTHERS
        self._calls[counted] += 1
        return self._calls[counted] <= self._most

    def admit_call(self, call: Call) -> bool:
        """Return whether a call that has ended may have a line: one that was admitted and one that is a bug always."""
        if call.failure is not None or call.code not in CHEAP:
            return True
        return self.admit(call.principal.name if call.principal else call.wire.client_address())

    def _begin_again(self) -> None:
        left_out = {caller: calls - self._most for caller, calls in self._calls.items() if calls > self._most}
        if left_out:
            log.warning("calls_not_logged", calls=sum(left_out.values()), callers=len(left_out), seconds=PERIOD_SECONDS)
        self._calls.clear()
        self._began = self._clock()
