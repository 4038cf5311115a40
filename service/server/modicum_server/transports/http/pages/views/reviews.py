"""Blind reviews for the members of a project: a new one, its reviewers and links, and what the answers say."""

import secrets
from http import HTTPStatus
from uuid import uuid4

from starlette.responses import Response

from modicum_server.domain.audits import Audit
from modicum_server.domain.projects import Role
from modicum_server.errors import ModicumError
from modicum_server.transports.http.pages import headers
from modicum_server.transports.http.pages.cookies import is_encrypted
from modicum_server.transports.http.pages.hosts import is_loopback
from modicum_server.transports.http.pages.mistakes import Mistake, mistake
from modicum_server.transports.http.pages.page import Page
from modicum_server.transports.http.pages.review_drawing import drawing_of
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.usecases.read_reviews import review_document
from modicum_server.usecases.request_ids import CreateOptions
from modicum_server.usecases.reviews import AskedReview, Invitation

LARGEST_SEED = 2**31
LABELS = {
    "fraction": "Largest subset",
    "largest_fraction": "Largest subset",
    "version": "Model",
    "model_version": "Model",
    "display_name": "Name of a reviewer",
}


async def _new(visit: Visit) -> Response:
    audit = await visit.use_cases.audits.get(visit.principal, visit.named("audits", "audit"))
    return _form(visit, audit, audit.specification.statistics.alpha, secrets.randbelow(LARGEST_SEED))


async def _create(visit: Visit) -> Response:
    """Draw a review. The same form sent twice draws one: it holds the seed and the id of the request."""
    audit = await visit.use_cases.audits.get(visit.principal, visit.named("audits", "audit"))
    seed = 0
    try:
        seed = visit.form.whole("seed")
        asked = AskedReview(visit.form.text("version"), 0, seed, visit.form.number("fraction"))
        options = CreateOptions(request_id=visit.form.text("request_id"))
        read = await visit.use_cases.reviews.create(visit.principal, audit.name, asked, options)
    except ModicumError as error:
        return _form(visit, audit, visit.form.text("fraction"), seed, mistake(error, LABELS))
    return visit.redirect_to(f"/{read.review.name}")


def _form(visit: Visit, audit: Audit, fraction: float | str, seed: int, problem: Mistake | None = None) -> Response:
    return visit.render(
        "new-review.html.j2",
        status=HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK,
        audit=audit,
        fraction=fraction,
        seed=seed,
        request_id=str(uuid4()),
        problem=problem,
    )


async def _review(visit: Visit) -> Response:
    return await _shown(visit, None)


async def _invite(visit: Visit) -> Response:
    able, name = visit.use_cases.reviews, _name(visit)
    try:
        if visit.form.text("reviewer"):
            invitation = await able.invite_again(visit.principal, name, visit.form.whole("reviewer"))
        else:
            invitation = await able.invite(visit.principal, name, visit.form.text("display_name"))
    except ModicumError as error:
        return await _shown(visit, None, mistake(error, LABELS))
    return await _shown(visit, invitation)


async def _shown(visit: Visit, invitation: Invitation | None, problem: Mistake | None = None) -> Response:
    """Return the page of a review; the link of an invitation is shown here alone."""
    read = await visit.use_cases.reviews.get(visit.principal, _name(visit))
    host = visit.request.headers["host"]
    scheme = "https" if is_encrypted(visit.request) else "http"
    address = f"{scheme}://{host}"
    return visit.render(
        "review.html.j2",
        status=HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK,
        review=read.review,
        figures=read.figures,
        said={one.number: one for one in read.figures.reviewers},
        digest=read.digest,
        drawing=drawing_of(read.figures),
        link="" if invitation is None else f"{address}{invitation.path}",
        is_loopback=is_loopback(host),
        invitation=invitation,
        problem=problem,
    )


async def _document(visit: Visit) -> Response:
    read = await visit.use_cases.reviews.get(visit.principal, _name(visit))
    attached = headers.attached(f"review-{visit.request.path_params['review']}.json")
    return Response(review_document(read.review), headers=dict(attached), media_type="application/json")


def _name(visit: Visit) -> str:
    parameters = visit.request.path_params
    return f"{visit.project}/audits/{parameters['audit']}/reviews/{parameters['review']}"


_AUDIT = "/projects/{project}/audits/{audit}"
_REVIEW = f"{_AUDIT}/reviews/{{review}}"
PAGES = (
    Page("review_form", f"{_AUDIT}/new-review", _new, needs=Role.AUDITOR),
    Page("review_create", f"{_AUDIT}/new-review", _create, takes_form=True, needs=Role.AUDITOR),
    Page("review_result", _REVIEW, _review),
    Page("review_invite", f"{_REVIEW}/invite", _invite, takes_form=True, needs=Role.AUDITOR),
    Page("review_document", f"{_REVIEW}/review.json", _document),
)
