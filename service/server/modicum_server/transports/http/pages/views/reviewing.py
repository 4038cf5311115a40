"""What a reviewer of a blind review sees: one picture after another. Needs no sign-in, and shows nothing of an audit.

Nothing here may tell what kind a picture is, or what the model says of it: not an address, a header, a size or a text.
"""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from modicum_server.errors import PageNotFound
from modicum_server.transports.calls import note_guess
from modicum_server.transports.http.pages import headers
from modicum_server.transports.http.pages.cookies import LONGEST_SECRET, is_encrypted
from modicum_server.transports.http.pages.hosts import port_of
from modicum_server.transports.http.pages.page import Page
from modicum_server.transports.http.pages.public_pages import public_page
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.usecases.review_errors import ReviewerUnknown, ReviewLinkUsed
from modicum_server.usecases.reviews import LINK_SECONDS, PATH

NOTHING = 0
"""The value for "nothing there"; options count from 1."""
DIGITS, LETTERS = "0123456789", "xabcdefghi"


async def _picture_page(visit: Visit) -> Response:
    """Return the page of the picture that is to be answered, or of the end; without a reviewer, what to open."""
    secret = _reviewer_of(visit.request)
    if not secret:
        return public_page(visit, "review-closed.html.j2")
    try:
        shown = await visit.use_cases.reviewing.now(secret)
    except ReviewerUnknown as error:
        return public_page(visit, "review-closed.html.j2", error)
    if shown is None:
        return public_page(visit, "review-end.html.j2")
    return public_page(visit, "review-picture.html.j2", shown=shown, keys=keys_of(shown.options))


def keys_of(options: Sequence[str]) -> str:
    """Return the keys of "nothing there" and of the options. They are letters where an option is called by a digit."""
    return LETTERS if any(option.isdecimal() for option in options) else DIGITS


async def _take_link(visit: Visit) -> Response:
    """Begin with a link. A browser that opens it again, or another used one, goes on with its own pictures."""
    try:
        secret = await visit.use_cases.reviewing.take_link(visit.form.text("link")[:LONGEST_SECRET])
    except ReviewLinkUsed as error:
        note_guess()
        if await visit.use_cases.reviewing.knows(_reviewer_of(visit.request)):
            return visit.redirect_to(PATH)
        return public_page(visit, "review-closed.html.j2", error)
    response = visit.redirect_to(PATH)
    response.set_cookie(
        _cookie_name(visit.request),
        secret,
        max_age=int(LINK_SECONDS),
        path=PATH,
        httponly=True,
        samesite="lax",
        secure=is_encrypted(visit.request),
    )
    return response


async def _answer(visit: Visit) -> Response:
    """Store an answer, and lead to the next picture. An answer to a picture of before leads there as well."""
    key = visit.form.whole("option", -1)
    option = None if key == NOTHING else key
    try:
        await visit.use_cases.reviewing.answer(_reviewer_of(visit.request), visit.form.text("picture"), option)
    except ReviewerUnknown as error:
        return public_page(visit, "review-closed.html.j2", error)
    except PageNotFound:
        pass  # a page from before another answer: the one to look at now follows
    return visit.redirect_to(PATH)


async def _picture(visit: Visit) -> Response:
    try:
        data = await visit.use_cases.reviewing.picture(
            _reviewer_of(visit.request), visit.request.path_params["picture"]
        )
    except ReviewerUnknown:
        raise PageNotFound("this browser has no such picture to look at") from None
    return Response(data, headers=dict(headers.REVIEWED), media_type="image/png")


def _cookie_name(request: Request) -> str:
    return f"modicum_review_{port_of(request.headers.get('host', ''))}"


def _reviewer_of(request: Request) -> str:
    return request.cookies.get(_cookie_name(request), "")[:LONGEST_SECRET]


PAGES = (
    Page("review", PATH, _picture_page, public=True),
    Page("review_link", f"{PATH}/link", _take_link, takes_form=True, public=True),
    Page("review_answer", f"{PATH}/answer", _answer, takes_form=True, public=True),
    Page("review_picture", f"{PATH}/pictures/{{picture}}", _picture, public=True),
)
