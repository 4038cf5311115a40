"""Models: the list, one model with its versions, verdicts and trends, and one version."""

import asyncio
from collections.abc import Sequence

from starlette.responses import Response

from modicum_server.domain.models import Endpoint, Ensemble, Executable, InputDropout, ModelVersion, Weights
from modicum_server.transports.http.pages.page import Page
from modicum_server.transports.http.pages.trend_drawing import drawing_of
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.transports.http.pages.words import label_of
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.trends import Trend, TrendPoint

MODELS_SHOWN = 50
VERSIONS_SHOWN = 20
NEWEST = 5


async def _list(visit: Visit) -> Response:
    request = PageRequest(MODELS_SHOWN, visit.query("page"))
    page = await visit.use_cases.overviews.lines(visit.principal, visit.project, request)
    return visit.render("models.html.j2", page=page, first=not visit.query("page"))


async def _model(visit: Visit) -> Response:
    name = visit.named("models", "model")
    model = await visit.use_cases.models.get(visit.principal, name)
    versions = await visit.use_cases.versions.page(
        visit.principal, name, PageRequest(VERSIONS_SHOWN, visit.query("page"))
    )
    lines = await visit.use_cases.overviews.versions(visit.principal, visit.project, versions.rows)
    judged = next((line.verdict for line in lines if line.verdict is not None), None)
    trends = await visit.use_cases.trends.of(visit.principal, name, () if judged is None else judged.rules)
    return visit.render(
        "model.html.j2",
        model=model,
        versions=versions,
        lines=lines,
        drawings=[drawing_of(trend) for trend in trends],
        breaks=_breaks(trends),
        first=not visit.query("page"),
    )


def _breaks(trends: Sequence[Trend]) -> list[TrendPoint]:
    """Return the points that break a line, one for each version and audit."""
    points = (point for trend in trends for point in trend.points if point.broken)
    return list({(point.audit.name, point.model_version): point for point in points}.values())


async def _version(visit: Visit) -> Response:
    name = f"{visit.named('models', 'model')}/versions/{visit.request.path_params['version']}"
    version = await visit.use_cases.versions.get(visit.principal, name)
    about, newest = f'model_version = "{name}"', PageRequest(NEWEST)
    audits = await visit.use_cases.audits.page(visit.principal, visit.project, about, newest)
    facts = await asyncio.gather(*map(visit.use_cases.overviews.facts, audits.rows))
    return visit.render(
        "version.html.j2",
        version=version,
        source=_source(version),
        failed_try=await visit.use_cases.versions.failed_try(version),
        audits=audits,
        found={audit.name: one.get(name) for audit, one in zip(audits.rows, facts, strict=True)},
        verdicts=await visit.use_cases.verdicts.page(visit.principal, visit.project, about, newest),
    )


def _source(version: ModelVersion) -> str:
    match version.source:
        case Weights(architecture=architecture):
            return f"weights of {architecture}"
        case Executable(kind=kind):
            return f"a program ({kind.value})"
        case Ensemble(members=members, combine=combine):
            return f"an ensemble ({combine.value}) of {', '.join(map(label_of, members))}"
        case InputDropout(member=member, samples=samples):
            return f"{label_of(member)} over {samples:,} masks"
        case Endpoint(name=endpoint):
            return f"the endpoint {endpoint}, served elsewhere; its weights are not known here"


_MODEL = "/projects/{project}/models/{model}"
PAGES = (
    Page("models", "/projects/{project}/models", _list),
    Page("model", _MODEL, _model),
    Page("model_version", f"{_MODEL}/versions/{{version}}", _version),
)
