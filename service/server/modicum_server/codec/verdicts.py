"""Verdicts, and the reply that carries a new one."""

from datetime import UTC

from modicum.v1 import audit_pb2, verdict_pb2

from modicum_server.codec.records import message_of
from modicum_server.domain.verdicts import Verdict, VerdictOutcome

_JUDGED = {
    VerdictOutcome.PASS: audit_pb2.Judgement.OUTCOME_PASSED,
    VerdictOutcome.FAIL: audit_pb2.Judgement.OUTCOME_VIOLATED,
    VerdictOutcome.INCONCLUSIVE: audit_pb2.Judgement.OUTCOME_INCONCLUSIVE,
    VerdictOutcome.WAIVED: audit_pb2.Judgement.OUTCOME_WAIVED,
}


def verdict_message(value: Verdict) -> verdict_pb2.Verdict:
    """Verdict."""
    message = message_of(value, verdict_pb2.Verdict)
    message.create_time.FromDatetime(value.create_time.astimezone(UTC))
    return message


def judgement_message(value: Verdict) -> audit_pb2.Judgement:
    """Judgement: the verdict, and its outcomes in short."""
    rules = [
        audit_pb2.Judgement.Rule(
            rule=rule.id,
            outcome=_JUDGED[rule.outcome],
            detail="; ".join(text for text in (rule.requirement, rule.worst.reason) if text),
        )
        for rule in value.rules
    ]
    return audit_pb2.Judgement(
        audit=value.audit, outcome=_JUDGED[value.outcome], rules=rules, verdict=verdict_message(value)
    )
