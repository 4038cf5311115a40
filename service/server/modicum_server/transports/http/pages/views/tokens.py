"""Tokens of a project: the list, and forms that make, rotate and revoke them. A secret is shown once. For admins."""

from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus

from starlette.responses import Response

from modicum_server.domain.projects import Role
from modicum_server.errors import FieldInvalid
from modicum_server.transports.http.pages.forms import Form, Reading
from modicum_server.transports.http.pages.mistakes import Mistake, telling
from modicum_server.transports.http.pages.page import Page
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.usecases.members import LONGEST_LIFETIME, token_mistakes
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.token_making import DEFAULT_LIFETIME, MadeToken

TOKENS_SHOWN = 50
OVERLAPS = {"at once": 0, "in an hour": 3600, "in a day": 86_400}
"""When a token that is rotated ends, in seconds."""
LABELS = {
    "member": "Member",
    "principal": "Member",
    "display_name": "What it is for",
    "days": "Days",
    "expire_time": "Days",
    "name": "Token",
    "overlap": "When it ends",
    "overlap_seconds": "When it ends",
}


async def _list(visit: Visit) -> Response:
    return await _page(visit)


async def _create(visit: Visit) -> Response:
    form = visit.form
    member, display_name = form.text("member"), form.text("display_name")
    read = Reading(form)
    lifetime = read.taken(partial(_lifetime, form), DEFAULT_LIFETIME)
    read.note(token_mistakes(member, display_name))
    read.end()
    made = await visit.use_cases.tokens.create(
        visit.principal,
        visit.project,
        member,
        display_name=display_name,
        expire_time=datetime.now(UTC) + lifetime,
    )
    return _shown_once(visit, made)


async def _rotate(visit: Visit) -> Response:
    made = await visit.use_cases.tokens.rotate(visit.principal, _token(visit), visit.form.whole("overlap"))
    return _shown_once(visit, made)


async def _revoke(visit: Visit) -> Response:
    await visit.use_cases.tokens.delete(visit.principal, _token(visit))
    return visit.redirect_to(f"/{visit.project}/tokens")


def _shown_once(visit: Visit, made: MadeToken) -> Response:
    return visit.render("new-token.html.j2", made=made)


def _lifetime(form: Form) -> timedelta:
    """Return for how long a new token is valid.

    Raises:
        FieldInvalid
    """
    days = form.whole("days", DEFAULT_LIFETIME.days)
    if not 1 <= days <= LONGEST_LIFETIME.days:
        raise FieldInvalid("days", f"expected 1 to {LONGEST_LIFETIME.days}, got {days:,}")
    return timedelta(days=days)


async def _page(visit: Visit, *, problem: Mistake | None = None) -> Response:
    form, request = visit.form, PageRequest(TOKENS_SHOWN, visit.query("page"))
    return visit.render(
        "tokens.html.j2",
        status=HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK,
        page=await visit.use_cases.tokens.page(visit.principal, visit.project, request),
        now=datetime.now(UTC),
        overlaps=OVERLAPS,
        problem=problem,
        member=form.text("member") or visit.query("member"),
        display_name=form.text("display_name"),
        days=form.text("days") or str(DEFAULT_LIFETIME.days),
        most_days=LONGEST_LIFETIME.days,
        first=not visit.query("page"),
    )


def _token(visit: Visit) -> str:
    return f"{visit.project}/tokens/{visit.form.text('token')}"


_TOKENS = "/projects/{project}/tokens"
PAGES = (
    Page("tokens", _TOKENS, _list, needs=Role.ADMIN),
    Page("create_token", _TOKENS, telling(_create, _page, LABELS), takes_form=True, needs=Role.ADMIN),
    Page("rotate_token", f"{_TOKENS}/rotate", telling(_rotate, _page, LABELS), takes_form=True, needs=Role.ADMIN),
    Page("revoke_token", f"{_TOKENS}/revoke", telling(_revoke, _page, LABELS), takes_form=True, needs=Role.ADMIN),
)
