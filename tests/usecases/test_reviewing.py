"""A session of a blind review: how it begins, which pictures it shows, and which answers count."""

import asyncio
import hashlib

import pytest
from modicum_server.domain.reviews import PictureKind, Seat
from modicum_server.errors import FieldInvalid, FindingNotFound, PageNotFound, RoleInsufficient
from modicum_server.store.reviews import PostgresReviews
from modicum_server.usecases.review_errors import ReviewerUnknown, ReviewLinkUsed

from tests.usecases.reviews_stage import GREY, IMAGES, LABELS, PIXELS, picture
from tests.usecases.usecases_stage import ADMIN, AUDITOR, VIEWER


@pytest.mark.long
async def test_a_link_works_once(reviewed):
    name = (await reviewed.create()).review.name
    link = (await reviewed.reviews.invite(AUDITOR, name, "Ada")).path.partition("#")[2]
    await reviewed.reviewing.take_link(link)

    for used in (link, "invented", ""):
        with pytest.raises(ReviewLinkUsed):
            await reviewed.reviewing.take_link(used)
        with pytest.raises(ReviewerUnknown):
            await reviewed.reviewing.now(used)


@pytest.mark.long
async def test_another_link_leads_a_reviewer_on_and_ends_what_was_before(reviewed):
    name = (await reviewed.create()).review.name
    first = await reviewed.reviewer(name)
    await reviewed.reviewing.answer(first, (await reviewed.reviewing.now(first)).picture_id, None)
    unused = (await reviewed.reviews.invite_again(AUDITOR, name, 0)).path.partition("#")[2]
    again = await reviewed.reviews.invite_again(AUDITOR, name, 0)

    with pytest.raises(ReviewLinkUsed):
        await reviewed.reviewing.take_link(unused)
    with pytest.raises(ReviewerUnknown):
        await reviewed.reviewing.now(first)
    secret = await reviewed.reviewing.take_link(again.path.partition("#")[2])
    assert (again.reviewer.number, (await reviewed.reviewing.now(secret)).number) == (0, 2)
    assert len((await reviewed.reviews.get(VIEWER, name)).review.reviewers) == 1


@pytest.mark.long_after(1)
@pytest.mark.parametrize("number", [-1, 1])
async def test_another_link_is_for_somebody_who_was_invited(reviewed, number):
    name = (await reviewed.create()).review.name
    await reviewed.reviews.invite(AUDITOR, name, "Ada")

    with pytest.raises(FieldInvalid, match="expected a number below 1"):
        await reviewed.reviews.invite_again(AUDITOR, name, number)
    with pytest.raises(RoleInsufficient):
        await reviewed.reviews.invite_again(VIEWER, name, 0)


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.long
async def test_a_review_that_is_deleted_while_somebody_answers_is_not_named(reviewed, monkeypatch, number):
    kept, deleted = [(await reviewed.create()).review.name for _ in range(2)]
    secret = await reviewed.reviewer(kept)
    await reviewed.reviews.delete(ADMIN, deleted)

    async def seat(_: object, __: str) -> Seat:
        return (Seat(deleted, 0), Seat(kept, 1))[number]  # its row is gone, or those of its reviewers are

    monkeypatch.setattr(PostgresReviews, "seat", seat)

    with pytest.raises(ReviewerUnknown):
        await reviewed.reviewing.now(secret)


@pytest.mark.long
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


@pytest.mark.long
async def test_a_reviewer_does_not_learn_which_file_is_gone(reviewed):
    secret = await reviewed.reviewer((await reviewed.create()).review.name)
    shown = await reviewed.reviewing.now(secret)
    digests = [hashlib.sha256(picture(place)).hexdigest() for place in range(IMAGES)]
    for digest in digests:
        await reviewed.place.artifact_store.delete(digest)

    with pytest.raises(FindingNotFound) as failure:
        await reviewed.reviewing.picture(secret, shown.picture_id)

    assert not any(digest in str(failure.value) for digest in digests)


@pytest.mark.long
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
