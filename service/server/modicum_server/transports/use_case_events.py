"""What use cases tell of what they did: it is counted, and logged. The core imports no metrics, so it calls these."""

import structlog

from modicum_server.domain.audits import Audit
from modicum_server.domain.trust import ExchangeOutcome
from modicum_server.domain.verdicts import Verdict
from modicum_server.errors import ArtifactCorrupt
from modicum_server.transports.call_metrics import CallMetrics
from modicum_server.usecases.token_exchange import Exchanged

log = structlog.get_logger(__name__)


class UseCaseEvents:
    """Counts and logs events. Their lines lead from a request id to what it made."""

    def __init__(self, metrics: CallMetrics) -> None:
        self._metrics = metrics

    def corrupt(self, error: ArtifactCorrupt) -> None:
        """Count damaged bytes without which a page goes on, and log which they are."""
        self._metrics.artifact_corrupt()
        log.error("artifact_corrupt", **error.metadata)

    def exchanged(self, outcome: ExchangeOutcome, exchanged: Exchanged | None) -> None:
        """Count the exchange, and log which job got which token. No token is in the log."""
        self._metrics.token_exchanged(outcome)
        if exchanged is not None:
            token = exchanged.made.token
            log.info("token_exchanged", rule=exchanged.rule.name, token=token.id, subject=token.display_name)

    def judged(self, verdict: Verdict) -> None:
        """Count the verdict, and log the line that leads from a request id to a verdict."""
        self._metrics.verdict_stored(verdict.outcome)
        log.info("audit_judged", audit=verdict.audit, verdict=verdict.name, outcome=verdict.outcome)

    def created(self, audit: Audit) -> None:
        """Count the audit, and log the line that leads from a request id to an audit."""
        self._metrics.audit_created(reused=bool(audit.reused_from))
        log.info("audit_created", audit=audit.name, reused_from=audit.reused_from or None)
