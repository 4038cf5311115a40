"""Judging an audit by a policy: the form, with the policies to choose from, and what is wrong with what was sent."""

from dataclasses import dataclass
from http import HTTPStatus
from uuid import uuid4

from starlette.responses import Response

from modicum_server.domain.projects import Role
from modicum_server.domain.verdicts import Verdict
from modicum_server.errors import AuditNotFound, ModicumError
from modicum_server.transports.http.pages.forms import LARGEST_POLICY_FORM_BYTES
from modicum_server.transports.http.pages.mistakes import Mistake, mistake
from modicum_server.transports.http.pages.page import Page
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.usecases.judging import AskedPolicy, starting_policy
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.request_ids import CreateOptions

LABELS = {"policy": "Policy", "baseline": "Baseline"}
RECOMMENDED = "recommended"
"""What the address names to get the recommended policy in place of that of the newest verdict."""
BEGUN = (
    "Below is the recommended policy. It can stay as it is: it fails a model if one small spot decides for a class, "
    "and is inconclusive where the evidence does not suffice."
)
LAST = "Below is the policy of the newest verdict in this project. It is not the recommended one."


@dataclass(frozen=True, slots=True)
class Shown:
    """The policy that the form shows, before anybody changed it.

    Attributes:
        policy: its text.
        origin: what it is, in a sentence or two; empty of one that was typed.
        in_words: the page that explains it; empty without one.
        choices: by the query of the address, what each policy to choose from is called; empty where there is but one.
        chosen: the query of this one.
    """

    policy: str
    origin: str = ""
    in_words: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    chosen: str = ""


async def _form(visit: Visit) -> Response:
    audit = await visit.use_cases.audits.get(visit.principal, _name(visit))
    newest = await visit.use_cases.verdicts.page(visit.principal, visit.project, "", PageRequest(1))
    return _page(visit, audit.name, await _shown(visit, newest.rows[0]) if newest.rows else _recommended())


async def _shown(visit: Visit, last: Verdict) -> Shown:
    policy = await visit.use_cases.verdicts.policy_text(visit.principal, last)
    if not policy or _is_recommended(policy):
        return _recommended()
    choices = (("", "That of the newest verdict"), (f"?policy={RECOMMENDED}", "The recommended policy"))
    if visit.query("policy") == RECOMMENDED:
        return _recommended(choices)
    return Shown(policy, LAST, f"/{visit.project}/policies/{last.policy_digest}", choices)


def _recommended(choices: tuple[tuple[str, str], ...] = ()) -> Shown:
    return Shown(starting_policy(), BEGUN, choices=choices, chosen=f"?policy={RECOMMENDED}")


def _is_recommended(policy: str) -> bool:
    """Whether a text is the recommended policy. A browser ends lines of a form in its own way."""
    return policy.strip().splitlines() == starting_policy().strip().splitlines()


async def _judge(visit: Visit) -> Response:
    asked = AskedPolicy(visit.form.text("policy"), "", visit.form.text("baseline"))
    if asked.baseline and "/" not in asked.baseline:
        asked = AskedPolicy(asked.text, "", f"{visit.project}/audits/{asked.baseline}")
    options = CreateOptions(request_id=visit.form.text("request_id"))
    audit = await visit.use_cases.audits.get(visit.principal, _name(visit))
    try:
        verdict = await visit.use_cases.judging.judge(visit.principal, audit.name, asked, options)
    except ModicumError as error:
        return _page(visit, audit.name, Shown(asked.text), baseline=asked.baseline, problem=_problem(error, asked))
    return visit.redirect_to(f"/{verdict.name}")


def _problem(error: ModicumError, asked: AskedPolicy) -> Mistake:
    """Return what is wrong with the form. An audit that is not found is the baseline: the audit itself was read."""
    if isinstance(error, AuditNotFound):
        field = "baseline" if asked.baseline else "policy"
        return Mistake(f"{LABELS[field]}: {error}", field)
    return mistake(error, LABELS)


def _page(visit: Visit, audit: str, shown: Shown, *, baseline: str = "", problem: Mistake | None = None) -> Response:
    return visit.render(
        "judge.html.j2",
        status=HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK,
        audit=audit,
        shown=shown,
        baseline=baseline,
        problem=problem,
        request_id=str(uuid4()),
    )


def _name(visit: Visit) -> str:
    return visit.named("audits", "audit")


_PATH = "/projects/{project}/audits/{audit}/judge"
PAGES = (
    Page("judge_form", _PATH, _form, needs=Role.AUDITOR),
    Page("judge", _PATH, _judge, takes_form=True, needs=Role.AUDITOR, form_bytes=LARGEST_POLICY_FORM_BYTES),
)
