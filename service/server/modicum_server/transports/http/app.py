"""The Starlette application: /metrics, /healthz, /readyz."""

import ipaddress

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from modicum_server.errors import ModicumError, Unavailable
from modicum_server.metrics.api import ApiMetrics, Stored
from modicum_server.ports import Store
from modicum_server.transports.authentication import authenticate
from modicum_server.transports.errors import answer_of
from modicum_server.transports.readiness import Readiness


def build_app(store: Store, *, readiness: Readiness, metrics: ApiMetrics) -> Starlette:
    """Return the application."""

    async def healthz(_request: Request) -> Response:
        """Whether the process is alive."""
        return PlainTextResponse("alive\n")

    async def readyz(_request: Request) -> Response:
        """Whether it can serve, by dependency."""
        answers = await readiness.check()
        return JSONResponse(dict(answers), status_code=200 if all(answers.values()) else 503)

    async def expose(request: Request) -> Response:
        """Metrics; from beyond loopback with a token only."""
        if not _on_loopback(request):
            try:
                await authenticate(store, request.headers.get("authorization", ""))
            except ModicumError as error:
                return PlainTextResponse(f"{error}\n", status_code=answer_of(type(error)).http_status)
        return Response(metrics.expose(await _stored(store)), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", expose)],
    )


async def _stored(store: Store) -> Stored | None:
    try:
        async with store.transaction() as transaction:
            return Stored(await transaction.shards.facts(), await transaction.audits.count_by_state())
    except Unavailable:
        return None


def _on_loopback(request: Request) -> bool:
    if request.client is None:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
