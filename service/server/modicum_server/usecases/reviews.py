"""Blind reviews as the members of a project have them: created, read, listed, deleted, and who is invited.

`reviewing` has what reviewers do, `read_reviews` what their answers say. A result stays as it is: a review stands
beside its audit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from modicum_server.domain.audits import Audit
from modicum_server.domain.findings import Finding
from modicum_server.domain.models import ModelVersion
from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.reviews import Review, Reviewer, ReviewPlan, Seat
from modicum_server.domain.searches import TargetRule
from modicum_server.domain.trail import Verb
from modicum_server.errors import FieldInvalid
from modicum_server.measures import FindingsArtifact
from modicum_server.measures.pictures import Pictures
from modicum_server.ports import ArtifactStore, Store, Transaction
from modicum_server.usecases.access import authorise, token_digest
from modicum_server.usecases.audits import audit_not_found, require_audit, require_succeeded
from modicum_server.usecases.pages import LARGE_NUMBERS, Page, PageRequest, read_page
from modicum_server.usecases.read_reviews import ReadReview, read_review
from modicum_server.usecases.request_ids import CreateOptions, identify
from modicum_server.usecases.resource_names import new_resource_id, project_of
from modicum_server.usecases.retained import require_findings, require_images
from modicum_server.usecases.review_errors import ReviewFull, ReviewImpossible, ReviewNotFound
from modicum_server.usecases.review_plans import Candidate, draw_images, session
from modicum_server.usecases.rules import MOST_REVIEWERS, check
from modicum_server.usecases.sessions import new_secret
from modicum_server.usecases.stored_results import findings_beside, read_document, require_undamaged
from modicum_server.usecases.threads_in_turn import ThreadsInTurn
from modicum_server.usecases.trail import record
from modicum_server.usecases.versions import require_version

LINK_SECONDS = 14 * 24 * 3600.0
PATH = "/review"
"""Of the page on which reviewers answer. The secret of a link follows "#", which browsers do not send."""
FIXED_BYTES, REVIEWER_BYTES = 1024, 512


@dataclass(frozen=True, slots=True)
class AskedReview:
    """What a review is asked to show. An empty version is the audit's first one, a largest fraction of 0 its alpha."""

    model_version: str = ""
    search_index: int = 0
    seed: int = 0
    largest_fraction: float = 0.0


@dataclass(frozen=True, slots=True)
class Invitation:
    """A reviewer, and the link for it. Nobody can read the link again."""

    reviewer: Reviewer
    path: str
    expire_time: datetime


class Reviews:
    """Creates, reads and deletes reviews, and invites reviewers."""

    def __init__(self, store: Store, artifacts: ArtifactStore, threads: ThreadsInTurn) -> None:
        self._store = store
        self._artifacts = artifacts
        self._threads = threads

    async def get(self, principal: Principal, name: str) -> ReadReview:
        """Get a review.

        Raises:
            FieldInvalid, ProjectNotFound, ReviewNotFound
        """
        authorise(principal, project_of("review", name), Role.VIEWER)
        async with self._store.transaction() as transaction:
            review = await require_review(transaction, name)
            audit = await require_audit(transaction, review.audit)
        return read_review(review, audit)

    async def page(self, principal: Principal, parent: str, request: PageRequest) -> Page[ReadReview]:
        """List the reviews of an audit, newest first.

        Raises:
            FieldInvalid, ProjectNotFound, AuditNotFound, PageTokenInvalid
        """
        authorise(principal, project_of("audit", parent, "parent"), Role.VIEWER)
        async with self._store.transaction() as transaction:
            audit = await require_audit(transaction, parent)
            page = await read_page(
                request,
                f"reviews of {parent}",
                partial(transaction.reviews.page, parent),
                weigh=lambda review: FIXED_BYTES + REVIEWER_BYTES * len(review.reviewers),
                keys=LARGE_NUMBERS,
            )
        return Page(tuple(read_review(review, audit) for review in page.rows), page.next_token)

    async def create(self, principal: Principal, parent: str, asked: AskedReview, options: CreateOptions) -> ReadReview:
        """Create a review of an audit that succeeded.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, AuditNotFound, AuditNotSucceeded, ReviewImpossible,
            RequestIdReused, ReviewNotFound, RetentionPassed
        """
        project = _checked_project(parent, asked)
        authorise(principal, project, Role.AUDITOR)
        request = identify(project, "CreateReview", options, {"parent": parent, "review": asked})
        async with self._store.transaction() as transaction:
            if known := await request.recall(transaction):
                review = await require_review(transaction, known)
                return read_review(review, await require_audit(transaction, parent))
            audit = await require_audit(transaction, parent)
            require_succeeded(audit)
            await _require_kept(transaction, audit)
            _require_part_of(audit, asked)
            version = await require_version(transaction, asked.model_version or audit.specification.model_versions[0])
        plan = await self._plan(principal, audit, version, asked)
        review = Review("", parent, plan, (), principal.name, datetime.now(UTC))
        if options.validate_only:
            return read_review(review, audit)
        async with self._store.transaction() as transaction:
            if known := await request.recall(transaction):  # the same request may have come twice at once
                return read_review(await require_review(transaction, known), audit)
            created = await transaction.reviews.create(replace(review, name=f"{parent}/reviews/{new_resource_id()}"))
            if created is None:
                raise audit_not_found(parent)
            await record(transaction, principal, Verb.CREATE_REVIEW, created.name)
            await request.remember(transaction, created.name)
        return read_review(created, audit)

    async def invite(self, principal: Principal, name: str, display_name: str) -> Invitation:
        """Invite a reviewer by a link that works once.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, ReviewNotFound, ReviewFull, RetentionPassed
        """
        authorise(principal, project_of("review", name), Role.AUDITOR)
        check("display_name", display_name)
        secret = new_secret()
        async with self._store.transaction() as transaction:
            review = await _open(transaction, name)
            number = len(review.reviewers)
            if number >= MOST_REVIEWERS:
                raise ReviewFull(f"{name} has {number} reviewers, which is the most; create another review", name=name)
            reviewer = Reviewer(number, display_name, session(review.plan, number))
            end = await transaction.reviews.add_reviewer(name, reviewer, token_digest(secret), seconds=LINK_SECONDS)
            await record(transaction, principal, Verb.INVITE_REVIEWER, name, f"reviewer {number + 1}")
        return Invitation(reviewer, f"{PATH}#{secret}", end)

    async def invite_again(self, principal: Principal, name: str, number: int) -> Invitation:
        """Give a reviewer another link, with which it goes on where it was. Its earlier link and session end.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, ReviewNotFound, RetentionPassed
        """
        authorise(principal, project_of("review", name), Role.AUDITOR)
        secret = new_secret()
        async with self._store.transaction() as transaction:
            review = await _open(transaction, name)
            if not 0 <= number < len(review.reviewers):
                raise FieldInvalid(
                    "reviewer",
                    f"expected a number below {len(review.reviewers)}, the reviewers of {name}; got {number}",
                )
            end = await transaction.reviews.renew_link(Seat(name, number), token_digest(secret), seconds=LINK_SECONDS)
            await record(transaction, principal, Verb.INVITE_REVIEWER, name, f"reviewer {number + 1}, another link")
        return Invitation(review.reviewers[number], f"{PATH}#{secret}", end)

    async def delete(self, principal: Principal, name: str) -> None:
        """Delete a review with its answers. Only an admin may: whoever asked people cannot take back what they said.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, ReviewNotFound
        """
        authorise(principal, project_of("review", name), Role.ADMIN)
        async with self._store.transaction() as transaction:
            await require_review(transaction, name)
            await transaction.reviews.delete(name)
            await record(transaction, principal, Verb.DELETE_REVIEW, name)

    async def _plan(self, principal: Principal, audit: Audit, version: ModelVersion, asked: AskedReview) -> ReviewPlan:
        fraction = asked.largest_fraction or audit.specification.statistics.alpha
        if not version.class_labels:
            raise ReviewImpossible(f"{version.name} has no names of classes, so people cannot choose among them")
        document = await read_document(self._artifacts, audit.result_digest)
        await require_undamaged(self._artifacts, document["findings"]["digest"])
        findings = findings_beside(self._artifacts, document)
        chosen = partial(_candidates, findings, version.name, asked.search_index, fraction)
        candidates = await self._threads.run(principal, chosen)
        if not candidates:
            raise ReviewImpossible(
                f"{audit.name} has no subset of at most {fraction:g} of the pixels, so there is nothing to review; "
                "to show larger ones, raise the largest subset (`largest_fraction`)"
            )
        images = draw_images(candidates, version.class_labels, seed=asked.seed)
        return ReviewPlan(version.name, asked.search_index, asked.seed, fraction, images)


def review_not_found(name: str) -> ReviewNotFound:
    """Return the error for a review that does not exist."""
    return ReviewNotFound(f"{name}: there is no review with this name", name=name)


async def _open(transaction: Transaction, name: str) -> Review:
    """Get a review to invite somebody, and lock it.

    Raises:
        ReviewNotFound, RetentionPassed
    """
    review = await transaction.reviews.lock(name)
    if review is None:
        raise review_not_found(name)
    await _require_kept(transaction, await require_audit(transaction, review.audit))
    return review


async def _require_kept(transaction: Transaction, audit: Audit) -> None:
    """Refuse an audit without the findings or pictures that a review shows.

    Raises:
        RetentionPassed
    """
    require_findings(audit)
    await require_images(transaction, [audit.specification.dataset])


async def require_review(transaction: Transaction, name: str) -> Review:
    """Get a review.

    Raises:
        ReviewNotFound
    """
    review = await transaction.reviews.get(name)
    if review is None:
        raise review_not_found(name)
    return review


def _checked_project(parent: str, asked: AskedReview) -> str:
    project = project_of("audit", parent, "parent")
    check("review.search_index", asked.search_index)
    check("review.seed", asked.seed)
    check("review.largest_fraction", asked.largest_fraction)
    return project


def _require_part_of(audit: Audit, asked: AskedReview) -> None:
    """Refuse a version or a search that the audit does not have, and a search for another class than the predicted."""
    known, searches = audit.specification.model_versions, audit.specification.searches
    if asked.model_version and asked.model_version not in known:
        raise FieldInvalid(
            "review.model_version", f"expected a version of {audit.name}, such as {known[0]}, got another name"
        )
    if asked.search_index >= len(searches):
        raise FieldInvalid(
            "review.search_index",
            f"expected 0 to {len(searches) - 1}, a search of {audit.name}, got {asked.search_index}",
        )
    if searches[asked.search_index].target_rule is not TargetRule.PREDICTED:
        raise FieldInvalid(
            "review.search_index", f"expected a search for the predicted class, got search {asked.search_index}"
        )


def _candidates(
    findings: FindingsArtifact, version: str, search_index: int, largest_fraction: float
) -> Sequence[Candidate]:
    """The images that a review may show: of several copies of a picture the first alone."""
    pictures = Pictures()
    return [
        Candidate(one.position, one.predicted_class, one.subset.size)
        for one in findings
        if not pictures.is_copy(one)
        and (one.model_version, one.search_index) == (version, search_index)
        and one.subset is not None
        and one.predicted_class is not None
        and _is_proved(one)
        and one.subset.fraction <= largest_fraction
    ]


def _is_proved(finding: Finding) -> bool:
    """Whether the finding has a verified subset of some pixels, and not of none or all."""
    proved = not finding.baseline_confident and not finding.budget_exhausted
    return proved and finding.subset is not None and finding.subset.size > 0
