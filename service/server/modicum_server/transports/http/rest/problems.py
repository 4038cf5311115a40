"""Errors over HTTP: application/problem+json (RFC 9457), with the same reason, facts and request id as in gRPC."""

import json
import math
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from modicum_server.transports.errors import DOMAIN
from modicum_server.transports.refusals import Refusal

MEDIA_TYPE = "application/problem+json"
DOCUMENTATION = "/docs"
"""The page that explains each reason. The type of a problem links to its place there."""
CHALLENGE = 'Bearer realm="modicum"'
"""The challenge of a response with status 401."""
PATH_UNKNOWN = "PATH_UNKNOWN"
METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
REQUEST_MALFORMED = "REQUEST_MALFORMED"


def problem_response(refusal: Refusal) -> Response:
    """Return the response to a refused call."""
    headers = {"Cache-Control": "no-store", **advice_of(refusal.http_status, refusal.retry_seconds)}
    if refusal.http_status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and "size_bytes" in refusal.metadata:
        headers["Content-Range"] = f"bytes */{refusal.metadata['size_bytes']}"
    return Response(written_problem(refusal), refusal.http_status, headers, MEDIA_TYPE)


def advice_of(status: int, retry_seconds: float | None) -> dict[str, str]:
    """Return the headers that say what a refused caller can do: come later, or with a token."""
    advice = {} if retry_seconds is None else {"Retry-After": str(math.ceil(retry_seconds))}
    return advice | ({"WWW-Authenticate": CHALLENGE} if status == HTTPStatus.UNAUTHORIZED else {})


def written_problem(refusal: Refusal) -> bytes:
    """Return the problem as JSON, on one line."""
    return _written(
        status=refusal.http_status,
        detail=refusal.text,
        reason=refusal.reason,
        request_id=refusal.request_id,
        metadata=refusal.metadata,
        violations=[{"field": one.field, "description": one.description} for one in refusal.violations],
    )


def path_unknown(path: str, request_id: str) -> Response:
    """Return the response to a path that no route has."""
    detail = f"this server has no path {path[:200]!r}; /openapi.json lists its paths"
    return Response(
        _written(status=404, detail=detail, reason=PATH_UNKNOWN, request_id=request_id), 404, media_type=MEDIA_TYPE
    )


def method_not_allowed(verb: str, allowed: Iterable[str], request_id: str) -> Response:
    """Return the response to a verb that the path does not allow."""
    listed = ", ".join(allowed)
    detail = f"this path does not accept {verb[:20]!r}; it accepts {listed}"
    data = _written(status=405, detail=detail, reason=METHOD_NOT_ALLOWED, request_id=request_id)
    return Response(data, 405, {"Allow": listed}, MEDIA_TYPE)


def request_malformed(request_id: str) -> Response:
    """Return the response to bytes that are not an HTTP request. They have no path and no request id."""
    detail = "not a valid HTTP/1.1 request: its first line, headers, length or chunks cannot be read"
    data = _written(status=400, detail=detail, reason=REQUEST_MALFORMED, request_id=request_id)
    return Response(data, 400, {"X-Request-ID": request_id, "Cache-Control": "no-store"}, MEDIA_TYPE)


def _written(
    *,
    status: int,
    detail: str,
    reason: str,
    request_id: str,
    metadata: Mapping[str, str] | None = None,
    violations: list[dict[str, str]] | None = None,
) -> bytes:
    problem: dict[str, Any] = {
        "type": f"{DOCUMENTATION}#{reason}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "reason": reason,
        "domain": DOMAIN,
        "metadata": dict(metadata or {}),
        "request_id": request_id,
    }
    if violations:
        problem["violations"] = violations
    return json.dumps(problem, ensure_ascii=False).encode("utf-8", "replace")
