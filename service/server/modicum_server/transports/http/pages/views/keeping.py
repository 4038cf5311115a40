"""Retention: for how long a project keeps findings, results and images, and the form with which admins change it."""

from http import HTTPStatus

from starlette.responses import Response

from modicum_server.domain.projects import Role
from modicum_server.domain.retention import Kept, Retention
from modicum_server.transports.http.pages.forms import Reading
from modicum_server.transports.http.pages.mistakes import Mistake, telling
from modicum_server.transports.http.pages.page import Page
from modicum_server.transports.http.pages.visits import Visit

LABELS = {"findings_days": "Findings", "reports_days": "Results", "images_days": "Images"}
WHAT = {
    "findings_days": "The rows of findings with their masks, counted from the end of the newest audit that has them. "
    "After that, reports show figures and no images.",
    "reports_days": "The result, from which reports are made, counted like findings. After that, there is no report.",
    "images_days": "The pictures of a data set with boxes and masks, counted from its creation or from the end of its "
    "newest audit. After that, nobody can audit it.",
}
KINDS = dict(zip(LABELS, Kept, strict=True))


async def _get(visit: Visit) -> Response:
    return await _page(visit)


async def _set(visit: Visit) -> Response:
    reading = Reading(visit.form)
    asked = Retention(**{field: reading.whole(field) for field in LABELS})
    reading.end()
    await visit.use_cases.retentions.set(visit.principal, visit.project, asked)
    return visit.redirect_to(f"/{visit.project}/retention?saved=1")


async def _page(visit: Visit, *, problem: Mistake | None = None) -> Response:
    """Show what is kept for how long, and the form as it was typed, or with what holds."""
    kept = await visit.use_cases.retentions.get(visit.principal, visit.project)
    days = {field: kept.days(kind) for field, kind in KINDS.items()}
    typed = {field: visit.form.text(field) if problem else str(days[field]) for field in LABELS}
    return visit.render(
        "retention.html.j2",
        status=HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK,
        rows=[(field, LABELS[field], days[field], WHAT[field], typed[field]) for field in LABELS],
        command=" ".join(["modicum retention set", *(f"--{kind.lower()} {_word(kept.days(kind))}" for kind in Kept)]),
        saved=visit.query("saved"),
        problem=problem,
    )


def _word(days: int) -> str:
    """Return a time as the command takes it."""
    return f"{days}d" if days else "keep"


_RETENTION = "/projects/{project}/retention"
PAGES = (
    Page("retention", _RETENTION, _get),
    Page("set_retention", _RETENTION, telling(_set, _page, LABELS), takes_form=True, needs=Role.ADMIN),
)
