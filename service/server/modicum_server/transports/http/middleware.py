"""Middleware around every route: CORS, security, compression, and the problem for a path that no route has."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response

from modicum_server.domain.trusted_proxies import TrustedProxies
from modicum_server.settings import Settings
from modicum_server.transports.http.addresses import CallersAddress
from modicum_server.transports.http.compression import Compression
from modicum_server.transports.http.pages.unknown_pages import page_unknown, wants_page
from modicum_server.transports.http.rest.problems import method_not_allowed, path_unknown
from modicum_server.transports.http.security_headers import SecurityHeaders
from modicum_server.transports.layers import REQUEST_ID_HEADER, request_id_of
from modicum_server.transports.unrouted_log import UnroutedRequests

REQUEST_HEADERS = (
    "Authorization",
    "Content-Range",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "If-Range",
    "Last-Event-ID",
    "Range",
    "Request-Timeout",
    "Traceparent",
    "X-Request-ID",
)
RESPONSE_HEADERS = ("Content-Range", "ETag", "Link", "Retry-After", "X-Request-ID")


def middleware_of(settings: Settings) -> list[Middleware]:
    """Return the middleware, from outside in. No origin is allowed unless a setting names it."""
    proxies = Middleware(CallersAddress, proxies=TrustedProxies(settings.trusted_proxies))
    guarded = [Middleware(SecurityHeaders, tls=settings.tls_cert is not None), Middleware(Compression)]
    if not settings.cors_origins:
        return [proxies, *guarded]
    sharing = Middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=["GET", "HEAD", "PUT", "POST", "DELETE"],
        allow_headers=REQUEST_HEADERS,
        expose_headers=RESPONSE_HEADERS,
    )
    return [proxies, sharing, *guarded]


def respond_to_unrouted(unrouted: UnroutedRequests) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Return the handler of requests whose path or verb no route has."""

    async def respond(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        request_id = request_id_of(request.headers.get(REQUEST_ID_HEADER, ""))
        misused = error.status_code == HTTPStatus.METHOD_NOT_ALLOWED
        allowed = sorted({*(error.headers or {}).get("Allow", "").split(", "), "OPTIONS"})
        if misused and request.method == "OPTIONS":
            told = {"Allow": ", ".join(allowed), REQUEST_ID_HEADER: request_id}
            return Response(status_code=HTTPStatus.NO_CONTENT, headers=told)
        if misused:
            response = method_not_allowed(request.method, allowed, request_id)
        elif wants_page(request):
            response = page_unknown(request.url.path, request_id)
        else:
            response = path_unknown(request.url.path, request_id)
        response.headers[REQUEST_ID_HEADER] = request_id
        path = request.scope["raw_path"].decode("latin-1")  # percent-encoded: it cannot break a line of the log
        reason, status = "method_not_allowed" if misused else "path_unknown", response.status_code
        unrouted.tell(reason, transport="http", verb=request.method, path=path, status=status, request_id=request_id)
        return response

    return respond
