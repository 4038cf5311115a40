"""Erasing a picture of a data set: what goes, a form that asks whether to, and the receipt. For admins."""

from http import HTTPStatus

from starlette.responses import Response

from modicum_server.domain.projects import Role
from modicum_server.errors import FieldInvalid
from modicum_server.transports.http.pages.mistakes import Mistake, telling
from modicum_server.transports.http.pages.page import Page
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.usecases.erasing import ErasedPicture

LABELS = {"sure": "Erase it", "dataset": "Data set", "item": "Picture"}


async def _form(visit: Visit) -> Response:
    return await _asked(visit)


async def _erase(visit: Visit) -> Response:
    if visit.form.text("sure") != "yes":
        raise FieldInvalid("sure", "tick the box: an erased picture does not come back")
    picture = ErasedPicture(dataset=visit.form.text("dataset"), item=visit.form.text("item"))
    erasure = await visit.use_cases.erasing.erase(visit.principal, visit.project, picture)
    return visit.redirect_to(f"/{erasure.name}")


async def _asked(visit: Visit, *, problem: Mistake | None = None) -> Response:
    """Show which picture, and what goes with it."""
    picture = {name: visit.form.text(name) or visit.query(name) for name in ("dataset", "item")}
    return visit.render(
        "erase.html.j2",
        status=HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK,
        problem=problem,
        image=await visit.use_cases.erasing.shown_before(visit.principal, visit.project, ErasedPicture(**picture)),
        **picture,
    )


async def _receipt(visit: Visit) -> Response:
    erasure = await visit.use_cases.erasing.get(visit.principal, visit.named("erasures", "erasure"))
    return visit.render("erasure.html.j2", erasure=erasure)


_ERASE = "/projects/{project}/erase"
PAGES = (
    Page("erase_form", _ERASE, _form, needs=Role.ADMIN),
    Page("erase", _ERASE, telling(_erase, _asked, LABELS), takes_form=True, needs=Role.ADMIN),
    Page("erasure", "/projects/{project}/erasures/{erasure}", _receipt, needs=Role.ADMIN),
)
