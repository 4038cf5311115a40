"""Holds of a project: who holds what as evidence and why, and forms that hold and release. For its admins."""

from http import HTTPStatus
from urllib.parse import quote

from starlette.responses import Response

from modicum_server.domain.projects import Role
from modicum_server.transports.http.pages.mistakes import Mistake, telling
from modicum_server.transports.http.pages.page import Page
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.rules import RULES

HOLDS_SHOWN = 50
LABELS = {"hold": "Name", "hold_id": "Name", "held": "What to hold", "reason": "Reason"}


async def _list(visit: Visit) -> Response:
    return await _page(visit)


async def _add(visit: Visit) -> Response:
    form = visit.form
    await visit.use_cases.holds.create(
        visit.principal, visit.project, form.text("hold"), held=form.text("held"), reason=form.text("reason")
    )
    return visit.redirect_to(f"/{visit.project}/holds?added={quote(form.text('hold'))}")


async def _release(visit: Visit) -> Response:
    await visit.use_cases.holds.release(visit.principal, f"{visit.project}/holds/{visit.form.text('hold')}")
    return visit.redirect_to(f"/{visit.project}/holds")


async def _page(visit: Visit, *, problem: Mistake | None = None) -> Response:
    """Show the holds, and the form as it was typed, or with what the page that led here is about."""
    form, request = visit.form, PageRequest(HOLDS_SHOWN, visit.query("page"))
    return visit.render(
        "holds.html.j2",
        status=HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK,
        page=await visit.use_cases.holds.page(visit.principal, visit.project, request),
        added=visit.query("added"),
        id_rule=RULES["resource_id"].text,
        problem=problem,
        typed={name: form.text(name) or visit.query(name) for name in ("hold", "held", "reason")},
        first=not visit.query("page"),
    )


_HOLDS = "/projects/{project}/holds"
PAGES = (
    Page("holds", _HOLDS, _list, needs=Role.ADMIN),
    Page("add_hold", _HOLDS, telling(_add, _page, LABELS), takes_form=True, needs=Role.ADMIN),
    Page("release_hold", f"{_HOLDS}/release", telling(_release, _page, LABELS), takes_form=True, needs=Role.ADMIN),
)
