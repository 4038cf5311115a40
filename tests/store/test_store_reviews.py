"""Blind reviews in Postgres: what was acknowledged stays, each answer once, links once."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from modicum_server.domain.reviews import PictureKind, Review, ReviewAnswer, Reviewer, Seat

from tests.measures.reviewed import plan_of, session

DAY = 24 * 3600.0
PLAN = plan_of(30)


def review_value(audit: str, review: str = "r") -> Review:
    return Review(f"{audit}/reviews/{review}", audit, PLAN, (), "someone", datetime(2020, 1, 1, tzinfo=UTC))


@pytest.fixture
async def review(scene) -> Review:
    audit = await scene.audit()
    async with scene.store.transaction() as transaction:
        return await transaction.reviews.create(review_value(audit.name))


async def invite(scene, review: Review, number: int = 0, seconds: float = DAY) -> Reviewer:
    reviewer = Reviewer(number, f"person {number}", session(PLAN, number))
    async with scene.store.transaction() as transaction:
        await transaction.reviews.add_reviewer(review.name, reviewer, f"link {number}", seconds=seconds)
    return reviewer


async def stored(scene, review: Review) -> Review:
    async with scene.store.transaction() as transaction:
        return await transaction.reviews.get(review.name)


async def test_a_review_comes_back_as_it_was_stored(scene, review):
    first = await invite(scene, review)
    second = await invite(scene, review, 1)

    assert await stored(scene, review) == replace(review, reviewers=(first, second))
    assert review.plan == PLAN


async def test_a_review_of_an_audit_that_is_gone_is_not_stored(scene):
    async with scene.store.transaction() as transaction:
        assert await transaction.reviews.create(review_value("projects/default/audits/gone")) is None


async def test_reviews_of_an_audit_are_listed_newest_first(scene, review):
    other = await scene.audit("two", version=(await scene.get(review.audit)).specification.model_versions[0])
    async with scene.store.transaction() as transaction:
        newer = await transaction.reviews.create(review_value(review.audit, "newer"))
        await transaction.reviews.create(review_value(other.name))
        first = await transaction.reviews.page(review.audit, after="", limit=1)
        rest = await transaction.reviews.page(review.audit, after=first[0][0], limit=9)

    assert [one for _, one in (*first, *rest)] == [newer, review]
    async with scene.store.transaction() as transaction:
        assert await transaction.reviews.of_audit(review.audit) == [review.name, newer.name]


async def test_a_link_works_once_and_its_secret_then_stands_for_the_reviewer(scene, review):
    await invite(scene, review)

    async with scene.store.transaction() as transaction:
        taken = [await transaction.reviews.take_link("link 0", secret) for secret in ("mine", "theirs")]
        seats = [await transaction.reviews.seat(secret) for secret in ("mine", "theirs", "link 0")]

    assert taken == [True, False]
    assert seats == [Seat(review.name, 0), None, None]


async def test_two_browsers_that_take_a_link_at_once_get_it_once(scene, review):
    await invite(scene, review)

    async def take(secret: str) -> bool:
        async with scene.store.transaction() as transaction:
            return await transaction.reviews.take_link("link 0", secret)

    assert sorted(await asyncio.gather(*(take(f"browser {number}") for number in range(5)))) == [False] * 4 + [True]


async def test_links_and_sessions_end(scene, review):
    await invite(scene, review, 0, seconds=-1)
    await invite(scene, review, 1)

    async with scene.store.transaction() as transaction:
        assert not await transaction.reviews.take_link("link 0", "mine")
        assert await transaction.reviews.take_link("link 1", "yours")
        assert await transaction.reviews.seat("yours") == Seat(review.name, 1)


async def test_the_first_answer_to_a_picture_stays(scene, review):
    reviewer, seat = await invite(scene, review), Seat(review.name, 0)
    for place, choice in ((0, 3), (0, 5), (1, None), (1, 2), (0, None)):
        async with scene.store.transaction() as transaction:
            await transaction.reviews.add_answer(seat, place, choice)

    told = (await stored(scene, review)).reviewers[0].answers

    assert told == (ReviewAnswer(reviewer.pictures[0], 3), ReviewAnswer(reviewer.pictures[1], None))
    assert reviewer.pictures[-1].kind is PictureKind.WHOLE


async def test_two_answers_at_once_are_one(scene, review):
    await invite(scene, review)

    async def answer(choice: int) -> None:
        async with scene.store.transaction() as transaction:
            await transaction.reviews.add_answer(Seat(review.name, 0), 0, choice)

    await asyncio.gather(*map(answer, range(6)))

    assert len((await stored(scene, review)).reviewers[0].answers) == 1


async def test_a_deleted_review_takes_its_reviewers_and_answers_along(scene, review):
    await invite(scene, review)
    async with scene.store.transaction() as transaction:
        await transaction.reviews.take_link("link 0", "mine")
        await transaction.reviews.add_answer(Seat(review.name, 0), 0, 1)
        await transaction.reviews.delete(review.name)

        await transaction.reviews.add_answer(Seat(review.name, 0), 1, 1)  # somebody was answering

    assert await stored(scene, review) is None
    async with scene.store.transaction() as transaction:
        assert await transaction.reviews.seat("mine") is None


async def test_an_answer_during_a_deletion_waits_for_it_and_is_not_stored(scene, review, until_one_waits):
    await invite(scene, review)

    async def answer() -> None:
        async with scene.store.transaction() as transaction:
            await transaction.reviews.add_answer(Seat(review.name, 0), 0, 1)

    async with scene.store.transaction() as transaction:
        await transaction.reviews.delete(review.name)
        answering = asyncio.create_task(answer())
        await until_one_waits()
    await answering

    assert await stored(scene, review) is None
