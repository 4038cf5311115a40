"""Signing in, by token or by a link that works once, and signing out."""

from starlette.responses import Response

from modicum_server.errors import SignInLinkUsed, TokenInvalid
from modicum_server.transports.calls import note_guess
from modicum_server.transports.http.pages.cookies import forget_secret, secret_of
from modicum_server.transports.http.pages.page import Page
from modicum_server.transports.http.pages.sign_in_page import HOME, sign_in_page, signed_in, signed_out_page, within
from modicum_server.transports.http.pages.visits import Visit

AT_PROVIDER = "provider"
"""In the address of the sign-in page after a session that was begun at a provider."""
LONGEST_TOKEN = 1000


async def _sign_in_form(visit: Visit) -> Response:
    if visit.query("left") == AT_PROVIDER:
        return await signed_out_page(visit)
    return sign_in_page(visit, visit.query("next"))


async def _sign_in(visit: Visit) -> Response:
    try:
        secret = await visit.use_cases.sessions.sign_in(visit.form.text("token")[:LONGEST_TOKEN], visit.origin)
    except TokenInvalid as error:
        visit.tell_refused(error)
        note_guess()
        return sign_in_page(visit, visit.form.text("next"), error)
    return signed_in(visit, secret, within(visit.form.text("next")))


async def _sign_in_by_link(visit: Visit) -> Response:
    try:
        link = visit.form.text("link")[:LONGEST_TOKEN]
        secret = await visit.use_cases.sessions.sign_in_by_link(link, visit.origin)
    except SignInLinkUsed as error:
        visit.tell_refused(error)
        note_guess()
        return sign_in_page(visit, HOME, error)
    return signed_in(visit, secret, HOME)


async def _sign_out(visit: Visit) -> Response:
    issuer = await visit.use_cases.sessions.sign_out(visit.principal, secret_of(visit.request))
    response = visit.redirect_to(f"/sign-in?left={AT_PROVIDER}" if issuer else "/sign-in")
    forget_secret(visit.request, response)
    return response


PAGES = (
    Page("sign_in_form", "/sign-in", _sign_in_form, public=True),
    Page("sign_in", "/sign-in", _sign_in, takes_form=True, public=True),
    Page("sign_in_by_link", "/sign-in/link", _sign_in_by_link, takes_form=True, public=True),
    Page("sign_out", "/sign-out", _sign_out, takes_form=True),
)
