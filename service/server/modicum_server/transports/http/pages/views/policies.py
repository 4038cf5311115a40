"""Policies: those that verdicts of the project used, and one in words with the verdicts under it."""

from datetime import UTC, datetime
from functools import partial
from itertools import groupby

from modicum.errors import PolicyError
from modicum.gate.explanation import explained
from modicum.gate.policy_file import policy_of
from starlette.responses import Response

from modicum_server.domain.digests import is_digest
from modicum_server.errors import PageNotFound
from modicum_server.transports.http.pages.page import Page
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.usecases.pages import PageRequest

POLICIES_SHOWN = 50
VERDICTS_SHOWN = 50
CALLED = "This policy"


async def _list(visit: Visit) -> Response:
    request = PageRequest(POLICIES_SHOWN, visit.query("page"))
    page = await visit.use_cases.verdicts.policies(visit.principal, visit.project, request)
    return visit.render("policies.html.j2", page=page, first=not visit.query("page"))


async def _policy(visit: Visit) -> Response:
    digest = visit.request.path_params["digest"]
    if not is_digest(digest):
        raise PageNotFound("a policy is known by its SHA-256, 64 digits 0 to 9 and a to f")
    request = PageRequest(VERDICTS_SHOWN, visit.query("page"))
    about = f'policy_digest = "{digest}"'
    verdicts = await visit.use_cases.verdicts.page(visit.principal, visit.project, about, request)
    if not verdicts.rows:
        raise PageNotFound("no verdict of this project was made by a policy with this digest")
    text = await visit.use_cases.verdicts.policy_text(visit.principal, verdicts.rows[0])
    words, problem = await visit.use_cases.policy_threads.run(visit.principal, partial(_in_words, text))
    return visit.render(
        "policy.html.j2",
        digest=digest,
        text=text,
        words=words,
        problem=problem,
        verdicts=verdicts,
        first=not visit.query("page"),
    )


def _in_words(text: str) -> tuple[list[list[str]], str]:
    """Return what `modicum policy explain` says, in its paragraphs; or why this release cannot read the policy."""
    if not text:
        return [], "its text is no longer stored"
    try:
        lines = list(explained(policy_of(text, CALLED, today=datetime.now(UTC).date())))
    except PolicyError as error:
        return [], str(error)
    return [list(group) for is_text, group in groupby(lines, key=bool) if is_text], ""


PAGES = (
    Page("policies", "/projects/{project}/policies", _list),
    Page("policy", "/projects/{project}/policies/{digest}", _policy),
)
