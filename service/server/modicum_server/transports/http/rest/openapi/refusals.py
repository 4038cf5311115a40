"""Problems that an operation can have, by status: the part of the table of errors that applies to it.

The binding of a method says which kinds of error it can have: what it takes, and what it does. A kind without a row
takes that of its nearest ancestor, as in the table of errors itself.
"""

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from modicum_server import errors
from modicum_server.ports import HoldExists, ProviderUnavailable, SignInRefused, TrustRuleExists
from modicum_server.postgres.addresses import AddressUnreadable
from modicum_server.transports.errors import (
    DEADLINE,
    DEADLINE_REASON,
    INTERNAL_REASON,
    UNKNOWN,
    raised_kinds,
    reason_of,
    status_of_error,
)
from modicum_server.transports.http.rest.problems import MEDIA_TYPE
from modicum_server.transports.http.rest.requests import REQUEST_ID_FIELD
from modicum_server.transports.http.rest.routes import Binding
from modicum_server.usecases.access import OF_ADMINS
from modicum_server.usecases.backup_errors import BackupError
from modicum_server.usecases.fleet_errors import FleetAway, FleetInvalid
from modicum_server.usecases.limit_errors import ProjectFull, TooManyPasses, TooManyQueued
from modicum_server.usecases.review_errors import ReviewerUnknown, ReviewLinkUsed
from modicum_server.usecases.store_identity import StoresMixed

Condition = Callable[[Binding], bool]

_HEADERS: Mapping[str, str] = {
    "X-Request-ID": "RequestId",
    "Retry-After": "RetryAfter",
    "WWW-Authenticate": "WwwAuthenticate",
    "Content-Range": "SizeOfRange",
}
SOMETIMES = tuple(name for name in _HEADERS if name != "X-Request-ID")
"""Headers that a problem may have."""
_OF_STATUS: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "WWW-Authenticate",
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: "Content-Range",
}


OF_PAGES = (
    errors.FormForeign,
    errors.HostUnknown,
    errors.PageNotFound,
    ReviewLinkUsed,
    ReviewerUnknown,
    errors.SessionMissing,
    errors.SignInLinkUsed,
    errors.SpotSwapNotFound,
    ProviderUnavailable,
    SignInRefused,
)
"""What only the pages in a browser raise."""


def _always(_binding: Binding) -> bool:
    return True


def _never(_binding: Binding) -> bool:
    return False


def _takes_a_body(binding: Binding) -> bool:
    return bool(binding.body)


def _takes_json(binding: Binding) -> bool:
    return bool(binding.body) and not binding.method.client_streaming


def _uploads(binding: Binding) -> bool:
    return bool(binding.method.client_streaming)


def _stores_bytes(binding: Binding) -> bool:
    return _uploads(binding) or binding.method.name == "JudgeAudit"


def _downloads(binding: Binding) -> bool:
    return binding.is_download


def _watches(binding: Binding) -> bool:
    return binding.is_watch


def _creates(binding: Binding) -> bool:
    return REQUEST_ID_FIELD in binding.method.input_type.fields_by_name


def _queues(binding: Binding) -> bool:
    return _creates(binding) and binding.method.output_type.name == "Audit"


def _changes(binding: Binding) -> bool:
    return binding.verb != "GET"


def _adds_a_member(binding: Binding) -> bool:
    return binding.method.name == "CreateMember"


def _adds_a_hold(binding: Binding) -> bool:
    return binding.method.name == "CreateHold"


def _adds_a_trust_rule(binding: Binding) -> bool:
    return binding.method.name == "CreateTrustRule"


def _needs_a_role(binding: Binding) -> bool:
    """Return whether there is a role that reads the project and may not do this."""
    return _changes(binding) or binding.method.containing_service.name in OF_ADMINS


def _names_something(binding: Binding) -> bool:
    return bool(binding.template.variables) or _changes(binding)


_MET: Mapping[type[errors.ModicumError], Condition] = {
    errors.InvalidArgument: _always,
    errors.MediaTypeUnknown: _takes_a_body,
    errors.NotFound: _names_something,
    errors.AlreadyExists: _creates,
    errors.MemberExists: _adds_a_member,
    TrustRuleExists: _adds_a_trust_rule,
    HoldExists: _adds_a_hold,
    errors.FailedPrecondition: _names_something,
    errors.Unauthenticated: _always,
    errors.PermissionDenied: _needs_a_role,
    errors.ArtifactTooLarge: _uploads,
    errors.RequestTooLarge: _takes_json,
    errors.DiskFull: _stores_bytes,
    **dict.fromkeys(OF_PAGES, _never),
    errors.TooManyCalls: _never,  # gRPC only: HTTP bounds its connections instead
    TooManyQueued: _queues,
    TooManyPasses: _queues,
    ProjectFull: _uploads,
    errors.ShareExceeded: _always,
    errors.TooManyWatchers: _watches,
    errors.Aborted: _uploads,
    errors.UploadTruncated: _uploads,
    errors.OffsetInvalid: _downloads,
    errors.DataLoss: _uploads,
    errors.ArtifactCorrupt: _always,
    BackupError: _never,  # it ends a command of the operator
    FleetInvalid: _never,  # as well
    FleetAway: _never,
    AddressUnreadable: _never,  # it ends a process at its start
    StoresMixed: _never,  # as well
    errors.Unavailable: _always,
    errors.ModelServerError: _never,  # it never leaves the worker
}
"""When an operation can have an error of that class."""


def refusals_of(binding: Binding) -> dict[str, Any]:
    """Return the problems of an operation by status, as references."""
    met = {status_of_error(kind).http_status for kind in raised_kinds() if _condition(kind)(binding)}
    statuses = sorted(met | {UNKNOWN.http_status, DEADLINE.http_status})
    return {str(status): {"$ref": f"#/components/responses/{_name(status)}"} for status in statuses}


def refusal_responses() -> dict[str, Any]:
    """Return the components that `refusals_of` refers to: one response for each status, with its possible reasons."""
    reasons: dict[int, list[str]] = {UNKNOWN.http_status: [INTERNAL_REASON], DEADLINE.http_status: [DEADLINE_REASON]}
    for kind in raised_kinds():
        if _condition(kind) is not _never:
            reasons.setdefault(status_of_error(kind).http_status, []).append(reason_of(kind))
    return {_name(status): _response(status, of_status) for status, of_status in sorted(reasons.items())}


def problem_response(description: str, headers: Iterable[str]) -> dict[str, Any]:
    """Return a response that is a problem, with these headers."""
    return {
        "description": description,
        "headers": {name: {"$ref": f"#/components/headers/{_HEADERS[name]}"} for name in ("X-Request-ID", *headers)},
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def _response(status: int, reasons: Iterable[str]) -> dict[str, Any]:
    met = (row for row in map(status_of_error, raised_kinds()) if row.http_status == status)
    retried = any(row.retry_seconds for row in met)
    headers = [*(["Retry-After"] if retried else []), *([_OF_STATUS[status]] if status in _OF_STATUS else [])]
    named = ", ".join(f"`{reason}`" for reason in sorted(reasons))
    return problem_response(f"{HTTPStatus(status).phrase}: {named}.", headers)


def _name(status: int) -> str:
    return f"Problem{status}"


def _condition(kind: type[errors.ModicumError]) -> Condition:
    return next(_MET[parent] for parent in kind.__mro__ if parent in _MET)
