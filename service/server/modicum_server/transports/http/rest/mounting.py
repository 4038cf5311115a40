"""The routes of REST in an application: the contract below /v1, its description, and a page of that."""

from functools import cache

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from modicum_server.ports import Store
from modicum_server.transports.call_limits import Bounds
from modicum_server.transports.call_metrics import CallMetrics
from modicum_server.transports.http.rest.endpoint import RestEndpoint
from modicum_server.transports.http.rest.openapi.document import document
from modicum_server.transports.http.rest.openapi.page import render_page, security
from modicum_server.transports.http.whole_bodies import WholeBodies
from modicum_server.transports.layers import layers_of
from modicum_server.transports.services import Services
from modicum_server.transports.unrouted_log import UnroutedRequests


def rest_routes(
    services: Services,
    store: Store,
    metrics: CallMetrics,
    bounds: Bounds,
    bodies: WholeBodies,
    *,
    stylesheet: str,
    limits: Middleware,
) -> list[BaseRoute]:
    """Return the routes. The description needs no token: it says nothing about what is stored.

    `stylesheet`: the address of that of the pages, so that the page of REST looks like these. `limits`: of what needs
    no token.
    """
    described = cache(document)  # made on the first request, so that no start waits for it
    rendered = cache(lambda: render_page(described(), stylesheet))

    async def description(_request: Request) -> Response:
        return JSONResponse(described())

    async def page(_request: Request) -> Response:
        return HTMLResponse(rendered(), headers={"Content-Security-Policy": security()})

    shared = services.call_rates, services.call_turns, services.refused
    layers = layers_of(store, metrics, *shared, bounds=bounds, traces=services.traces)
    unrouted, seconds = UnroutedRequests(metrics), bounds.heartbeat_seconds
    endpoint = RestEndpoint(services, layers, unrouted, bodies, heartbeat_seconds=seconds)
    return [
        Route("/openapi.json", description, middleware=[limits]),
        Route("/docs", page, middleware=[limits]),
        Route("/v1/{rest:path}", endpoint),
    ]
