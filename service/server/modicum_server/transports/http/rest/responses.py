"""Responses that are one message: ProtoJSON, with an ETag for a resource, and a link to the next page of a list."""

import hashlib
from http import HTTPStatus
from urllib.parse import urlencode

from google.api import resource_pb2  # type: ignore[import-untyped]
from google.protobuf.message import Message
from starlette.requests import Request
from starlette.responses import Response

from modicum_server.transports.http.etags import matches
from modicum_server.transports.http.rest.protojson import written
from modicum_server.transports.http.rest.queries import query_of
from modicum_server.transports.http.rest.routes import Binding

ETAG_DIGITS = 32
NEXT_TOKEN = "next_page_token"  # noqa: S105 - the name of a field


async def response_of(message: Message, binding: Binding, request: Request) -> Response:
    """Return the response with a message. It has no body when the caller has the message already."""
    headers = {"Cache-Control": "no-store"}
    if is_resource(binding):
        headers = {"Cache-Control": "private, no-cache", "ETag": _etag_of(message)}
        if matches(headers["ETag"], request.headers.get("if-none-match", "")):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    token = getattr(message, NEXT_TOKEN, "")
    if token:
        headers["Link"] = f'<{_next_page(request, token)}>; rel="next"'
    return Response(await written(message), headers=headers, media_type="application/json")


def is_resource(binding: Binding) -> bool:
    """Return whether a method gets one resource, which can have an ETag."""
    resource = binding.method.output_type.GetOptions().HasExtension(resource_pb2.resource)
    return binding.verb == "GET" and bool(resource)


def _etag_of(message: Message) -> str:
    data = message.SerializeToString(deterministic=True)
    return f'"{hashlib.sha256(data).hexdigest()[:ETAG_DIGITS]}"'


def _next_page(request: Request, token: str) -> str:
    kept = [(name, value) for name, value in query_of(request) if name not in {"page_token", "pageToken"}]
    return f"{request.url.path}?{urlencode([*kept, ('page_token', token)])}"
