"""Data sets: the list, one data set with its pictures, and a picture."""

from collections.abc import Sequence
from http import HTTPStatus
from itertools import islice

from starlette.responses import Response

from modicum_server.domain.audits import Audit, AuditState
from modicum_server.errors import FieldInvalid, PageNotFound
from modicum_server.transports.http.pages import headers
from modicum_server.transports.http.pages.page import Page
from modicum_server.transports.http.pages.pictures import LARGEST_BYTES, NOT_DRAWN, is_shown, media_type_of
from modicum_server.transports.http.pages.streaming import Streamed
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.result_facts import MOST_FAILURES
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
        items=items,
        is_shown=is_shown,
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


async def _picture(visit: Visit) -> Response:
    """Return a picture of the project by its digest. Other bytes are refused, whatever their name says."""
    name = visit.named("artifacts", "digest")
    artifact = await visit.use_cases.artifacts.get(visit.principal, name)
    pieces = visit.use_cases.artifacts.download(visit.principal, name, 0)
    beginning = await anext(pieces, b"")
    kind = media_type_of(beginning)
    if not kind or artifact.size_bytes > LARGEST_BYTES:
        await pieces.aclose()
        raise PageNotFound("a browser cannot show this file as a picture, or it is too large")
    return Streamed(pieces, beginning=beginning, headers=headers.PICTURE, media_type=kind)


async def _on_canvas(visit: Visit) -> Response:
    """Return a picture of the project on the canvas of an audit.

    Within a page, one that cannot be drawn is a drawing that says so; opened by itself, a page that says why.
    """
    audit, digest = visit.named("audits", "audit"), visit.request.path_params["digest"]
    try:
        drawn = await visit.use_cases.canvas_pictures.drawn(visit.principal, audit, digest)
    except PageNotFound:
        if not visit.request.headers.get("accept", "").startswith("image/"):
            raise
        return Response(NOT_DRAWN, HTTPStatus.NOT_FOUND, headers.PICTURE, "image/svg+xml")
    return Response(drawn, headers=headers.PICTURE, media_type="image/png")


PAGES = (
    Page("datasets", "/projects/{project}/datasets", _list),
    Page("dataset", "/projects/{project}/datasets/{dataset}", _dataset),
    Page("picture", "/projects/{project}/pictures/{digest}", _picture, streams=True),
    Page("picture_on_canvas", "/projects/{project}/audits/{audit}/pictures/{digest}", _on_canvas),
)
