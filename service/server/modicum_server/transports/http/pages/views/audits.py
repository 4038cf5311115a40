"""Audits: the list, one audit while it runs and when it has ended, its report, and what can be done with it."""

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from modicum_server.domain.audits import Audit, AuditOutcome, AuditState, Stage
from modicum_server.domain.projects import Role
from modicum_server.errors import ModelVersionNotFound
from modicum_server.transports.http.pages import headers
from modicum_server.transports.http.pages.cookies import secret_of
from modicum_server.transports.http.pages.page import Page
from modicum_server.transports.http.pages.repeating import repetition
from modicum_server.transports.http.pages.streaming import Streamed
from modicum_server.transports.http.pages.views.projects import FIRST_COMMANDS
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.transports.http.pages.words import id_of
from modicum_server.transports.http.server_sent_events import HEARTBEAT, MEDIA_TYPE, event
from modicum_server.usecases.durations import longest_seconds
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.reports import ReportFormat
from modicum_server.usecases.result_facts import outcome_of
from modicum_server.usecases.watching import Waiting, Watched, remaining_seconds

AUDITS_SHOWN = 50
VERDICTS_SHOWN = 10
REVIEWS_SHOWN = 5
OTHERS_SHOWN = 30
RETRY_MILLISECONDS = 3000
HEARD_STEPS = 4
"""A screen reader hears of the progress of an audit in so many steps."""
SEQUENCE = re.compile("[0-9]{1,18}", re.ASCII)
STAGES: Mapping[Stage | None, str] = {
    Stage.SEARCH: "Subsets are searched",
    Stage.SCORE: "Subsets are scored",
    Stage.SUMMARISE: "The result is computed",
}
FORMS = {"html": ReportFormat.HTML, "json": ReportFormat.JSON, "zip": ReportFormat.CANVAS}


async def _list(visit: Visit) -> Response:
    state = visit.query("state")
    page = await visit.use_cases.audits.page(
        visit.principal,
        visit.project,
        f"state = {state}" if state else "",
        PageRequest(AUDITS_SHOWN, visit.query("page")),
    )
    return visit.render(
        "audits.html.j2",
        page=page,
        found=await _found(visit, page.rows),
        state=state,
        states=[one.value for one in AuditState],
        first=not visit.query("page"),
        first_commands=FIRST_COMMANDS,
    )


async def _found(visit: Visit, audits: Sequence[Audit]) -> Mapping[str, AuditOutcome]:
    """Return, by the name of the audit, what each found of the version with the worst outcome.

    It is stored, but for results of earlier releases: those are read. One that can no longer be read is left out.
    """
    stored = {audit.name: audit.outcome for audit in audits if audit.outcome}
    others = [audit for audit in audits if audit.result_digest and audit.name not in stored]
    facts = await asyncio.gather(*map(visit.use_cases.overviews.facts, others))
    read = {audit.name: outcome_of(said) for audit, said in zip(others, facts, strict=True) if said}
    return stored | read


async def _audit(visit: Visit) -> Response:
    watched = await visit.use_cases.watching.now(visit.principal, _name(visit))
    audit = watched.audit
    about = f'audit = "{audit.name}"'
    verdicts = await visit.use_cases.verdicts.page(visit.principal, visit.project, about, PageRequest(VERDICTS_SHOWN))
    return visit.render(
        "audit.html.j2",
        verdicts=verdicts,
        reviews=await visit.use_cases.reviews.page(visit.principal, audit.name, PageRequest(REVIEWS_SHOWN)),
        facts=await visit.use_cases.overviews.facts(audit),
        others=await _others(visit, audit),
        deleted=await visit.use_cases.audits.deleted(audit),
        holds=await visit.use_cases.holds.on(visit.principal, audit.name),
        again=repetition(audit.specification, await visit.use_cases.audits.usual_canvas(audit)),
        **await _progress_of(visit, watched),
    )


async def _others(visit: Visit, audit: Audit) -> list[Audit]:
    """Return the newest other audits on the same data set that succeeded, to compare with."""
    if audit.state is not AuditState.SUCCEEDED:
        return []
    about = f'dataset = "{audit.specification.dataset}" AND state = {AuditState.SUCCEEDED}'
    page = await visit.use_cases.audits.page(visit.principal, visit.project, about, PageRequest(OTHERS_SHOWN))
    return [one for one in page.rows if one.name != audit.name]


async def _progress(visit: Visit) -> Response:
    """Return the part that shows progress; nothing where there is no news, and the whole page anew at the end."""
    watched = await visit.use_cases.watching.now(visit.principal, _name(visit))
    audit, waiting = watched.audit, watched.waiting
    if audit.state.terminal:
        return Response(headers={"HX-Refresh": "true"})
    if str(audit.sequence) == visit.query("after") and waiting == Waiting():
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return visit.render("polled.html.j2", news=True, **await _progress_of(visit, watched))


async def _events(visit: Visit) -> Response:
    """Return a stream of server-sent events: that there is news of an audit. The page then asks for its progress.

    A page says which state of the audit it shows. A browser that connects again says which event it saw last. News
    begins after that.
    """
    asked = visit.request.headers.get("last-event-id") or visit.query("after")
    told = _told(visit, int(asked) if SEQUENCE.fullmatch(asked) else 0)
    beginning = await anext(told)
    return Streamed(told, beginning=beginning, headers=headers.EVENTS, media_type=MEDIA_TYPE)


async def _told(visit: Visit, seen: int) -> AsyncGenerator[bytes]:
    audit_news, secret = visit.use_cases.audit_news, secret_of(visit.request)
    async with aclosing(audit_news.of(visit.principal, secret, _name(visit))) as news:
        async for audit in news:
            # later messages of the same sequence are news: what the audit waits for has changed
            known, seen = audit is not None and audit.sequence <= seen, 0
            if audit is None or (known and not audit.state.terminal):
                yield HEARTBEAT
                continue
            kind = "end" if audit.state.terminal else "news"
            yield event(kind, sequence=audit.sequence, retry_milliseconds=RETRY_MILLISECONDS)


async def _progress_of(visit: Visit, watched: Watched) -> dict[str, Any]:
    audit = watched.audit
    return {
        "found": await visit.use_cases.found_so_far.of(visit.principal, audit)
        if audit.state is AuditState.RUNNING
        else [],
        "audit": audit,
        "ahead": watched.waiting.audits_ahead or 0,
        "waits": watched.waiting.for_worker,
        "away": watched.waiting.reason,
        "away_seconds": visit.settings.away_seconds,
        "stage": STAGES.get(audit.stage, "The audit runs"),
        "heard": _heard(audit),
        **await _time_left(visit, audit),
    }


def _heard(audit: Audit) -> str:
    """Return what is said of the progress to who listens: it changes a few times in an audit, not at each picture."""
    if audit.state is AuditState.QUEUED:
        return "The audit waits"
    steps = HEARD_STEPS * audit.progress.passes_done // max(audit.progress.passes_planned, 1)
    share = 100 * min(steps, HEARD_STEPS - 1) // HEARD_STEPS
    return f"{STAGES.get(audit.stage, 'The audit runs')}; {share}% of the passes"


async def _time_left(visit: Visit, audit: Audit) -> dict[str, float | None]:
    """Return the seconds that are left: by what was done so far, or else at most, by the time of a pass.

    The second is that of one slot of a worker; None where a version was not timed, or is gone.
    """
    remaining = remaining_seconds(audit, datetime.now(UTC))
    if remaining is not None or audit.state is not AuditState.RUNNING:
        return {"remaining": remaining, "longest": None}
    left = audit.progress.passes_planned - audit.progress.passes_done
    names = audit.specification.model_versions
    try:
        versions = [await visit.use_cases.versions.get(visit.principal, name) for name in names]
    except ModelVersionNotFound:
        return {"remaining": None, "longest": None}
    return {"remaining": None, "longest": longest_seconds(left, versions)}


async def _report(visit: Visit) -> Response:
    """Return the report for a frame or a tab of its own."""
    return await _streamed(visit, ReportFormat.HTML, headers.REPORT)


async def _download(visit: Visit) -> Response:
    ending = visit.request.path_params["form"]
    return await _streamed(visit, FORMS.get(ending), headers.attached(f"{id_of(_name(visit))}.{ending}"))


async def _streamed(visit: Visit, form: ReportFormat | None, heads: Mapping[str, str]) -> Response:
    """Return a report. Its first piece is awaited here, so that a refusal comes before a status."""
    report = await visit.use_cases.reports.render(visit.principal, _name(visit), form)
    beginning = await anext(report.pieces)
    return Streamed(report.pieces, beginning=beginning, headers=heads, media_type=report.media_type)


async def _cancel(visit: Visit) -> Response:
    audit = await visit.use_cases.audits.cancel(visit.principal, _name(visit))
    return visit.redirect_to(f"/{audit.name}")


async def _stop(visit: Visit) -> Response:
    audit = await visit.use_cases.audits.stop(visit.principal, _name(visit))
    return visit.redirect_to(f"/{audit.name}")


def _name(visit: Visit) -> str:
    return visit.named("audits", "audit")


_AUDIT = "/projects/{project}/audits/{audit}"
PAGES = (
    Page("audits", "/projects/{project}/audits", _list),
    Page("audit", _AUDIT, _audit),
    Page("progress", f"{_AUDIT}/progress", _progress),
    Page("events", f"{_AUDIT}/events", _events, streams=True),
    Page("report", f"{_AUDIT}/report", _report, streams=True),
    Page("report_download", f"{_AUDIT}/report.{{form}}", _download, streams=True),
    Page("cancel", f"{_AUDIT}/cancel", _cancel, takes_form=True, needs=Role.AUDITOR),
    Page("stop", f"{_AUDIT}/stop", _stop, takes_form=True, needs=Role.AUDITOR),
)
