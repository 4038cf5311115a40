"""The routes of the pages in an application."""

from starlette.routing import Route

from modicum_server.settings import Settings
from modicum_server.transports.call_limits import Bounds
from modicum_server.transports.call_metrics import CallMetrics
from modicum_server.transports.http.pages.page import PageServices, routes_of
from modicum_server.transports.http.pages.views import (
    artifacts,
    audits,
    datasets,
    erasing,
    holding,
    judging,
    keeping,
    members,
    models,
    new_audit,
    pictures,
    policies,
    projects,
    provider_signing,
    reviewing,
    reviews,
    side_by_side,
    signing,
    spot_swaps,
    tokens,
    trail,
    trust,
    verdicts,
    words,
)
from modicum_server.transports.http.whole_bodies import WholeBodies
from modicum_server.transports.services import Services

NOUNS = (
    signing,
    provider_signing,
    reviewing,
    projects,
    audits,
    judging,
    reviews,
    verdicts,
    policies,
    models,
    datasets,
    pictures,
    artifacts,
    new_audit,
    side_by_side,
    spot_swaps,
    members,
    tokens,
    erasing,
    holding,
    keeping,
    trust,
    trail,
    words,
)
PAGES = (*(page for noun in NOUNS for page in noun.PAGES), *projects.UNKNOWN)


def page_routes(
    services: Services, settings: Settings, metrics: CallMetrics, bounds: Bounds, bodies: WholeBodies
) -> list[Route]:
    """Return the routes. The first that fits a path serves it."""
    return routes_of(PAGES, PageServices.of(services, settings, metrics, bounds, bodies))
