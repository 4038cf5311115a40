"""The artifacts of a project: what is stored, how large it is, and what refers to it."""

from http import HTTPStatus

from starlette.responses import Response

from modicum_server.transports.http.pages.mistakes import Mistake, telling
from modicum_server.transports.http.pages.page import Page
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.usecases.pages import Page as Rows
from modicum_server.usecases.pages import PageRequest

ARTIFACTS_SHOWN = 50
LABELS = {"digest": "Digest"}


async def _list(visit: Visit) -> Response:
    request = PageRequest(ARTIFACTS_SHOWN, visit.query("page"))
    page = await visit.use_cases.artifacts.page(visit.principal, visit.project, request, beginning=_digest(visit))
    return await _shown(visit, page=page)


async def _page(visit: Visit, *, problem: Mistake) -> Response:
    return await _shown(visit, page=Rows(()), problem=problem)


async def _shown(visit: Visit, *, page: object, problem: Mistake | None = None) -> Response:
    digest = _digest(visit)
    return visit.render(
        "artifacts.html.j2",
        status=HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK,
        page=page,
        problem=problem,
        digest=digest,
        stored=await visit.use_cases.artifacts.stored_bytes(visit.principal, visit.project),
        path=f"/{visit.project}/artifacts{f'?digest={digest}' if digest else ''}",
        first=not visit.query("page"),
    )


def _digest(visit: Visit) -> str:
    return visit.query("digest").strip().lower()


PAGES = (Page("artifacts", "/projects/{project}/artifacts", telling(_list, _page, LABELS)),)
