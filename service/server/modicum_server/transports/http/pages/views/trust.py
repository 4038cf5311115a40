"""Trust rules of a project: which jobs of pipelines log in, and forms that add and remove rules. For its admins."""

from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from urllib.parse import quote

from starlette.responses import Response

from modicum_server.domain.projects import Role
from modicum_server.domain.trust import IMMUTABLE_CLAIMS, Claim
from modicum_server.errors import FieldInvalid
from modicum_server.transports.http.pages.forms import Form, Reading
from modicum_server.transports.http.pages.mistakes import Mistake, telling
from modicum_server.transports.http.pages.page import Page
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.transports.http.pages.words import MINUTE
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.rules import LONGEST_JOB_SECONDS
from modicum_server.usecases.trust_rules import DEFAULT_LIFETIME_SECONDS, ROLES_OF_JOBS, AskedRule

RULES_SHOWN = 50
MOST_MINUTES = LONGEST_JOB_SECONDS // MINUTE
LABELS = {
    "rule": "Name",
    "trust_rule_id": "Name",
    "issuer": "Issuer",
    "audience": "Audience",
    "claims": "Claims",
    "name": "Claims",
    "value": "Claims",
    "role": "Role",
    "minutes": "Minutes",
}


async def _list(visit: Visit) -> Response:
    return await _page(visit)


async def _add(visit: Visit) -> Response:
    form = visit.form
    rules, read = visit.use_cases.trust_rules, Reading(form)
    asked = AskedRule(
        form.text("rule"),
        issuer=form.text("issuer"),
        audience=form.text("audience"),
        claims=read.taken(partial(_claims, form), ()),
        role=Role(form.text("role")) if form.text("role") in set(Role) else None,
        lifetime_seconds=read.taken(partial(_minutes, form), DEFAULT_LIFETIME_SECONDS // MINUTE) * MINUTE,
    )
    read.note(rules.mistakes(asked))
    read.end()
    await rules.create(visit.principal, visit.project, asked)
    return visit.redirect_to(f"/{visit.project}/trust?added={quote(form.text('rule'))}")


async def _remove(visit: Visit) -> Response:
    await visit.use_cases.trust_rules.delete(visit.principal, f"{visit.project}/trustRules/{visit.form.text('rule')}")
    return visit.redirect_to(f"/{visit.project}/trust")


async def _page(visit: Visit, *, problem: Mistake | None = None) -> Response:
    """Show the rules, and the form as it was typed."""
    form, request = visit.form, PageRequest(RULES_SHOWN, visit.query("page"))
    page = await visit.use_cases.trust_rules.page(visit.principal, visit.project, request)
    added = f"{visit.project}/trustRules/{visit.query('added')}"
    return visit.render(
        "trust.html.j2",
        status=HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK,
        page=page,
        added=next((rule for rule in page.rows if rule.name == added), None),
        issuers=visit.settings.trusted_issuers,
        immutable=IMMUTABLE_CLAIMS,
        roles=[role.value for role in ROLES_OF_JOBS],
        problem=problem,
        typed={name: form.text(name) for name in ("rule", "issuer", "audience", "claims", "role")},
        minutes=form.text("minutes") or str(DEFAULT_LIFETIME_SECONDS // MINUTE),
        most_minutes=MOST_MINUTES,
        first=not visit.query("page"),
    )


def _claims(form: Form) -> Sequence[Claim]:
    """Return the claims of a form, one a line.

    Raises:
        FieldInvalid
    """
    claims = []
    for line in filter(str.strip, form.text("claims").splitlines()):
        name, sign, value = line.strip().partition("=")
        if not (name and sign and value):
            raise FieldInvalid("claims", f"expected NAME=VALUE in each line, got {line.strip()[:80]!r}")
        claims.append(Claim(name, value))
    return claims


def _minutes(form: Form) -> int:
    """Return how long a job's token is valid.

    Raises:
        FieldInvalid
    """
    minutes = form.whole("minutes", DEFAULT_LIFETIME_SECONDS // MINUTE)
    if not 1 <= minutes <= MOST_MINUTES:
        raise FieldInvalid("minutes", f"expected 1 to {MOST_MINUTES}, got {minutes:,}")
    return minutes


_TRUST = "/projects/{project}/trust"
PAGES = (
    Page("trust_rules", _TRUST, _list, needs=Role.ADMIN),
    Page("add_trust_rule", _TRUST, telling(_add, _page, LABELS), takes_form=True, needs=Role.ADMIN),
    Page("remove_trust_rule", f"{_TRUST}/remove", telling(_remove, _page, LABELS), takes_form=True, needs=Role.ADMIN),
)
