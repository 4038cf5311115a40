"""/healthz, /readyz and /metrics, for an operator's tools."""

import json

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from modicum_server.errors import ModicumError
from modicum_server.transports.call_metrics import Exposition
from modicum_server.transports.http.plain_refusals import plain_refusal
from modicum_server.transports.http.scrapers import Scrapers
from modicum_server.transports.readiness import Readiness
from modicum_server.transports.services import Services


def probe_routes(scrapers: Scrapers, services: Services, readiness: Readiness, exposition: Exposition) -> list[Route]:
    """Return the routes."""

    async def healthz(_request: Request) -> Response:
        """Whether the process is alive. Checks no dependency, because a restart would not repair one."""
        return PlainTextResponse("alive\n")

    async def readyz(_request: Request) -> Response:
        """Whether it can serve: a JSON object with one line for each dependency."""
        ready = await readiness.check()
        body = json.dumps(dict(ready), indent=1) + "\n"
        return Response(body, status_code=200 if all(ready.values()) else 503, media_type="application/json")

    async def expose(request: Request) -> Response:
        """Metrics, with the names that the caller may see."""
        try:
            scraper = await scrapers.admit(request)
            services.call_rates.admit(scraper.principal)
            turn = services.call_turns.taken(scraper.principal, reads=True)
            text, media_type = await exposition.expose(request.headers.get("accept", ""), scraper.sight, turn)
        except ModicumError as error:
            return plain_refusal(error)
        return Response(text, headers={"Content-Type": media_type})

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", expose)]
