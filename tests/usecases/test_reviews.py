"""Blind reviews: what is shown, who may do what, and what reviewers get to see."""

import asyncio
import hashlib
import io
import json
from dataclasses import dataclass, replace
from uuid import uuid4

import numpy as np
import pytest
from modicum_server.domain.audits import Audit
from modicum_server.domain.findings import Finding
from modicum_server.domain.reviews import PictureKind, ReviewOutcome, Seat
from modicum_server.domain.searches import TargetRule
from modicum_server.domain.verdicts import VerdictOutcome
from modicum_server.errors import (
    AuditNotFound,
    AuditNotSucceeded,
    FieldInvalid,
    FindingNotFound,
    PageNotFound,
    ProjectNotFound,
    RequestIdReused,
    ResourceInUse,
    ReviewerUnknown,
    ReviewFull,
    ReviewImpossible,
    ReviewLinkUsed,
    ReviewNotFound,
    RoleInsufficient,
)
from modicum_server.reports.renderer import Renderer
from modicum_server.store.reviews import PostgresReviews
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.read_reviews import review_document
from modicum_server.usecases.reports import REVIEWS_READ
from modicum_server.usecases.request_ids import CreateOptions
from modicum_server.usecases.reviewing import Reviewing
from modicum_server.usecases.reviews import AskedReview, Reviews
from modicum_server.usecases.rules import MOST_REVIEWERS
from modicum_server.usecases.stored_results import read_document
from PIL import Image

from tests.gate.documents import VERSION, document
from tests.measures.example_audit import finding, subset
from tests.usecases.judging_stage import judged
from tests.usecases.usecases_stage import ADMIN, AUDITOR, CHECK, SEARCH, STRANGER, VIEWER, Place, draft

LABELS = tuple(f"kind {index}" for index in range(10))
IMAGES = 30
PIXELS = 64
WHITE, GREY = (255, 255, 255), (128, 128, 128)
SMALL = AskedReview(largest_fraction=0.2)


def picture(place: int) -> bytes:
    """White, with a mark that tells the image."""
    data = io.BytesIO()
    image = Image.new("RGB", (8, 8), WHITE)
    image.putpixel((7, 7), (place, 0, 0))
    image.save(data, "PNG")
    return data.getvalue()


@dataclass
class Reviewed:
    """An audit that succeeded, and the use cases of its reviews."""

    place: Place
    audit: Audit
    reviews: Reviews
    reviewing: Reviewing

    async def create(self, asked: AskedReview = SMALL, who=AUDITOR, **options):
        return await self.reviews.create(who, self.audit.name, asked, CreateOptions(**options))

    async def reviewer(self, name: str) -> str:
        """Invite somebody; returns the secret of the session."""
        invitation = await self.reviews.invite(AUDITOR, name, "Ada")
        return await self.reviewing.take_link(invitation.path.partition("#")[2])

    async def create_many(self, count: int) -> None:
        """Store so many reviews that nobody answers."""
        drawn = (await self.create()).review
        async with self.place.store.transaction() as transaction:
            for number in range(count):
                await transaction.reviews.create(replace(drawn, name=f"{drawn.name}-{number}"))

    async def answer(self, name: str, *, people: int, naming: list[PictureKind]) -> None:
        """Let people answer every picture: the class on pictures of these kinds, and else that nothing is there."""
        for _ in range(people):
            secret = await self.reviewer(name)
            review = (await self.reviews.get(VIEWER, name)).review
            for planned in review.reviewers[-1].pictures:
                shown = await self.reviewing.now(secret)
                label = LABELS[review.plan.images[planned.image].predicted_class]
                option = shown.options.index(label) + 1 if planned.kind in naming else None
                await self.reviewing.answer(secret, shown.picture_id, option)

    async def reported(self) -> list[dict]:
        """What a report says of the reviews."""
        result = await read_document(self.place.artifact_store, self.audit.result_digest)
        return (await self.place.reports.as_reported(self.audit, result)).get("reviews", [])

    async def pixels(self, secret: str, picture_id: str) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(await self.reviewing.picture(secret, picture_id))))


async def audited(place: Place, found: list[Finding], **changes) -> Reviewed:
    version = await place.register(class_labels=LABELS, check=replace(CHECK, class_count=10))
    asked = draft(versions=(version.name,), dataset=await place.dataset(count=3, labels=LABELS[:2]), **changes)
    audit = await place.audit(asked)
    stored = []
    for one in found:
        digest = await place.upload(picture(one.position))
        stored.append(replace(one, model_version=version.name, image_digest=digest))
    async with place.store.transaction() as transaction:
        await transaction.findings.add(audit.name, stored)
    result = json.loads(json.dumps(document(spots=(), audit=audit.name)).replace(VERSION, version.name))
    result["specification"]["statistics"]["alpha"] = SMALL.largest_fraction
    await place.succeed(audit.name, result, stored)
    audit = await place.audits.get(AUDITOR, audit.name)
    reviews = Reviews(place.store, place.artifact_store)
    reviewing = Reviewing(place.store, place.artifact_store, Renderer(), place.reports, place.settings)
    return Reviewed(place, audit, reviews, reviewing)


def found_on(place: int, size: int = 5, **changes) -> Finding:
    return finding(place, size, predicted_class=place % 10, target_class=place % 10, **changes)


@pytest.fixture
async def reviewed(place) -> Reviewed:
    return await audited(place, [found_on(number, 4 + number % 5) for number in range(IMAGES)])


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
    reviews = Reviews(place.store, place.artifact_store)

    with pytest.raises(AuditNotSucceeded):
        await reviews.create(AUDITOR, audit.name, SMALL, CreateOptions())
    with pytest.raises(AuditNotFound):
        await reviews.create(AUDITOR, f"{audit.name}-gone", SMALL, CreateOptions())


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


async def test_an_audit_with_a_review_is_not_deleted(reviewed):
    name = (await reviewed.create()).review.name

    with pytest.raises(ResourceInUse, match=r"reviews/"):
        await reviewed.place.audits.delete(ADMIN, reviewed.audit.name)
    await reviewed.reviews.delete(ADMIN, name)
    await reviewed.place.audits.delete(ADMIN, reviewed.audit.name)


async def test_a_link_works_once(reviewed):
    name = (await reviewed.create()).review.name
    link = (await reviewed.reviews.invite(AUDITOR, name, "Ada")).path.partition("#")[2]
    await reviewed.reviewing.take_link(link)

    for used in (link, "invented", ""):
        with pytest.raises(ReviewLinkUsed):
            await reviewed.reviewing.take_link(used)
        with pytest.raises(ReviewerUnknown):
            await reviewed.reviewing.now(used)


@pytest.mark.parametrize("number", [0, 1])
async def test_a_review_that_is_deleted_while_somebody_answers_is_not_named(reviewed, monkeypatch, number):
    kept, deleted = [(await reviewed.create()).review.name for _ in range(2)]
    secret = await reviewed.reviewer(kept)
    await reviewed.reviews.delete(ADMIN, deleted)

    async def seat(_: object, __: str) -> Seat:
        return (Seat(deleted, 0), Seat(kept, 1))[number]  # its row is gone, or those of its reviewers are

    monkeypatch.setattr(PostgresReviews, "seat", seat)

    with pytest.raises(ReviewerUnknown):
        await reviewed.reviewing.now(secret)


async def test_a_review_has_a_bounded_number_of_reviewers(reviewed):
    name = (await reviewed.create()).review.name
    invitations = await asyncio.gather(*(reviewed.reviews.invite(AUDITOR, name, "") for _ in range(4)))
    while len(invitations) < MOST_REVIEWERS:
        invitations.append(await reviewed.reviews.invite(AUDITOR, name, ""))

    assert sorted(one.reviewer.number for one in invitations) == list(range(MOST_REVIEWERS))
    with pytest.raises(ReviewFull):
        await reviewed.reviews.invite(AUDITOR, name, "")


async def test_pictures_are_what_the_plan_says_and_all_have_one_length(reviewed):
    read = await reviewed.create()
    secret, lengths = await reviewed.reviewer(read.review.name), set()
    session = (await reviewed.reviews.get(VIEWER, read.review.name)).review.reviewers[0]

    for number, planned in enumerate(session.pictures, 1):
        shown = await reviewed.reviewing.now(secret)
        assert (shown.number, shown.count) == (number, 24)
        lengths.add(len(await reviewed.reviewing.picture(secret, shown.picture_id)))
        pixels = await reviewed.pixels(secret, shown.picture_id)
        kept = (pixels != GREY).any(axis=2)
        image = read.review.plan.images[planned.image]
        if planned.kind is PictureKind.WHOLE:
            assert kept.all()
            assert pixels[7, 7, 0] == image.position
        elif planned.kind is PictureKind.SUBSET:
            assert kept.ravel().tolist() == [place < image.subset_size for place in range(PIXELS)]
        else:
            assert kept.sum() == image.random_size
        await reviewed.reviewing.answer(secret, shown.picture_id, None)

    assert await reviewed.reviewing.now(secret) is None
    assert len(lengths) == 1


async def test_only_the_picture_whose_turn_it_is_is_given_away(reviewed):
    name = (await reviewed.create()).review.name
    mine, theirs = await reviewed.reviewer(name), await reviewed.reviewer(name)
    first = await reviewed.reviewing.now(mine)
    await reviewed.reviewing.answer(mine, first.picture_id, 1)
    second = await reviewed.reviewing.now(mine)

    assert second.picture_id not in {first.picture_id, (await reviewed.reviewing.now(theirs)).picture_id}
    for secret, picture_id in ((mine, first.picture_id), (theirs, second.picture_id), (mine, ""), (mine, "ä")):
        with pytest.raises(PageNotFound):
            await reviewed.reviewing.picture(secret, picture_id)
    with pytest.raises(PageNotFound):
        await reviewed.reviewing.answer(theirs, second.picture_id, 1)


async def test_a_reviewer_does_not_learn_which_file_is_gone(reviewed):
    secret = await reviewed.reviewer((await reviewed.create()).review.name)
    shown = await reviewed.reviewing.now(secret)
    digests = [hashlib.sha256(picture(place)).hexdigest() for place in range(IMAGES)]
    for digest in digests:
        await reviewed.place.artifact_store.delete(digest)

    with pytest.raises(FindingNotFound) as failure:
        await reviewed.reviewing.picture(secret, shown.picture_id)

    assert not any(digest in str(failure.value) for digest in digests)


async def test_each_answer_counts_once(reviewed):
    name = (await reviewed.create()).review.name
    secret = await reviewed.reviewer(name)
    first = await reviewed.reviewing.now(secret)
    await reviewed.reviewing.answer(secret, first.picture_id, 2)
    await asyncio.gather(*(reviewed.reviewing.answer(secret, first.picture_id, option) for option in (None, 1, 9)))
    second = await reviewed.reviewing.now(secret)
    for option in (-1, 0, 10):
        with pytest.raises(FieldInvalid, match="option"):
            await reviewed.reviewing.answer(secret, second.picture_id, option)

    review = (await reviewed.reviews.get(VIEWER, name)).review
    (told,) = review.reviewers[0].answers
    assert LABELS[told.choice] == first.options[1]


async def test_answers_move_the_figures_and_the_digest_which_is_that_of_the_document(reviewed):
    before = await reviewed.create()
    secret = await reviewed.reviewer(before.review.name)
    invited = await reviewed.reviews.get(VIEWER, before.review.name)
    shown = await reviewed.reviewing.now(secret)
    await reviewed.reviewing.answer(secret, shown.picture_id, None)
    after = await reviewed.reviews.get(VIEWER, before.review.name)

    assert len({before.digest, invited.digest, after.digest}) == 3
    document = review_document(after.review)
    assert hashlib.sha256(document).hexdigest() == after.digest
    assert "Ada" not in document.decode()
    assert len(json.loads(document)["sessions"][0]) == 1
    assert after.figures.outcome is ReviewOutcome.INCONCLUSIVE


async def test_people_who_recognise_whole_pictures_alone_confirm(reviewed):
    name = (await reviewed.create()).review.name
    await reviewed.answer(name, people=3, naming=[PictureKind.WHOLE])

    assert (await reviewed.reviews.get(VIEWER, name)).figures.outcome is ReviewOutcome.CONFIRMED


def test_masks_of_this_module_keep_their_first_pixels():
    assert subset(5).fraction == 5 / PIXELS


async def test_a_report_names_a_review_from_its_first_ended_session_on_and_the_result_stays(reviewed):
    result = await read_document(reviewed.place.artifact_store, reviewed.audit.result_digest)
    first = (await reviewed.create()).review.name
    secret = await reviewed.reviewer(first)
    await reviewed.reviewing.answer(secret, (await reviewed.reviewing.now(secret)).picture_id, None)
    assert await reviewed.reported() == []
    assert await reviewed.place.reports.as_reported(reviewed.audit, result) == result

    await reviewed.answer(first, people=1, naming=[])

    read = await reviewed.reviews.get(VIEWER, first)
    assert await reviewed.reported() == [
        {
            "name": first,
            "model_version": read.review.plan.model_version,
            "search_index": 0,
            "largest_fraction": 0.2,
            "outcome": "INCONCLUSIVE",
            "outcomes": [[tail, "INCONCLUSIVE"] for tail in (0.05, 0.025, 0.01, 0.005)],
            "could_confirm": False,
            "text": read.figures.text,
            "answers": 25,
            "digest": read.digest,
        }
    ]
    assert (await reviewed.place.audits.get(VIEWER, reviewed.audit.name)).result_digest == reviewed.audit.result_digest


SEEING = [PictureKind.SUBSET, PictureKind.WHOLE]
REFUSES_CONFIRMED = "version: 1\nrules: {spot: off, review: {expect: [SEEN, INCONCLUSIVE]}}\n"


async def test_no_newer_review_hides_one_that_is_confirmed(reviewed):
    confirmed = (await reviewed.create()).review.name
    await reviewed.answer(confirmed, people=4, naming=[PictureKind.WHOLE])
    await reviewed.create_many(REVIEWS_READ)
    unsettled, begun, seen = [(await reviewed.create(replace(SMALL, seed=seed))).review.name for seed in (7, 8, 9)]
    await reviewed.answer(unsettled, people=1, naming=[])
    secret = await reviewed.reviewer(begun)
    await reviewed.reviewing.answer(secret, (await reviewed.reviewing.now(secret)).picture_id, None)

    before = [(one["name"], one["outcome"]) for one in await reviewed.reported()]
    await reviewed.answer(seen, people=3, naming=SEEING)
    after = [(one["name"], one["outcome"]) for one in await reviewed.reported()]

    assert before == [(confirmed, "CONFIRMED")]
    assert after == [(seen, "SEEN"), (confirmed, "CONFIRMED")]
    stored = await judged(reviewed.place, reviewed.audit.name, REFUSES_CONFIRMED)
    assert (stored.outcome, [rule.check_count for rule in stored.rules]) == (VerdictOutcome.FAIL, [2])


async def test_reviews_of_larger_subsets_neither_hide_those_of_small_ones_nor_pass_for_them(reviewed):
    larger = [replace(SMALL, largest_fraction=0.5, seed=seed) for seed in (7, 8)]
    seen = (await reviewed.create(larger[0])).review.name
    await reviewed.answer(seen, people=3, naming=SEEING)
    alone = await judged(
        reviewed.place, reviewed.audit.name, "version: 1\nrules: {spot: off, review: {expect: [SEEN]}}\n"
    )
    small = (await reviewed.create()).review.name
    await reviewed.answer(small, people=4, naming=[PictureKind.WHOLE])
    newest = (await reviewed.create(larger[1])).review.name
    await reviewed.answer(newest, people=4, naming=[PictureKind.WHOLE])

    told = [(one["name"], one["outcome"], one["largest_fraction"]) for one in await reviewed.reported()]

    assert told == [(newest, "CONFIRMED", 0.5), (small, "CONFIRMED", 0.2), (seen, "SEEN", 0.5)]
    assert alone.outcome is VerdictOutcome.INCONCLUSIVE
    assert "it shows subsets of at most 0.5 of the pixels" in alone.rules[0].worst.reason
    stored = await judged(reviewed.place, reviewed.audit.name, REFUSES_CONFIRMED)
    assert (stored.outcome, [rule.check_count for rule in stored.rules]) == (VerdictOutcome.FAIL, [1])


async def test_a_stored_verdict_passes_by_no_review_that_could_have_confirmed_nothing(reviewed):
    name = (await reviewed.create()).review.name
    secret = await reviewed.reviewer(name)
    await reviewed.reviewing.answer(secret, (await reviewed.reviewing.now(secret)).picture_id, None)
    one_answer = await judged(reviewed.place, reviewed.audit.name, REFUSES_CONFIRMED)
    await reviewed.answer(name, people=1, naming=[PictureKind.WHOLE])
    one_session = await judged(reviewed.place, reviewed.audit.name, REFUSES_CONFIRMED)

    assert [one.outcome for one in (one_answer, one_session)] == [VerdictOutcome.INCONCLUSIVE] * 2
    assert "there is no blind review of it" in one_answer.rules[0].worst.reason
    assert "could not have been CONFIRMED" in one_session.rules[0].worst.reason
