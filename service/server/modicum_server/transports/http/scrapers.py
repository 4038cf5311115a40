"""Who may read /metrics, and of which projects they see names."""

from dataclasses import dataclass

from starlette.requests import Request

from modicum_server.domain.gauges import ALL_NAMES, NO_NAMES, Sight
from modicum_server.domain.projects import Principal
from modicum_server.errors import DependencyUnavailable, TokenInvalid, Unavailable
from modicum_server.ports import Store, Transaction
from modicum_server.transports.authentication import authenticate, given_token
from modicum_server.transports.call_limits import BOUNDS, Bounds
from modicum_server.transports.http.addresses import address_of, is_direct_on_loopback
from modicum_server.transports.http.pages.hosts import is_loopback
from modicum_server.transports.token_lookups import TokenLookups
from modicum_server.usecases.access import token_digest
from modicum_server.usecases.shares import stranger

AUTHENTICATION_SECONDS = 3.0
#: Tokens that are accepted while the database is away, those that scraped last.
MOST_REMEMBERED = 1_000


@dataclass(frozen=True, slots=True)
class Scraper:
    """Who scrapes, and what they see. All without a token at one address are one caller."""

    principal: Principal
    sight: Sight

    @classmethod
    def of(cls, principal: Principal) -> "Scraper":
        """Return the scraper with a principal's token."""
        return cls(principal, Sight(frozenset(principal.roles), of_all=principal.reads_metrics))


class Scrapers:
    """Lets callers read metrics: on loopback without a proxy, and elsewhere with a token.

    A token shows the names of its projects, one for metrics those of all. Without one, names show only to who calls
    this machine by a name of loopback, so a site that points its own name here learns none. While the database is away,
    a token that was valid the last time is accepted: metrics are needed most then.
    """

    def __init__(
        self,
        store: Store,
        *,
        names_on_loopback: bool,
        bounds: Bounds = BOUNDS,
        most_remembered: int = MOST_REMEMBERED,
    ) -> None:
        self._without_token = ALL_NAMES if names_on_loopback else NO_NAMES
        self._lookups = TokenLookups(
            lambda authorization: authenticate(store, authorization, AUTHENTICATION_SECONDS, find=_scraper)
        )
        self._seen: dict[str, Scraper] = {}
        self._bounds = bounds
        self._most_remembered = most_remembered

    async def admit(self, request: Request) -> Scraper:
        """Return who the caller is.

        Raises:
            TokenMissing, TokenInvalid
            ShareExceeded: too many scrapes with the token wait.
            DependencyUnavailable: the database is away, and the token was not seen before.
        """
        authorization = request.headers.get("authorization", "")
        if not authorization and is_direct_on_loopback(request):
            at_home = is_loopback(request.headers.get("host", ""))
            return Scraper(stranger(address_of(request)), self._without_token if at_home else NO_NAMES)
        digest = token_digest(given_token(authorization))
        try:
            principal = await self._lookups.principal(authorization, AUTHENTICATION_SECONDS)
        except (Unavailable, TimeoutError) as error:
            if digest not in self._seen:
                raise DependencyUnavailable from error
            return self._seen[digest]
        except TokenInvalid:
            self._seen.pop(digest, None)
            await self._bounds.delay_guess()
            raise
        return self._remembered(digest, Scraper.of(principal))

    def _remembered(self, digest: str, scraper: Scraper) -> Scraper:
        self._seen.pop(digest, None)  # the last one that was seen stands last
        self._seen[digest] = scraper
        if len(self._seen) > self._most_remembered:
            del self._seen[next(iter(self._seen))]
        return scraper


async def _scraper(transaction: Transaction, digest: str) -> Principal | None:
    """Find the principal of a token with roles, or of one for metrics."""
    by_roles = await transaction.projects.authenticate(digest)
    return by_roles or await transaction.access.metrics_reader(digest)
