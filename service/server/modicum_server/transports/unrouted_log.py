"""Requests that no method serves. No layer surrounds them, so they are logged and counted here.

They are counted by a short fixed list of reasons, never by the path, which a caller can make up.
"""

import structlog

from modicum_server.transports.call_metrics import CallMetrics
from modicum_server.transports.refused_lines import RefusedLines
from modicum_server.usecases.bearer_tokens import without_tokens

LONGEST_PATH_LOGGED = 200
LONGEST_VERB_LOGGED = 20

log = structlog.get_logger("modicum.rpc")


class UnroutedRequests:
    """Logs and counts requests that no method serves."""

    def __init__(self, metrics: CallMetrics) -> None:
        self._metrics = metrics
        self._lines = RefusedLines()

    def tell(self, reason: str, *, transport: str, verb: str, path: str, status: int | str, request_id: str) -> None:
        """Log and count a request. `reason` and `transport` come from short fixed lists; `status` is the reply's."""
        self._metrics.request_unrouted(transport, reason)
        if not self._lines.admit(reason):
            return
        shown = {"verb": verb[:LONGEST_VERB_LOGGED], "path": without_tokens(path)[:LONGEST_PATH_LOGGED]}
        log.info("rpc", door=transport, method=None, reason=reason, status=status, request_id=request_id, **shown)
