"""A page, and how it is served: within the layers of a call, after checks of host, session and form."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import cast
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from modicum_server.domain.projects import Principal, Role
from modicum_server.errors import FormForeign
from modicum_server.settings import Settings
from modicum_server.transports.authentication import within
from modicum_server.transports.call_limits import Bounds
from modicum_server.transports.call_metrics import CallMetrics
from modicum_server.transports.calls import Call, Wire, in_turn
from modicum_server.transports.http.pages.cookies import is_form_token, secret_of
from modicum_server.transports.http.pages.forms import (
    LARGEST_FORM_BYTES,
    LARGEST_PUBLIC_FORM_BYTES,
    TOKEN_FIELD,
    Form,
    form_in,
    require_form,
)
from modicum_server.transports.http.pages.hosts import Hosts
from modicum_server.transports.http.pages.visits import NOBODY, Show, Visit
from modicum_server.transports.http.pages.wire import PageWire
from modicum_server.transports.http.presence import require_there, while_there
from modicum_server.transports.http.whole_bodies import WholeBodies
from modicum_server.transports.layers import (
    Layer,
    attempt_of,
    authenticated,
    errors_refused,
    identified,
    limited,
    limited_by_address,
    logged,
    measured,
    noted,
    open_layers,
    paced,
    taking_turns,
)
from modicum_server.transports.open_streams import OpenStreams
from modicum_server.transports.refused_lines import RefusedLines
from modicum_server.transports.services import Services
from modicum_server.transports.traced_calls import traced
from modicum_server.transports.use_cases import UseCases
from modicum_server.usecases.access import authorise
from modicum_server.usecases.refused_attempts import RefusedAttempts


@dataclass(frozen=True, slots=True)
class Page:
    """A page, or the answer to a form. `name` stands in metrics and in the log.

    A `public` one needs no session; one that `streams` may take as long as its bytes need. The role that a page `needs`
    in its project is required before its form is read; the use cases require it again. Its form has at most
    `form_bytes`.
    """

    name: str
    path: str
    show: Show
    takes_form: bool = False
    public: bool = False
    streams: bool = False
    needs: Role | None = None
    form_bytes: int = LARGEST_FORM_BYTES


@dataclass(frozen=True, slots=True)
class PageServices:
    """What all pages share."""

    use_cases: UseCases
    settings: Settings
    public: Sequence[Layer]
    private: Sequence[Layer]
    refused: RefusedAttempts
    bounds: Bounds
    bodies: WholeBodies

    @classmethod
    def of(
        cls, services: Services, settings: Settings, metrics: CallMetrics, bounds: Bounds, bodies: WholeBodies
    ) -> "PageServices":
        """Build the layers, from outside in. The host is checked before the store is asked anything."""
        use_cases = services.use_cases
        shared = (
            identified,
            traced(services.traces),
            measured(metrics),
            logged(RefusedLines()),
            errors_refused(bounds),
            noted(services.refused),
            limited(bounds.longest_call_seconds),
            _expected(Hosts(settings)),
        )

        async def by_session(wire: Wire, seconds: float) -> Principal:
            page = cast("PageWire", wire)
            asked = use_cases.sessions.principal(secret_of(page.request), by_a_person=not page.is_asked_by_a_page)
            return await within(asked, seconds)

        known = authenticated(by_session, bounds.authentication_seconds)
        good = OpenStreams(use_cases.tokens.principals, recheck_seconds=bounds.recheck_seconds).layer
        limits = services.call_rates, services.call_turns
        public = (*shared, limited_by_address(*limits))
        private = (*shared, known, paced(services.call_rates), taking_turns(services.call_turns), good)
        return cls(use_cases, settings, public, private, services.refused, bounds, bodies)

    def route(self, page: Page) -> Route:
        """Return the route of a page."""
        return Route(page.path, _PageEndpoint(self, page), methods=["POST" if page.takes_form else "GET"])


class _PageEndpoint:
    """An ASGI application that serves one page."""

    def __init__(self, services: PageServices, page: Page) -> None:
        self._services = services
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        wire = PageWire(Request(scope, receive), send)
        call = Call(
            method=f"/modicum.pages/{self._page.name}",
            streaming=self._page.streams,
            wire=wire,
            reads=not self._page.takes_form,
            resource=wire.request.url.path.lstrip("/"),
        )
        async with AsyncExitStack() as stack:
            await open_layers(stack, self._services.public if self._page.public else self._services.private, call)
            visit = Visit(
                wire.request,
                self._services.use_cases,
                self._services.settings,
                call.principal or NOBODY,
                origin=call.origin,
                tell_refused=lambda error: self._services.refused.note(attempt_of(call, error)),
            )
            wire.visited(visit)
            call.enter(visit.project)
            if self._page.needs is not None:
                authorise(visit.principal, visit.project, self._page.needs)
            response = await self._shown(visit)
            if call.guessed:
                await self._services.bounds.delay_guess()  # no longer in its turn, which others of its address wait for
            await wire.respond(response)

    async def _shown(self, visit: Visit) -> Response:
        """Return the response. Looking ends when the browser leaves; what a form asks for is done once it was begun."""
        if self._page.takes_form:
            asked = replace(visit, form=await self._form(visit))
            async with in_turn():
                await require_there(visit.request)
                return await self._page.show(asked)
        return await while_there(visit.request.receive, self._looked(visit))

    async def _looked(self, visit: Visit) -> Response:
        async with nullcontext() if self._page.streams else in_turn():
            return await self._page.show(visit)

    async def _form(self, visit: Visit) -> Form:
        """Read a form that one of our own pages sent.

        Raises:
            FormForeign: another site sent it, or it is of another session.
        """
        request, secret = visit.request, secret_of(visit.request)
        if _is_of_another_site(request) or not secret:
            raise FormForeign
        require_form(request)
        who, most = (None, LARGEST_PUBLIC_FORM_BYTES) if self._page.public else (visit.principal, self._page.form_bytes)
        async with self._services.bodies.read(request, who, visit.project, most) as body:
            form = form_in(body)
        if not is_form_token(form.text(TOKEN_FIELD), secret):
            raise FormForeign
        return form


def _expected(hosts: Hosts) -> Layer:
    """Refuse requests for a name that is not served."""

    @asynccontextmanager
    async def layer(call: Call) -> AsyncIterator[None]:
        hosts.require(call.wire.header("host"))
        yield

    return layer


def _is_of_another_site(request: Request) -> bool:
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower()


def routes_of(pages: Sequence[Page], services: PageServices) -> list[Route]:
    """Return the routes of pages, in their order."""
    return [services.route(page) for page in pages]
