"""Data sets: the list, and one data set with its pictures."""

from collections.abc import Sequence
from itertools import islice

from starlette.responses import Response

from modicum_server.domain.audits import Audit, AuditState
from modicum_server.errors import FieldInvalid
from modicum_server.transports.http.pages.page import Page
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.result_facts import MOST_FAILURES
from modicum_server.usecases.retained import images_in_words
from modicum_server.usecases.rules import shown

DATASETS_SHOWN = 50
ITEMS_SHOWN = 60
AUDITS_SHOWN = 5


async def _list(visit: Visit) -> Response:
    asked = PageRequest(DATASETS_SHOWN, visit.query("page"))
    page = await visit.use_cases.datasets.page(visit.principal, visit.project, asked)
    return visit.render("datasets.html.j2", page=page, first=not visit.query("page"))


async def _dataset(visit: Visit) -> Response:
    name = visit.named("datasets", "dataset")
    dataset = await visit.use_cases.datasets.get(visit.principal, name)
    items = await visit.use_cases.datasets.items(visit.principal, name, PageRequest(ITEMS_SHOWN, visit.query("page")))
    about = f'dataset = "{name}" AND state = {AuditState.SUCCEEDED}'
    audits = await visit.use_cases.audits.page(visit.principal, visit.project, about, PageRequest(AUDITS_SHOWN))
    skipped = await _skipped(visit, audits.rows[:1])
    first_skipped = dict(islice(skipped.items(), MOST_FAILURES))
    seen_by = await _seen_by(visit, name)
    return visit.render(
        "dataset.html.j2",
        dataset=dataset,
        deleted=images_in_words(dataset),
        items=items,
        audits=audits,
        seen_by=seen_by,
        holds=await visit.use_cases.holds.on(visit.principal, name),
        skipped=first_skipped,
        more_skipped=len(skipped) > MOST_FAILURES,
        first=not visit.query("page"),
    )


async def _seen_by(visit: Visit, dataset: str) -> Audit | None:
    """Return the audit on whose canvas the pictures are shown; None where none is named.

    Raises:
        FieldInvalid: it is no audit of the data set that succeeded.
        ProjectNotFound, AuditNotFound
    """
    name = visit.query("seen_by")
    if not name:
        return None
    audit = await visit.use_cases.audits.get(visit.principal, name)
    if audit.specification.dataset != dataset or audit.state is not AuditState.SUCCEEDED:
        raise FieldInvalid("seen_by", f"expected an audit of {dataset} that succeeded, got {shown(name)}")
    return audit


async def _skipped(visit: Visit, audits: Sequence[Audit]) -> dict[str, str]:
    """Return the items that audits could not use, each with its reason."""
    facts = [one for audit in audits for one in (await visit.use_cases.overviews.facts(audit)).values()]
    return {item: reason for one in facts for item, reason in one.failures.items()}


PAGES = (
    Page("datasets", "/projects/{project}/datasets", _list),
    Page("dataset", "/projects/{project}/datasets/{dataset}", _dataset),
)
