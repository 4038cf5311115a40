"""Verdicts: the list, and one verdict in the words and the pictures of the gate's own outputs."""

import asyncio
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup
from modicum.gate.catalogue import known_rules
from modicum.gate.presets import PRESETS
from modicum.gate.rendering.forms import FORMS
from modicum.gate.rendering.spots import spot_figures, spot_title
from modicum.gate.rendering.words import remarks, worst_first
from modicum.gate.verdict import Outcome
from starlette.responses import Response

from modicum_server.domain.verdicts import OVERALL
from modicum_server.errors import ArtifactNotFound, PageNotFound
from modicum_server.transports.http.pages import headers
from modicum_server.transports.http.pages.page import Page
from modicum_server.transports.http.pages.pictures import media_type_of
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.usecases.pages import PageRequest

VERDICTS_SHOWN = 50
CHECKS_SHOWN = 200
MEDIA_TYPES = {
    ".json": "application/json",
    ".xml": "application/xml",
    ".sarif": "application/sarif+json",
    ".md": "text/markdown; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
"""By the last suffix of an output."""
Document = Mapping[str, Any]


async def _list(visit: Visit) -> Response:
    outcome = visit.query("outcome")
    page = await visit.use_cases.verdicts.page(
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
    verdict = await visit.use_cases.verdicts.get(visit.principal, visit.named("verdicts", "verdict"))
    try:
        told = await visit.use_cases.verdicts.document(visit.principal, verdict)
    except ArtifactNotFound:
        told = None
    return visit.render(
        "verdict.html.j2",
        verdict=verdict,
        told=None if told is None else _told(verdict.name, told),
        forms=list(FORMS),
        policy=await visit.use_cases.verdicts.policy_text(visit.principal, verdict),
    )


def _told(name: str, document: Document) -> Mapping[str, Any]:
    """Return what the page says of a verdict's document: the rules and checks, the worst first, and the worst spot."""
    rules, spot = worst_first(document["rules"]), document.get("worst_spot")
    checks = [(rule, check) for rule in rules for check in rule["checks"]]
    return {
        "fails_by_spot": _fails_by_spot(document),
        "rules": rules,
        "preset": document["policy"]["preset"],
        "off": _off(document),
        "remarks": list(remarks(document)),
        "checks": checks[:CHECKS_SHOWN],
        "check_count": len(checks),
        "spot_title": "" if spot is None else spot_title(spot),
        "spot": "" if spot is None else Markup(spot_figures(_with_addresses(name, spot))),  # noqa: S704 - it escapes
    }


def _off(document: Document) -> list[str]:
    """Return the rules of the preset that were not judged because the policy turns them off, with their titles."""
    preset = document["policy"]["preset"]
    told = {*(rule["id"] for rule in document["rules"]), *document["left_out"]}
    return [f"{name} ({known_rules()[name].title})" for name in PRESETS.get(preset, ()) if name not in told]


def _fails_by_spot(document: Document) -> bool:
    """Whether the spot that is shown is why the verdict is FAIL, so that looking at it is what to do next."""
    spot = document.get("worst_spot")
    if spot is None or spot["outcome"] != Outcome.FAIL:
        return False
    failing = {rule["id"] for rule in document["rules"] if rule["level"] == "error" and rule["outcome"] == Outcome.FAIL}
    return "spot" in failing


def _with_addresses(name: str, spot: Document) -> Document:
    """Return a spot whose pictures have addresses of this server, because pages load nothing else."""
    pictures = [{**one, "uri": f"/{name}/spot/{place}"} for place, one in enumerate(spot["pictures"])]
    return {**spot, "pictures": pictures}


async def _spot_picture(visit: Visit) -> Response:
    """Return a picture of the worst spot by its place."""
    document, place = await _document(visit), visit.request.path_params["place"]
    pictures = (document.get("worst_spot") or {}).get("pictures", ())
    if place >= len(pictures):
        raise PageNotFound("this verdict has no such picture")
    data = b64decode(pictures[place]["uri"].partition(",")[2])
    return Response(data, headers=dict(headers.PICTURE), media_type=media_type_of(data))


async def _output(visit: Visit) -> Response:
    """Return an output of a verdict to keep, as the command writes it."""
    suffix = f".{visit.request.path_params['form']}"
    if suffix not in FORMS:
        raise PageNotFound(f"expected an output of a verdict, {', '.join(FORMS)}, got {suffix[:40]}")
    data = await asyncio.to_thread(FORMS[suffix], await _document(visit))
    attached = headers.attached(f"verdict-{visit.request.path_params['verdict']}{suffix}")
    return Response(data, headers=dict(attached), media_type=MEDIA_TYPES[f".{suffix.rpartition('.')[2]}"])


async def _document(visit: Visit) -> Document:
    verdict = await visit.use_cases.verdicts.get(visit.principal, visit.named("verdicts", "verdict"))
    return await visit.use_cases.verdicts.document(visit.principal, verdict)


_VERDICT = "/projects/{project}/verdicts/{verdict}"
PAGES = (
    Page("verdicts", "/projects/{project}/verdicts", _list),
    Page("verdict", _VERDICT, _verdict),
    Page("verdict_spot_picture", f"{_VERDICT}/spot/{{place:int}}", _spot_picture),
    Page("verdict_output", f"{_VERDICT}/verdict.{{form}}", _output),
)
