"""The trail of a project: who did what, with filters. For its admins."""

from http import HTTPStatus
from urllib.parse import urlencode

from starlette.responses import Response

from modicum_server.domain.projects import Role
from modicum_server.domain.trail import TrailOutcome, Verb
from modicum_server.transports.http.pages.mistakes import Mistake, telling
from modicum_server.transports.http.pages.page import Page
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.usecases.pages import Page as Rows
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.trail import AskedEntries

ENTRIES_SHOWN = 50
FILTERS = ("principal", "verb", "resource", "outcome")
LABELS = {"filter": "Filter"}


async def _list(visit: Visit) -> Response:
    chosen = _chosen(visit)
    asked = AskedEntries(" AND ".join(f'{name} = "{value}"' for name, value in chosen.items() if value))
    request = PageRequest(ENTRIES_SHOWN, visit.query("page"))
    return _shown(visit, page=await visit.use_cases.trail.page(visit.principal, visit.project, asked, request))


async def _page(visit: Visit, *, problem: Mistake) -> Response:
    return _shown(visit, page=Rows(()), problem=problem)


def _shown(visit: Visit, *, page: object, problem: Mistake | None = None) -> Response:
    chosen = _chosen(visit)
    given = {name: value for name, value in chosen.items() if value}
    return visit.render(
        "trail.html.j2",
        status=HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK,
        page=page,
        problem=problem,
        chosen=chosen,
        verbs=list(Verb),
        outcomes=list(TrailOutcome),
        path=f"/{visit.project}/trail{f'?{urlencode(given)}' if given else ''}",
        filtered=bool(given),
        first=not visit.query("page"),
    )


def _chosen(visit: Visit) -> dict[str, str]:
    return {name: visit.query(name).strip() for name in FILTERS}


PAGES = (Page("trail", "/projects/{project}/trail", telling(_list, _page, LABELS), needs=Role.ADMIN),)
