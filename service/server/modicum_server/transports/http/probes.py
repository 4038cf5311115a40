"""What an operator's tools ask over HTTP: /healthz, /readyz and /metrics. No rule of the service stands here."""

import asyncio
import ipaddress
import json

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from modicum_server.errors import ModicumError
from modicum_server.metrics.api import ApiMetrics
from modicum_server.metrics.scrapes import Scrapes
from modicum_server.ports import Store
from modicum_server.transports.authentication import authenticate
from modicum_server.transports.errors import answer_of
from modicum_server.transports.readiness import Readiness


def probe_routes(store: Store, readiness: Readiness, scrapes: Scrapes, metrics: ApiMetrics) -> list[Route]:
    """Return the routes."""

    async def healthz(_request: Request) -> Response:
        """Whether the process is alive: asks nothing that it depends on, for starting it again mends none of that."""
        return PlainTextResponse("alive\n")

    async def readyz(_request: Request) -> Response:
        """Whether it can serve: a JSON object with one line a dependency."""
        answers = await readiness.check()
        body = json.dumps(dict(answers), indent=1) + "\n"
        return Response(body, status_code=200 if all(answers.values()) else 503, media_type="application/json")

    async def expose(request: Request) -> Response:
        """Metrics; from beyond loopback with a token only."""
        if not _on_loopback(request):
            try:
                await authenticate(store, request.headers.get("authorization", ""))
            except ModicumError as error:
                return PlainTextResponse(f"{error}\n", status_code=answer_of(type(error)).http_status)
        snapshot = await scrapes.read()
        text, media_type = await asyncio.to_thread(metrics.expose, snapshot, request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": media_type})

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", expose)]


def _on_loopback(request: Request) -> bool:
    if request.client is None:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
