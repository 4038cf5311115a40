"""Signing in, by token or by a link that works once, and signing out."""

import asyncio

from starlette.responses import Response

from modicum_server.errors import ModicumError, SignInLinkUsed, TokenInvalid
from modicum_server.transports.http.pages.cookies import forget_secret, secret_of, set_secret
from modicum_server.transports.http.pages.page import Page
from modicum_server.transports.http.pages.public_pages import public_page
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.transports.layers import GUESS_SECONDS

HOME = "/"
LONGEST_TOKEN = 1000


async def _sign_in_form(visit: Visit) -> Response:
    return _form(visit, visit.query("next"))


async def _sign_in(visit: Visit) -> Response:
    try:
        secret = await visit.use_cases.sessions.sign_in(visit.form.text("token")[:LONGEST_TOKEN], visit.origin)
    except TokenInvalid as error:
        visit.tell_refused(error)
        await asyncio.sleep(GUESS_SECONDS)
        return _form(visit, visit.form.text("next"), error)
    return _signed_in(visit, secret, _within(visit.form.text("next")))


async def _sign_in_by_link(visit: Visit) -> Response:
    try:
        link = visit.form.text("link")[:LONGEST_TOKEN]
        secret = await visit.use_cases.sessions.sign_in_by_link(link, visit.origin)
    except SignInLinkUsed as error:
        visit.tell_refused(error)
        await asyncio.sleep(GUESS_SECONDS)
        return _form(visit, HOME, error)
    return _signed_in(visit, secret, HOME)


async def _sign_out(visit: Visit) -> Response:
    await visit.use_cases.sessions.sign_out(secret_of(visit.request))
    response = visit.redirect_to("/sign-in")
    forget_secret(visit.request, response)
    return response


def _form(visit: Visit, path: str, error: ModicumError | None = None) -> Response:
    return public_page(visit, "sign-in.html.j2", error, next=_within(path))


def _signed_in(visit: Visit, secret: str, path: str) -> Response:
    """Give the browser the secret of its session, which is another one than before."""
    response = visit.redirect_to(path)
    set_secret(visit.request, response, secret)
    return response


def _within(path: str) -> str:
    """Return a path of this server; the first page for what would lead elsewhere."""
    plain = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if plain else HOME


PAGES = (
    Page("sign_in_form", "/sign-in", _sign_in_form, public=True),
    Page("sign_in", "/sign-in", _sign_in, takes_form=True, public=True),
    Page("sign_in_by_link", "/sign-in/link", _sign_in_by_link, takes_form=True, public=True),
    Page("sign_out", "/sign-out", _sign_out, takes_form=True),
)
