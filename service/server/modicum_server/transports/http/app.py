"""The Starlette application: REST below /v1, pages for people, /metrics, /healthz, /readyz, and the middleware."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from modicum_server.ports import Store
from modicum_server.settings import Settings
from modicum_server.transports.call_limits import Bounds
from modicum_server.transports.call_metrics import CallMetrics, Exposition
from modicum_server.transports.http.address_limits import address_limits
from modicum_server.transports.http.middleware import middleware_of, respond_to_unrouted
from modicum_server.transports.http.pages.assets import asset, asset_route
from modicum_server.transports.http.pages.mounting import page_routes
from modicum_server.transports.http.probes import probe_routes
from modicum_server.transports.http.rest.mounting import rest_routes
from modicum_server.transports.http.scrapers import Scrapers
from modicum_server.transports.http.whole_bodies import WholeBodies
from modicum_server.transports.readiness import Readiness
from modicum_server.transports.services import Services
from modicum_server.transports.unrouted_log import UnroutedRequests


def build_app(
    services: Services,
    store: Store,
    *,
    readiness: Readiness,
    exposition: Exposition,
    settings: Settings,
    metrics: CallMetrics,
    bounds: Bounds,
) -> Starlette:
    """Return the application."""
    bodies = WholeBodies()
    limits = address_limits(services.call_rates)
    scrapers = Scrapers(store, names_on_loopback=settings.metrics_names, bounds=bounds)
    app = Starlette(
        routes=[
            *probe_routes(scrapers, services, readiness, exposition),
            *rest_routes(services, store, metrics, bounds, bodies, stylesheet=asset("pages.css"), limits=limits),
            asset_route(limits),
            *page_routes(services, settings, metrics, bounds, bodies),
        ],
        middleware=middleware_of(settings),
        exception_handlers={HTTPException: respond_to_unrouted(UnroutedRequests(metrics))},
    )
    app.router.redirect_slashes = False  # would redirect to any host that the caller named
    return app
