"""What all ways of signing in share: the page that offers them, and what follows when one succeeded."""

from starlette.responses import Response

from modicum_server.errors import ModicumError
from modicum_server.transports.http.pages.cookies import set_secret
from modicum_server.transports.http.pages.public_pages import public_page
from modicum_server.transports.http.pages.visits import Visit

HOME = "/"


async def signed_out_page(visit: Visit) -> Response:
    """Return the page for somebody whose session ended that was begun at the provider, where theirs goes on."""
    return _page(visit, HOME, left=True, sign_out_url=await visit.use_cases.provider_sign_in.sign_out_url())


def sign_in_page(visit: Visit, path: str, error: ModicumError | None = None) -> Response:
    """Return the page, for somebody who then goes to a path."""
    return _page(visit, path, error)


def _page(
    visit: Visit, path: str, error: ModicumError | None = None, *, left: bool = False, sign_out_url: str = ""
) -> Response:
    provider = visit.use_cases.provider_sign_in
    # the provider sends browsers back to this address, and the cookie has to be the same there
    begin = f"{visit.settings.pages_url.rstrip('/')}/sign-in/provider" if provider.name else ""
    return public_page(
        visit,
        "sign-in.html.j2",
        error,
        next=within(path),
        provider=provider.name,
        begin=begin,
        left=left,
        sign_out_url=sign_out_url,
    )


def signed_in(visit: Visit, secret: str, path: str, *, encrypted: bool = False) -> Response:
    """Give the browser the secret of its session, which is another one than before."""
    response = visit.redirect_to(path)
    set_secret(visit.request, response, secret, encrypted=encrypted)
    return response


def within(path: str) -> str:
    """Return a path of this server; the first page for what would lead elsewhere."""
    plain = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if plain else HOME
