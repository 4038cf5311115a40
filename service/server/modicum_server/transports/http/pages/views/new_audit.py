"""A new audit by a form, with its cost before it is created."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from starlette.responses import Response

from modicum_server.domain.audits import Audit
from modicum_server.domain.controls import CONTROLS
from modicum_server.domain.datasets import Dataset
from modicum_server.domain.models import Model, VersionState
from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.searches import Control, Fill
from modicum_server.errors import AuditExists, ModicumError
from modicum_server.transports.http.pages.asking_again import Repeated, repeated
from modicum_server.transports.http.pages.audit_form import LABELS, OFFERED, AuditForm, draft_of
from modicum_server.transports.http.pages.mistakes import Mistake, mistake
from modicum_server.transports.http.pages.page import Page
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.usecases.audit_creation import AuditOptions
from modicum_server.usecases.durations import longest_seconds
from modicum_server.usecases.judging import starting_images
from modicum_server.usecases.pages import PageRequest

CHOICES_SHOWN = 500
VERSIONS_SHOWN = 50
"""Versions of the chosen model that may be audited beside it, the newest first."""
UNREADY_SHOWN = 10
"""Models without a READY version that are named where there is no other."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What an audit would cost at most. `seconds` is None where a version was not timed."""

    audit: Audit
    seconds: float | None


async def _form(visit: Visit) -> Response:
    again = await repeated(visit)
    if again is not None:
        return await _page(visit, again.form, again=again)
    able = visit.use_cases
    model = await _there(visit, "model", able.versions.get)
    return await _page(visit, AuditForm(model=model, dataset=await _there(visit, "dataset", able.datasets.get)))


async def _there(visit: Visit, field: str, get: Callable[[Principal, str], Awaitable[object]]) -> str:
    """Return what the address names for a field; empty where the project has nothing of that name."""
    name = visit.query(field)
    try:
        await get(visit.principal, name)
    except ModicumError:
        return ""
    return name if name.startswith(f"{visit.project}/") else ""


async def _cost(visit: Visit) -> Response:
    """Return the cost: as a part for htmx, else on the whole page."""
    asked = AuditForm.of(visit.form)
    cost, problem = None, None
    try:
        cost = await _cost_of(visit, asked)
    except ModicumError as error:
        problem = _problem(error, asked)
    if visit.request.headers.get("hx-request") == "true":
        return visit.render("cost.html.j2", cost=cost, problem=problem, is_part=True)
    return await _page(visit, asked, cost=cost, problem=problem)


async def _beside(visit: Visit) -> Response:
    """Return the versions that can be audited beside the chosen one, as a part for htmx."""
    asked = AuditForm.of(visit.form)
    models, _ = await _choices(visit)
    return visit.render("beside.html.j2", asked=asked, others=await _others(visit, asked, models))


async def _create(visit: Visit) -> Response:
    asked = AuditForm.of(visit.form)
    options = AuditOptions(request_id=asked.request_id, audit_id=asked.audit_id)
    try:
        draft = draft_of(asked, visit.form, visit.project)
        audit = await visit.use_cases.audit_creation.create(visit.principal, visit.project, draft, options)
    except ModicumError as error:
        return await _page(visit, asked, problem=_problem(error, asked))
    return visit.redirect_to(f"/{audit.name}")


def _problem(error: ModicumError, asked: AuditForm) -> Mistake:
    if isinstance(error, AuditExists):
        held = f"{LABELS['audit_id']}: this project has an audit {asked.audit_id} already; choose another name"
        return Mistake(held, "audit_id")
    return mistake(error, LABELS)


async def _cost_of(visit: Visit, asked: AuditForm) -> Cost:
    options = AuditOptions(validate_only=True, audit_id=asked.audit_id)
    draft = draft_of(asked, visit.form, visit.project)
    audit = await visit.use_cases.audit_creation.create(visit.principal, visit.project, draft, options)
    versions = [await visit.use_cases.versions.get(visit.principal, name) for name in asked.versions]
    return Cost(audit, longest_seconds(audit.progress.passes_planned, versions))


async def _page(
    visit: Visit,
    asked: AuditForm,
    *,
    again: Repeated | None = None,
    cost: Cost | None = None,
    problem: Mistake | None = None,
) -> Response:
    models, datasets = await _choices(visit)
    ready = _newest(models)
    return visit.render(
        "new-audit.html.j2",
        status=HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK,
        asked=asked,
        again=again,
        cost=cost,
        problem=problem,
        is_part=False,
        models=ready,
        unready=[] if ready else [model for model in models if model.latest_version][:UNREADY_SHOWN],
        datasets=[dataset.name for dataset in datasets],
        others=await _others(visit, asked, models),
        controls=[(name, CONTROLS[Control(name)].question, _is_asked(asked, name)) for name in OFFERED],
        fills=[fill.value for fill in Fill],
        policy_images=starting_images(),
        default_passes=visit.settings.default_passes,
    )


def _is_asked(asked: AuditForm, control: str) -> bool:
    return asked.controls is None or control in asked.controls


async def _choices(visit: Visit) -> tuple[Sequence[Model], Sequence[Dataset]]:
    """Return the first models of the project, and its data sets with the newest first."""
    models = await visit.use_cases.models.page(visit.principal, visit.project, PageRequest(CHOICES_SHOWN))
    return models.rows, await visit.use_cases.datasets.newest(visit.principal, visit.project, limit=CHOICES_SHOWN)


def _newest(models: Sequence[Model]) -> list[str]:
    return [model.latest_ready_version for model in models if model.latest_ready_version]


async def _others(visit: Visit, asked: AuditForm, models: Sequence[Model]) -> list[str]:
    """Return the versions that can stand beside the chosen one.

    Those that are ticked come first, then the others of its model, then the newest of other models.
    """
    newest = _newest(models)
    chosen = asked.model or (newest[0] if newest else "")
    model, _, _ = chosen.partition("/versions/")
    try:
        versions = await visit.use_cases.versions.page(visit.principal, model, PageRequest(VERSIONS_SHOWN))
    except ModicumError:  # what was typed names no model: the form says so when it is sent
        return newest
    ready = [version.name for version in versions.rows if version.state is VersionState.READY]
    ticked = [name for name in asked.beside if "/versions/" in name]
    return [name for name in dict.fromkeys((*ticked, *ready, *newest)) if name != chosen]


_PATH = "/projects/{project}/new-audit"
PAGES = (
    Page("new_audit_form", _PATH, _form, needs=Role.AUDITOR),
    Page("new_audit", _PATH, _create, takes_form=True, needs=Role.AUDITOR),
    Page("new_audit_cost", f"{_PATH}/cost", _cost, takes_form=True, needs=Role.AUDITOR),
    Page("new_audit_beside", f"{_PATH}/beside", _beside, takes_form=True, needs=Role.AUDITOR),
)
