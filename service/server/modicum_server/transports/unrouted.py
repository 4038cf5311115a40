"""Requests that no method serves, and that no layer therefore stands around: they leave a line and are counted.

They are told apart by a short fixed list of words, never by the path, which is whatever its caller makes up.
"""

import structlog

from modicum_server.transports.telemetry import CallMetrics

LONGEST_PATH_LOGGED = 200
LONGEST_VERB_LOGGED = 20

log = structlog.get_logger("modicum.rpc")


class UnroutedRequests:
    """Tells the log and the metrics of requests that led nowhere."""

    def __init__(self, metrics: CallMetrics) -> None:
        self._metrics = metrics

    def tell(self, reason: str, *, door: str, verb: str, path: str, status: int | str, request_id: str) -> None:
        """Tell of one; `reason` and `door` come from short fixed lists, `status` is what it was answered with."""
        self._metrics.request_unrouted(door, reason)
        shown = {"verb": verb[:LONGEST_VERB_LOGGED], "path": path[:LONGEST_PATH_LOGGED]}
        log.info("rpc", door=door, method=None, reason=reason, status=status, request_id=request_id, **shown)
