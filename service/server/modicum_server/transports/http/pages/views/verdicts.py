"""Verdicts: the list, and one verdict with its rules and its policy."""

from starlette.responses import Response

from modicum_server.domain.verdicts import OVERALL, Verdict
from modicum_server.errors import ArtifactNotFound
from modicum_server.transports.http.pages import headers
from modicum_server.transports.http.pages.door import Page
from modicum_server.transports.http.pages.streaming import Streamed
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.transports.http.pages.words import id_of
from modicum_server.usecases.pages import PageRequest

VERDICTS_SHOWN = 50


async def _list(visit: Visit) -> Response:
    outcome = visit.query("outcome")
    page = await visit.able.verdicts.page(
        visit.principal,
        visit.project,
        f"outcome = {outcome}" if outcome else "",
        PageRequest(VERDICTS_SHOWN, visit.query("page")),
    )
    return visit.render(
        "verdicts.html.j2",
        page=page,
        outcome=outcome,
        outcomes=[one.value for one in OVERALL],
        first=not visit.query("page"),
    )


async def _verdict(visit: Visit) -> Response:
    verdict = await visit.able.verdicts.get(visit.principal, visit.named("verdicts", "verdict"))
    return visit.render("verdict.html.j2", verdict=verdict, policy=await policy_text(visit, verdict))


async def _document(visit: Visit) -> Response:
    """Return the whole verdict, with every check."""
    verdict = await visit.able.verdicts.get(visit.principal, visit.named("verdicts", "verdict"))
    name = f"{visit.project}/artifacts/{verdict.document_digest}"
    artifact = await visit.able.artifacts.get(visit.principal, name)
    attached = f'attachment; filename="verdict-{id_of(verdict.name)}.json"'
    told = {**headers.DOWNLOAD, "Content-Disposition": attached, "Content-Length": str(artifact.size_bytes)}
    pieces = visit.able.artifacts.download(visit.principal, name, 0)
    return Streamed(pieces, headers=told, media_type="application/json")


async def policy_text(visit: Visit, verdict: Verdict) -> str:
    """Return the policy of a verdict; empty where it is no longer stored."""
    name = f"{visit.project}/artifacts/{verdict.policy_digest}"
    try:
        pieces = [data async for data in visit.able.artifacts.download(visit.principal, name, 0)]
    except ArtifactNotFound:
        return ""
    return b"".join(pieces).decode(errors="replace")


_VERDICT = "/projects/{project}/verdicts/{verdict}"
PAGES = (
    Page("verdicts", "/projects/{project}/verdicts", _list),
    Page("verdict", _VERDICT, _verdict),
    Page("verdict_document", f"{_VERDICT}/verdict.json", _document, streams=True),
)
