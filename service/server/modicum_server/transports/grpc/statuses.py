"""google.rpc.Status of an error: code, text that may be shown, ErrorInfo, field violations, when to try again."""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from modicum_server.errors import FieldInvalid, ModicumError
from modicum_server.transports.errors import DEADLINE, DOMAIN, INTERNAL_REASON, Answer, answer_of

LONGEST_MESSAGE_CHARACTERS = 1500
"""All of a status travels in trailing metadata, of which clients take 8 KiB."""
LONGEST_FACT_CHARACTERS = 300


def status_of(error: BaseException, request_id: str) -> status_pb2.Status:
    """Return the status that a caller sees: of a foreign error, and of one that is not public, only the request id."""
    answer = answer_of(type(error))
    if isinstance(error, ModicumError) and answer.public:
        info = _info(error.reason, {key: _cut(value, LONGEST_FACT_CHARACTERS) for key, value in error.metadata.items()})
        return _status(answer, str(error), [info, *_violations(error), *_retry(answer)], request_id)
    text = f"something went wrong inside the server; its operator finds it in the log under the request id {request_id}"
    return _status(answer, text, [_info(INTERNAL_REASON, {})], request_id)


def deadline_status(limit_seconds: float, request_id: str) -> status_pb2.Status:
    """Return the status of a call that did not end in time."""
    text = f"the call was not done within {limit_seconds:g} s; give it a later deadline, or ask for less at once"
    return _status(DEADLINE, text, [_info("DEADLINE_EXCEEDED", {})], request_id)


def _status(answer: Answer, text: str, details: list[Message], request_id: str) -> status_pb2.Status:
    status = status_pb2.Status(code=answer.code.value[0], message=_cut(text, LONGEST_MESSAGE_CHARACTERS))
    for detail in [*details, error_details_pb2.RequestInfo(request_id=request_id)]:
        status.details.add().Pack(detail)
    return status


def _info(reason: str, facts: dict[str, str]) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=facts)


def _violations(error: ModicumError) -> list[Message]:
    if not isinstance(error, FieldInvalid):
        return []
    rule = _cut(error.rule, LONGEST_MESSAGE_CHARACTERS)
    violation = error_details_pb2.BadRequest.FieldViolation(field=error.field, description=rule)
    return [error_details_pb2.BadRequest(field_violations=[violation])]


def _retry(answer: Answer) -> list[Message]:
    if answer.retry_seconds is None:
        return []
    delay = Duration()
    delay.FromMilliseconds(int(answer.retry_seconds * 1000))
    return [error_details_pb2.RetryInfo(retry_delay=delay)]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."
