"""Blind reviews: what is drawn, who may do what, and how many people are asked."""

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest
from modicum_server.domain.retention import Kept
from modicum_server.domain.searches import TargetRule
from modicum_server.errors import (
    AuditNotFound,
    AuditNotSucceeded,
    FieldInvalid,
    ProjectNotFound,
    RequestIdReused,
    ResourceInUse,
    RoleInsufficient,
)
from modicum_server.ports import RetentionPassed
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.request_ids import CreateOptions
from modicum_server.usecases.review_errors import ReviewFull, ReviewImpossible, ReviewNotFound
from modicum_server.usecases.reviews import AskedReview, Reviews
from modicum_server.usecases.rules import MOST_REVIEWERS

from tests.usecases.reviews_stage import PIXELS, SMALL, audited, found_on
from tests.usecases.usecases_stage import ADMIN, AUDITOR, PROJECT, SEARCH, STRANGER, VIEWER


async def test_small_verified_subsets_alone_are_shown(place):
    reviewed = await audited(
        place,
        [
            found_on(0),
            found_on(1, baseline_confident=True),
            found_on(2, budget_exhausted=True),
            found_on(3, 0),
            found_on(4, None),
            found_on(5, 12),
            found_on(6, 13),
        ],
    )

    shown = (await reviewed.create(AskedReview(largest_fraction=12 / PIXELS))).review.plan.images

    assert {one.position for one in shown} == {0, 5}


@pytest.mark.long
async def test_of_copies_the_first_one_alone_is_shown(place):
    found = [found_on(0), found_on(1), found_on(2), found_on(3, 60), found_on(4)]
    reviewed = await audited(place, found, copies={2: 0, 4: 3})

    shown = (await reviewed.create()).review.plan.images

    assert {one.position for one in shown} == {0, 1}


@pytest.mark.long
async def test_without_a_fraction_the_alpha_of_the_audit_counts(place):
    reviewed = await audited(place, [found_on(0, 3), found_on(1, 4)])

    plan = (await reviewed.create(AskedReview())).review.plan

    assert plan.largest_fraction == 0.05
    assert [one.position for one in plan.images] == [0]


async def test_an_audit_without_small_subsets_has_nothing_to_review(place):
    reviewed = await audited(place, [found_on(0, 60)])

    with pytest.raises(ReviewImpossible, match=r"no subset of at most 0\.05 of the pixels"):
        await reviewed.create(AskedReview())


async def test_an_audit_that_runs_cannot_be_reviewed(place, audit_draft):
    audit = await place.audit(audit_draft)
    reviews = Reviews(place.store, place.artifact_store, place.report_threads)

    with pytest.raises(AuditNotSucceeded):
        await reviews.create(AUDITOR, audit.name, SMALL, CreateOptions())
    with pytest.raises(AuditNotFound):
        await reviews.create(AUDITOR, f"{audit.name}-gone", SMALL, CreateOptions())


@pytest.mark.long
async def test_a_search_for_another_class_is_not_reviewed(place):
    other = replace(SEARCH, target_rule=TargetRule.RANDOM_OTHER)
    reviewed = await audited(place, [found_on(0)], searches=(SEARCH, other))

    for index in (1, 2):
        with pytest.raises(FieldInvalid, match=r"review.search_index"):
            await reviewed.create(AskedReview(search_index=index))
    with pytest.raises(FieldInvalid, match=r"review.model_version"):
        await reviewed.create(AskedReview(model_version="projects/default/models/net/versions/9"))


async def test_roles(reviewed):
    name = (await reviewed.create()).review.name

    with pytest.raises(RoleInsufficient):
        await reviewed.create(who=VIEWER)
    with pytest.raises(RoleInsufficient):
        await reviewed.reviews.invite(VIEWER, name, "")
    with pytest.raises(RoleInsufficient):
        await reviewed.reviews.delete(AUDITOR, name)
    with pytest.raises(ProjectNotFound):
        await reviewed.reviews.get(STRANGER, name)
    assert (await reviewed.reviews.get(VIEWER, name)).review.name == name
    await reviewed.reviews.delete(ADMIN, name)
    with pytest.raises(ReviewNotFound):
        await reviewed.reviews.get(VIEWER, name)


@pytest.mark.long
async def test_a_repeated_request_returns_the_same_review_and_validation_stores_none(reviewed):
    request_id = str(uuid4())
    first = await reviewed.create(request_id=request_id)
    again = await reviewed.create(request_id=request_id)
    only_checked = await reviewed.create(validate_only=True)

    assert again.review == first.review
    assert only_checked.review.name == ""
    with pytest.raises(RequestIdReused):
        await reviewed.create(replace(SMALL, seed=1), request_id=request_id)
    page = await reviewed.reviews.page(VIEWER, reviewed.audit.name, PageRequest())
    assert [one.review.name for one in page.rows] == [first.review.name]


@pytest.mark.long
async def test_an_audit_with_a_review_is_not_deleted(reviewed):
    name = (await reviewed.create()).review.name

    with pytest.raises(ResourceInUse, match=r"reviews/"):
        await reviewed.place.audits.delete(ADMIN, reviewed.audit.name)
    await reviewed.reviews.delete(ADMIN, name)
    await reviewed.place.audits.delete(ADMIN, reviewed.audit.name)


@pytest.mark.long
async def test_a_review_has_a_bounded_number_of_reviewers(reviewed):
    name = (await reviewed.create()).review.name
    invitations = await asyncio.gather(*(reviewed.reviews.invite(AUDITOR, name, "") for _ in range(4)))
    while len(invitations) < MOST_REVIEWERS:
        invitations.append(await reviewed.reviews.invite(AUDITOR, name, ""))

    assert sorted(one.reviewer.number for one in invitations) == list(range(MOST_REVIEWERS))
    with pytest.raises(ReviewFull):
        await reviewed.reviews.invite(AUDITOR, name, "")


@pytest.mark.parametrize(("kind", "said"), [(Kept.FINDINGS, "The findings of "), (Kept.IMAGES, "The pictures of ")])
@pytest.mark.long
async def test_nobody_is_invited_to_what_retention_deleted(reviewed, kind, said):
    name = (await reviewed.create()).review.name
    past = reviewed.audit.specification.dataset if kind is Kept.IMAGES else reviewed.audit.name
    async with reviewed.place.store.transaction() as transaction:
        await transaction.retention.let_go(PROJECT, kind, past, days=0)

    with pytest.raises(RetentionPassed, match=said):
        await reviewed.reviews.invite(AUDITOR, name, "Ada")
