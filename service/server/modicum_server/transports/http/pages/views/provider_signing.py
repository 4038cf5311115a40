"""Signing in at a provider: the way there, and the way back."""

import re

import structlog
from starlette.requests import Request
from starlette.responses import Response

from modicum_server.domain.sign_in import FLOW_SECONDS, ProviderResponse
from modicum_server.ports import IdentityTokenInvalid, ProviderUnavailable, SignInRefused
from modicum_server.transports.calls import note_guess
from modicum_server.transports.http.pages.cookies import flow_of, forget_flow, set_flow
from modicum_server.transports.http.pages.page import Page
from modicum_server.transports.http.pages.sign_in_page import HOME, sign_in_page, signed_in, within
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.usecases.provider_sign_in import CALLBACK

LONGEST_PATH = 500
LONGEST_VALUE = 4096

log = structlog.get_logger(__name__)


async def _begin(visit: Visit) -> Response:
    path = within(visit.query("next"))
    try:
        begun = await visit.use_cases.provider_sign_in.begin(path if len(path) <= LONGEST_PATH else HOME)
    except ProviderUnavailable as error:
        return sign_in_page(visit, path, error)
    response = visit.redirect_to(begun.url)
    set_flow(visit.request, response, begun.cookie, seconds=FLOW_SECONDS, encrypted=_is_encrypted(visit))
    return response


async def _finish(visit: Visit) -> Response:
    try:
        done = await visit.use_cases.provider_sign_in.finish(
            flow_of(visit.request), _response(visit.request), visit.origin
        )
    except (SignInRefused, IdentityTokenInvalid) as error:
        visit.tell_refused(error)
        log.info("sign_in_refused", reason=error.reason, cause=str(error))
        note_guess()
        return sign_in_page(visit, HOME, error)
    except ProviderUnavailable as error:
        return sign_in_page(visit, HOME, error)
    response = signed_in(visit, done.secret, within(done.path), encrypted=_is_encrypted(visit))
    forget_flow(visit.request, response)
    return response


def _response(request: Request) -> ProviderResponse:
    """Return what came back. A value that stands there twice counts as missing, as RFC 6749 has it."""
    values = {name: request.query_params.getlist(name) for name in ("state", "code", "iss", "error")}
    once = {name: found[0][:LONGEST_VALUE] if len(found) == 1 else "" for name, found in values.items()}
    # the text is another system's: only what has the form of a code is shown
    error = once["error"] if re.fullmatch("[a-z_]{0,64}", once["error"], re.ASCII) else "an error"
    return ProviderResponse(state=once["state"], code=once["code"], issuer=once["iss"], error=error)


def _is_encrypted(visit: Visit) -> bool:
    """Return whether browsers come by https. A proxy may hide it, and no form with an Origin leads here."""
    return visit.settings.pages_url.startswith("https://")


PAGES = (
    Page("begin_provider_sign_in", "/sign-in/provider", _begin, public=True),
    Page("provider_sign_in", CALLBACK, _finish, public=True),
)
