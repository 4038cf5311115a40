"""The google.rpc.Status of a refusal: code, text, ErrorInfo, field violations, when to try again."""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from modicum_server.transports.errors import DOMAIN
from modicum_server.transports.refusals import Refusal


def status_of(refusal: Refusal) -> status_pb2.Status:
    """Return the status that a gRPC caller sees."""
    status = status_pb2.Status(code=refusal.code.value[0], message=refusal.text)
    for detail in _details(refusal):
        status.details.add().Pack(detail)
    return status


def _details(refusal: Refusal) -> list[Message]:
    info = error_details_pb2.ErrorInfo(reason=refusal.reason, domain=DOMAIN, metadata=refusal.metadata)
    request = error_details_pb2.RequestInfo(request_id=refusal.request_id)
    return [info, *_violations(refusal), *_retry(refusal), request]


def _violations(refusal: Refusal) -> list[Message]:
    kind = error_details_pb2.BadRequest.FieldViolation
    found = [kind(field=violation.field, description=violation.description) for violation in refusal.violations]
    return [error_details_pb2.BadRequest(field_violations=found)] if found else []


def _retry(refusal: Refusal) -> list[Message]:
    if refusal.retry_seconds is None:
        return []
    delay = Duration()
    delay.FromMilliseconds(int(refusal.retry_seconds * 1000))
    return [error_details_pb2.RetryInfo(retry_delay=delay)]
