"""A new audit by a form, with its cost before it is created."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from uuid import uuid4

from starlette.responses import Response

from modicum_server.domain.audits import Audit, AuditSpecification
from modicum_server.domain.datasets import Dataset
from modicum_server.domain.models import Model
from modicum_server.domain.projects import Role
from modicum_server.domain.searches import Canvas, Fill, Search, SearchMethod
from modicum_server.errors import FieldInvalid, ModicumError
from modicum_server.transports.http.pages.door import Page
from modicum_server.transports.http.pages.forms import Form
from modicum_server.transports.http.pages.mistakes import mistake
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.usecases.audit_creation import AuditOptions
from modicum_server.usecases.durations import longest_seconds
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.specifications import AuditDraft

CHOICES_SHOWN = 500
DEFAULT_THRESHOLD = "0.9"
LABELS = {
    "model": "Model",
    "model_versions": "Model",
    "dataset": "Data set",
    "sample": "Images",
    "threshold": "Threshold",
    "passes": "Passes of the search of one image",
    "fill": "What replaces a masked pixel",
    "seed": "Seed",
    "audit_id": "Name",
}
"""What the fields of the form are called, by their names in the API and in the form."""


@dataclass(frozen=True, slots=True)
class AuditForm:
    """The fields of the form as they were typed."""

    model: str = ""
    dataset: str = ""
    threshold: str = DEFAULT_THRESHOLD
    passes: str = ""
    sample: str = ""
    fill: str = Fill.MEAN.value
    seed: str = "0"
    audit_id: str = ""
    request_id: str = field(default_factory=lambda: str(uuid4()))

    @classmethod
    def of(cls, form: Form) -> "AuditForm":
        """Return what was typed. An empty field has no default here, so that a mistake stays visible."""
        return cls(**{name: form.text(name) for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class Cost:
    """What an audit would cost at most. `seconds` is None where a version was not timed."""

    audit: Audit
    seconds: float | None


async def _form(visit: Visit) -> Response:
    return await _page(visit, AuditForm(model=visit.query("model"), dataset=visit.query("dataset")))


async def _cost(visit: Visit) -> Response:
    """Return the cost: as a part for htmx, else on the whole page."""
    asked = AuditForm.of(visit.form)
    cost, problem = None, None
    try:
        cost = await _cost_of(visit, asked)
    except ModicumError as error:
        problem = mistake(error, LABELS)
    if visit.request.headers.get("hx-request") == "true":
        return visit.render("cost.html.j2", cost=cost, problem=problem or "")
    return await _page(visit, asked, cost=cost, problem=problem or "")


async def _create(visit: Visit) -> Response:
    asked = AuditForm.of(visit.form)
    options = AuditOptions(request_id=asked.request_id, audit_id=asked.audit_id)
    try:
        audit = await visit.use_cases.audit_creation.create(visit.principal, visit.project, _draft(visit.form), options)
    except ModicumError as error:
        return await _page(visit, asked, problem=mistake(error, LABELS))
    return visit.redirect_to(f"/{audit.name}")


async def _cost_of(visit: Visit, asked: AuditForm) -> Cost:
    options = AuditOptions(validate_only=True)
    audit = await visit.use_cases.audit_creation.create(visit.principal, visit.project, _draft(visit.form), options)
    version = await visit.use_cases.versions.get(visit.principal, asked.model)
    return Cost(audit, longest_seconds(audit.progress.passes_planned, [version]))


def _draft(form: Form) -> AuditDraft:
    """Return the draft that a form asks for.

    Raises:
        FieldInvalid
    """
    fill = form.text("fill") or Fill.MEAN.value
    if fill not in set(Fill):
        raise FieldInvalid("fill", f"expected {', '.join(Fill)}, got {fill[:40]!r}")
    search = Search(
        SearchMethod.MASK_OPTIMIZATION, form.number("threshold"), fill=Fill(fill), passes=form.whole("passes")
    )
    if not form.text("model") or not form.text("dataset"):
        raise FieldInvalid("model", "expected a model and a data set; choose both")
    specification = AuditSpecification(
        model_versions=(form.text("model"),),
        dataset=form.text("dataset"),
        canvas=Canvas(0, 0, 0),
        searches=(search,),
        controls=(),
        seed=form.whole("seed"),
        sample=form.whole("sample"),
        device="",
    )
    return AuditDraft(specification)


async def _page(visit: Visit, asked: AuditForm, *, cost: Cost | None = None, problem: str = "") -> Response:
    models, datasets = await _choices(visit)
    return visit.render(
        "new-audit.html.j2",
        status=HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK,
        asked=asked,
        cost=cost,
        problem=problem,
        models=[model.latest_ready_version for model in models if model.latest_ready_version],
        datasets=[dataset.name for dataset in datasets],
        fills=[fill.value for fill in Fill],
        default_passes=visit.settings.default_passes,
    )


async def _choices(visit: Visit) -> tuple[Sequence[Model], Sequence[Dataset]]:
    """Return the first models of the project, and its data sets with the newest first."""
    models = await visit.use_cases.models.page(visit.principal, visit.project, PageRequest(CHOICES_SHOWN))
    return models.rows, await visit.use_cases.datasets.newest(visit.principal, visit.project, limit=CHOICES_SHOWN)


PAGES = (
    Page("new_audit_form", "/projects/{project}/new-audit", _form, needs=Role.AUDITOR),
    Page("new_audit", "/projects/{project}/new-audit", _create, takes_form=True, needs=Role.AUDITOR),
    Page("new_audit_cost", "/projects/{project}/new-audit/cost", _cost, takes_form=True, needs=Role.AUDITOR),
)
