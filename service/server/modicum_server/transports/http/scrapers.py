"""Who may read /metrics, and of which projects they see names."""

import asyncio
import ipaddress

from starlette.requests import Request

from modicum_server.domain.gauges import ALL_NAMES, NO_NAMES, Sight
from modicum_server.domain.projects import Principal
from modicum_server.errors import DependencyUnavailable, ModicumError, TokenInvalid, Unavailable
from modicum_server.ports import Store, Transaction
from modicum_server.transports.authentication import authenticate
from modicum_server.transports.http.pages.hosts import is_loopback
from modicum_server.transports.layers import GUESS_SECONDS
from modicum_server.usecases.access import token_digest

AUTHENTICATION_SECONDS = 3.0


class Scrapers:
    """Lets callers read metrics: on loopback, and elsewhere with a token.

    A token shows the names of its projects, one for metrics those of all. Without one, names show only to who calls
    this machine by a name of loopback, so a site that points its own name here learns none. While the database is away,
    a token that was valid the last time is accepted: metrics are needed most then.
    """

    def __init__(self, store: Store, *, names_on_loopback: bool) -> None:
        self._store = store
        self._without_token = ALL_NAMES if names_on_loopback else NO_NAMES
        self._seen: dict[str, Sight] = {}

    async def admit(self, request: Request) -> Sight:
        """Return what the caller sees.

        Raises:
            TokenMissing, TokenInvalid
            DependencyUnavailable: the database is away, and the token was not seen before.
        """
        authorization = request.headers.get("authorization", "")
        if not authorization and _on_loopback(request):
            return self._without_token if is_loopback(request.headers.get("host", "")) else NO_NAMES
        digest = token_digest(authorization)
        try:
            principal = await authenticate(self._store, authorization, AUTHENTICATION_SECONDS, find=_scraper)
        except (Unavailable, TimeoutError) as error:
            if digest not in self._seen:
                raise DependencyUnavailable from error
        except ModicumError as error:
            self._seen.pop(digest, None)
            if isinstance(error, TokenInvalid):
                await asyncio.sleep(GUESS_SECONDS)
            raise
        else:
            self._seen[digest] = Sight(frozenset(principal.roles), of_all=principal.reads_metrics)
        return self._seen[digest]


async def _scraper(transaction: Transaction, digest: str) -> Principal | None:
    """Find the principal of a token with roles, or of one for metrics."""
    by_roles = await transaction.projects.authenticate(digest)
    return by_roles or await transaction.access.metrics_reader(digest)


def _on_loopback(request: Request) -> bool:
    if request.client is None:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
