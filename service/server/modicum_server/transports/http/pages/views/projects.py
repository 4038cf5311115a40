"""The first page, the list of projects, and a project at a glance."""

from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from modicum_server.errors import PageNotFound
from modicum_server.transports.http.pages.page import Page
from modicum_server.transports.http.pages.trend_drawing import small_drawing_of
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.transports.http.pages.words import model_command
from modicum_server.usecases.needs import FAILED_DAYS
from modicum_server.usecases.overviews import Work
from modicum_server.usecases.pages import PageRequest

NEEDS_SHOWN = 50

FIRST_COMMANDS = f"""{model_command()}
modicum datasets create holdout photos/
modicum audits create --name audit-1 --model resnet18 --dataset holdout --threshold 0.9"""

FILES = {
    "w.safetensors": "the weights of your network",
    "torchvision:resnet18": "its architecture; also timm:NAME, efficientnet_lite:NAME or modicum:small_cnn",
    "imagenet": "how its pictures are resized and normalised; also cifar10 or a .toml file",
    "labels.txt": "the names of its classes, one a line, in the order of its outputs",
    "photos/": "pictures that it was not trained on, one folder for each class",
}
"""What the words of FIRST_COMMANDS stand for that a reader replaces."""


async def _first(visit: Visit) -> Response:
    """Lead to the only project of the visitor, or to the list."""
    only = list(visit.principal.roles)
    return visit.redirect_to(f"/{only[0]}" if len(only) == 1 else "/projects")


async def _projects(visit: Visit) -> Response:
    page = await visit.use_cases.projects.page(visit.principal, PageRequest(token=visit.query("page")))
    return visit.render("projects.html.j2", page=page, roles=visit.principal.roles, first=not visit.query("page"))


async def _overview(visit: Visit) -> Response:
    request = PageRequest(token=visit.query("page"))
    seen = await visit.use_cases.overviews.of(visit.principal, visit.project, request)
    return visit.render(
        "overview.html.j2",
        first_commands=FIRST_COMMANDS,
        files=FILES,
        first=not visit.query("page"),
        asked_page=visit.query("page"),
        seen=seen,
        failed_days=FAILED_DAYS,
        **_at_work(seen.work),
    )


async def _needs(visit: Visit) -> Response:
    """Return all that needs a person, a page at a time."""
    request = PageRequest(NEEDS_SHOWN, visit.query("page"))
    return visit.render(
        "needs.html.j2",
        page=await visit.use_cases.needs.page(visit.principal, visit.project, request),
        first=not visit.query("page"),
        failed_days=FAILED_DAYS,
    )


async def _work(visit: Visit) -> Response:
    """Return the part of the overview that changes while audits run."""
    return visit.render(
        "work.html.j2", **_at_work(await visit.use_cases.overviews.work(visit.principal, visit.project))
    )


async def _begun(visit: Visit) -> Response:
    """Let the browser reload an empty overview once the project has something to show."""
    seen = await visit.use_cases.overviews.of(visit.principal, visit.project, PageRequest(1))
    if seen.is_empty:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return Response(headers={"HX-Refresh": "true"})


async def _trends(visit: Visit) -> Response:
    """Return the small trends of the models that the overview shows. They come later, because they read results."""
    models = await visit.use_cases.overviews.models(
        visit.principal, visit.project, PageRequest(token=visit.query("page"))
    )
    trends = await visit.use_cases.trends.at_a_glance(visit.principal, visit.project, [model.name for model in models])
    return visit.render("trends.html.j2", drawings={name: small_drawing_of(one) for name, one in trends.items()})


def _at_work(work: Work) -> dict[str, Any]:
    return {"work": work, "counts": {state.value: count for state, count in work.counts.items()}}


async def _unknown(visit: Visit) -> Response:
    raise PageNotFound(f"there is no page {visit.request.url.path[:200]}; begin at the overview")


PAGES = (
    Page("first", "/", _first),
    Page("projects", "/projects", _projects),
    Page("overview", "/projects/{project}", _overview),
    Page("needs", "/projects/{project}/needs", _needs),
    Page("work", "/projects/{project}/work", _work),
    Page("begun", "/projects/{project}/begun", _begun),
    Page("trends", "/projects/{project}/trends", _trends),
)
UNKNOWN = (Page("unknown", "/projects/{project}/{rest:path}", _unknown),)
"""What comes after all other pages of a project."""
