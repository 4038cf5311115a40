"""/healthz, /readyz and /metrics, for an operator's tools."""

import ipaddress
import json
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from modicum_server.errors import DependencyUnavailable, ModicumError, Unavailable
from modicum_server.ports import Store
from modicum_server.transports.authentication import authenticate
from modicum_server.transports.call_metrics import Exposition
from modicum_server.transports.errors import status_of_error
from modicum_server.transports.http.rest.problems import CHALLENGE
from modicum_server.transports.readiness import Readiness
from modicum_server.usecases.access import token_digest

AUTHENTICATION_SECONDS = 3.0


def probe_routes(store: Store, readiness: Readiness, exposition: Exposition) -> list[Route]:
    """Return the routes."""
    scrapers = Scrapers(store)

    async def healthz(_request: Request) -> Response:
        """Whether the process is alive. Checks no dependency, because a restart would not repair one."""
        return PlainTextResponse("alive\n")

    async def readyz(_request: Request) -> Response:
        """Whether it can serve: a JSON object with one line for each dependency."""
        ready = await readiness.check()
        body = json.dumps(dict(ready), indent=1) + "\n"
        return Response(body, status_code=200 if all(ready.values()) else 503, media_type="application/json")

    async def expose(request: Request) -> Response:
        """Metrics. A caller that is not on loopback needs a token."""
        if not _on_loopback(request):
            try:
                await scrapers.admit(request.headers.get("authorization", ""))
            except ModicumError as error:
                status = status_of_error(type(error)).http_status
                asked = {"WWW-Authenticate": CHALLENGE} if status == HTTPStatus.UNAUTHORIZED else None
                return PlainTextResponse(f"{error}\n", status_code=status, headers=asked)
        text, media_type = await exposition.expose(request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": media_type})

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", expose)]


class Scrapers:
    """Lets callers beyond loopback read metrics if they have a token.

    While the database is away, a token that was valid the last time is accepted: metrics are needed most then, and they
    hold nothing from the database at that time.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._good: set[str] = set()

    async def admit(self, authorization: str) -> None:
        """Check the token in an authorization header.

        Raises:
            TokenMissing, TokenInvalid
            DependencyUnavailable: the database is away, and the token was not seen before.
        """
        digest = token_digest(authorization)
        try:
            await authenticate(self._store, authorization, AUTHENTICATION_SECONDS)
        except (Unavailable, TimeoutError) as error:
            if digest not in self._good:
                raise DependencyUnavailable from error
        except ModicumError:
            self._good.discard(digest)
            raise
        else:
            self._good.add(digest)


def _on_loopback(request: Request) -> bool:
    if request.client is None:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
